//! The lists of archived threads, page by page. Public and private threads are paged by the time of their
//! archiving, joined private threads by id; a page without a next position ends the list.

use std::fmt;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::client::Rest;
use super::error::RestError;
use super::model::{ChannelInfo, Listed, ThreadList, readable};
use super::route::{ArchivedKind, Route};
use crate::message::ChannelId;

/// The maximum number of threads in a page.
const LIMIT: u8 = 100;

/// Several threads can be archived at the same moment, and a page may end between them, so the next page begins
/// slightly later than this one ended.
const OVERLAP: TimeDelta = TimeDelta::milliseconds(1);

/// How far threads of a list may be out of order.
const JITTER: TimeDelta = TimeDelta::seconds(1);

/// The start of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchivedBefore {
    /// Threads archived before this time.
    Time(DateTime<Utc>),
    /// Threads with an id below this one.
    Id(ChannelId),
}

impl fmt::Display for ArchivedBefore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(time) => f.write_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true)),
            Self::Id(id) => id.fmt(f),
        }
    }
}

/// A page of archived threads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadPage {
    /// The threads. A thread of the previous page can be repeated.
    pub threads: Vec<ChannelInfo>,
    /// Whether Discord has more threads after this page.
    pub has_more: bool,
    /// The start of the next page. `None` with `has_more` set means that Discord has more threads that can't be
    /// requested, so the list is incomplete.
    pub next_before: Option<ArchivedBefore>,
    /// Whether all threads of the page were archived at the same moment and there are more: other threads of
    /// that moment are in no page, because the next one begins before it.
    pub is_cut: bool,
    /// Whether there are more threads and the page is not in the order by which the next one is requested, so
    /// that threads are missed.
    pub is_disordered: bool,
    /// The number of items that could not be parsed.
    pub odd: usize,
}

impl ThreadPage {
    fn new(
        kind: ArchivedKind,
        before: Option<ArchivedBefore>,
        Listed { channels, odd }: Listed,
        has_more: bool,
    ) -> Self {
        let threads = channels;
        let (next_before, is_cut) = match kind {
            _ if !has_more => (None, false),
            ArchivedKind::JoinedPrivate => (next_id(before, &threads), false),
            ArchivedKind::Public | ArchivedKind::Private => next_time(before, &threads),
        };
        Self {
            is_disordered: has_more && !falls(kind, &threads),
            threads,
            has_more,
            next_before,
            is_cut,
            odd,
        }
    }
}

/// Whether the threads are in the order of their list: last archived first, within the tolerated disorder;
/// joined private threads by their ids.
fn falls(kind: ArchivedKind, threads: &[ChannelInfo]) -> bool {
    let place = |thread: &ChannelInfo| match kind {
        ArchivedKind::JoinedPrivate => Some(thread.id.created_at()),
        ArchivedKind::Public | ArchivedKind::Private => {
            Some(thread.thread_metadata?.archive_timestamp)
        }
    };
    let places: Vec<DateTime<Utc>> = threads.iter().filter_map(place).collect();
    places
        .iter()
        .zip(places.iter().skip(1))
        .all(|(first, second)| *second <= *first + JITTER)
}

fn next_id(before: Option<ArchivedBefore>, threads: &[ChannelInfo]) -> Option<ArchivedBefore> {
    let lowest = threads.iter().map(|thread| thread.id).min()?;
    match before {
        Some(ArchivedBefore::Id(before)) if lowest >= before => None,
        _ => Some(ArchivedBefore::Id(lowest)),
    }
}

/// The time of the oldest thread, plus the overlap. If the page spans no more than that, exactly its time:
/// other threads of the same moment are missed then, which the second value tells.
fn next_time(
    before: Option<ArchivedBefore>,
    threads: &[ChannelInfo],
) -> (Option<ArchivedBefore>, bool) {
    let archived = threads
        .iter()
        .filter_map(|thread| Some(thread.thread_metadata?.archive_timestamp));
    let Some(oldest) = archived.min() else {
        return (None, false);
    };
    let overlapping = oldest + OVERLAP;
    match before {
        Some(ArchivedBefore::Time(before)) if oldest >= before => (None, false),
        Some(ArchivedBefore::Time(before)) if overlapping >= before => {
            (Some(ArchivedBefore::Time(oldest)), true)
        }
        _ => (Some(ArchivedBefore::Time(overlapping)), false),
    }
}

impl Rest {
    /// Requests a page of a channel's archived threads: the first one if `before` is `None`, otherwise the one
    /// to which [`ThreadPage::next_before`] leads.
    ///
    /// # Errors
    /// See [`RestError`].
    pub async fn archived_threads(
        &self,
        channel: ChannelId,
        kind: ArchivedKind,
        before: Option<ArchivedBefore>,
    ) -> Result<ThreadPage, RestError> {
        let mut route = Route::archived_threads(channel, kind).with("limit", &LIMIT);
        if let Some(before) = before {
            route = route.with("before", &before);
        }
        let list: ThreadList = self
            .ask(route, |body, _| serde_json::from_slice(body))
            .await?;
        // If a list does not tell whether it ends, it ends with a page that is not full.
        let is_full = list.threads.len() >= usize::from(LIMIT);
        let has_more = list.has_more.unwrap_or(is_full);
        Ok(ThreadPage::new(kind, before, self.threads(&list), has_more))
    }

