//! The lists of archived threads, page by page. Public and private ones are paged by the time they
//! were archived, those that the bot joined by id; a page that leads nowhere ends the walk.

use std::fmt;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use crate::message::ChannelId;

use super::model::{ChannelInfo, ThreadList, readable};
use super::route::Route;
use super::{Rest, RestError};

/// The most threads that Discord puts into a page.
const LIMIT: u8 = 100;

/// Which list of a channel's archived threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArchivedKind {
    /// The public ones (in an announcement channel: the announcement threads).
    Public,
    /// All private ones; needs MANAGE_THREADS.
    Private,
    /// The private ones that the bot has joined.
    JoinedPrivate,
}

impl ArchivedKind {
    fn path(self) -> &'static str {
        match self {
            Self::Public => "threads/archived/public",
            Self::Private => "threads/archived/private",
            Self::JoinedPrivate => "users/@me/threads/archived/private",
        }
    }
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchivedBefore {
    /// Archived before this time.
    Time(DateTime<Utc>),
    /// With an id below this one.
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
    /// The threads. One that stood on the page before can be here again.
    pub threads: Vec<ChannelInfo>,
    /// Whether Discord has more beyond this page.
    pub has_more: bool,
    /// Where the next page begins. `None` with `has_more` set: the server has more, but no page
    /// leads there, so the list is known to be incomplete.
    pub next_before: Option<ArchivedBefore>,
}

impl ThreadPage {
    fn new(
        kind: ArchivedKind,
        before: Option<ArchivedBefore>,
        threads: Vec<ChannelInfo>,
        has_more: bool,
    ) -> Self {
        let next_before = has_more
            .then(|| match kind {
                ArchivedKind::JoinedPrivate => next_id(before, &threads),
                ArchivedKind::Public | ArchivedKind::Private => next_time(before, &threads),
            })
            .flatten();
        Self {
            threads,
            has_more,
            next_before,
        }
    }
}

fn next_id(before: Option<ArchivedBefore>, threads: &[ChannelInfo]) -> Option<ArchivedBefore> {
    let lowest = threads.iter().map(|thread| thread.id).min()?;
    match before {
        Some(ArchivedBefore::Id(before)) if lowest >= before => None,
        _ => Some(ArchivedBefore::Id(lowest)),
    }
}

/// The time of the oldest thread, and a little more: several threads can be archived at the same
/// moment, and the page may have ended between them.
fn next_time(before: Option<ArchivedBefore>, threads: &[ChannelInfo]) -> Option<ArchivedBefore> {
    let oldest = threads
        .iter()
        .filter_map(|thread| Some(thread.thread_metadata?.archive_timestamp))
        .min()?;
    let overlapping = oldest + TimeDelta::milliseconds(1);
    match before {
        Some(ArchivedBefore::Time(before)) if oldest >= before => None,
        Some(ArchivedBefore::Time(before)) if overlapping >= before => {
            Some(ArchivedBefore::Time(oldest))
        }
        _ => Some(ArchivedBefore::Time(overlapping)),
    }
}

impl Rest {
    /// A page of a channel's archived threads: the first one if `before` is `None`, else the one
    /// that [`ThreadPage::next_before`] leads to.
    ///
    /// # Errors
    /// As every call: see [`RestError`].
    pub async fn archived_threads(
        &self,
        channel: ChannelId,
        kind: ArchivedKind,
        before: Option<ArchivedBefore>,
    ) -> Result<ThreadPage, RestError> {
        let mut route = Route::archived_threads(channel, kind.path()).with("limit", LIMIT);
        if let Some(before) = before {
            route = route.with("before", before);
        }
        let list: ThreadList = self.get(route, |body| serde_json::from_slice(body)).await?;
        let has_more = list.has_more;
        Ok(ThreadPage::new(kind, before, self.threads(&list), has_more))
    }

    /// The threads of a list, those marked that the bot is a member of.
    pub(super) fn threads(&self, list: &ThreadList) -> Vec<ChannelInfo> {
        let (mut threads, odd) = readable::<ChannelInfo>(&list.threads);
        self.note_odd("threads", odd);
        for thread in &mut threads {
            thread.joined |= list.members.iter().any(|member| member.id == thread.id);
        }
        threads
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

    fn time(text: &str) -> ArchivedBefore {
        ArchivedBefore::Time(text.parse().unwrap())
    }

    #[test]
    fn by_time_with_an_overlap_but_never_on_the_spot() {
        let next = |before: Option<&str>, archived: &[&str]| {
            let threads = archived.iter().map(|at| thread(5, at)).collect();
            ThreadPage::new(ArchivedKind::Public, before.map(time), threads, true).next_before
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
            let threads = vec![thread(7, at), thread(9, at)];
            ThreadPage::new(ArchivedKind::JoinedPrivate, before, threads, true).next_before
        };
        let seven = Some(ArchivedBefore::Id(ChannelId::try_from(7_i64).unwrap()));
        assert_eq!(next(None), seven);
        assert_eq!(next(Some(8)), seven);
        assert_eq!(next(Some(7)), None);
    }

    #[test]
    fn no_next_page_when_there_is_no_more() {
        let threads = vec![thread(7, "2024-01-01T00:00:01Z")];
        let page = ThreadPage::new(ArchivedKind::Private, None, threads, false);
        assert_eq!(page.next_before, None);
    }
}