    /// The threads of a list, with a mark on those of which the bot is a member.
    pub(super) fn threads(&self, list: &ThreadList) -> Listed {
        let (mut channels, odd) = readable::<ChannelInfo>(&list.threads);
        self.note_odd("threads", odd);
        for thread in &mut channels {
            thread.joined |= list.members.iter().any(|member| member.id == thread.id);
        }
        Listed { channels, odd }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread(id: i64, archived: &str) -> ChannelInfo {
        serde_json::from_str(&format!(
            r#"{{"id":"{id}","type":11,"thread_metadata":{{"archive_timestamp":"{archived}"}}}}"#
        ))
        .unwrap()
    }

    #[test]
    fn a_page_in_another_order_is_seen() {
        let (one, two) = ("2024-01-01T00:00:01Z", "2024-01-01T01:00:00Z");
        let is_disordered = |archived: &[&str], has_more| {
            let threads = archived.iter().map(|at| thread(5, at));
            page(ArchivedKind::Public, None, threads, has_more).is_disordered
        };
        assert!(is_disordered(&[one, two], true));
        assert!(!is_disordered(&[two, one], true));
        assert!(!is_disordered(&[one, two], false), "it is all there is");
    }

    fn page(
        kind: ArchivedKind,
        before: Option<ArchivedBefore>,
        threads: impl IntoIterator<Item = ChannelInfo>,
        has_more: bool,
    ) -> ThreadPage {
        let listed = Listed {
            channels: threads.into_iter().collect(),
            odd: 0,
        };
        ThreadPage::new(kind, before, listed, has_more)
    }

    #[test]
    fn a_page_of_one_moment_is_cut() {
        let (one, two) = ("2024-01-01T00:00:01Z", "2024-01-01T00:00:02Z");
        let is_cut = |before: Option<&str>, archived: &[&str], has_more| {
            let threads = archived.iter().map(|at| thread(5, at));
            page(ArchivedKind::Public, before.map(time), threads, has_more).is_cut
        };
        let overlapping = Some("2024-01-01T00:00:02.001Z");
        assert!(
            !is_cut(None, &[two, two], true),
            "the next page overlaps it"
        );
        assert!(is_cut(overlapping, &[two, two], true));
        assert!(!is_cut(overlapping, &[two, one], true));
        assert!(!is_cut(overlapping, &[two, two], false));
    }

    fn time(text: &str) -> ArchivedBefore {
        ArchivedBefore::Time(text.parse().unwrap())
    }

    #[test]
    fn by_time_with_an_overlap_but_never_on_the_spot() {
        let next = |before: Option<&str>, archived: &[&str]| {
            let threads = archived.iter().map(|at| thread(5, at));
            page(ArchivedKind::Public, before.map(time), threads, true).next_before
        };
        let (one, two) = ("2024-01-01T00:00:01Z", "2024-01-01T00:00:02Z");
        assert_eq!(
            next(None, &[two, one]),
            Some(time("2024-01-01T00:00:01.001Z"))
        );
        assert_eq!(
            next(None, &[one, two]),
            Some(time("2024-01-01T00:00:01.001Z"))
        );
        assert_eq!(
            next(Some("2024-01-01T00:00:01.001Z"), &[one]),
            Some(time(one))
        );
        assert_eq!(next(Some(one), &[one]), None);
        assert_eq!(next(Some(one), &[two]), None);
        assert_eq!(next(None, &[]), None);
        let written = time("2024-01-01T01:00:00.5+01:00").to_string();
        assert_eq!(written, "2024-01-01T00:00:00.500000Z");
    }

    #[test]
    fn joined_ones_by_id() {
        let next = |before: Option<i64>| {
            let before = before.map(|id| ArchivedBefore::Id(id.try_into().unwrap()));
            let at = "2024-01-01T00:00:01Z";
            let threads = [thread(7, at), thread(9, at)];
            page(ArchivedKind::JoinedPrivate, before, threads, true).next_before
        };
        let seven = Some(ArchivedBefore::Id(ChannelId::try_from(7_i64).unwrap()));
        assert_eq!(next(None), seven);
        assert_eq!(next(Some(8)), seven);
        assert_eq!(next(Some(7)), None);
    }

    #[test]
    fn no_next_page_when_there_is_no_more() {
        let threads = [thread(7, "2024-01-01T00:00:01Z")];
        let page = page(ArchivedKind::Private, None, threads, false);
        assert_eq!(page.next_before, None);
    }
}
