//! A page of a channel's history: each item as the exact text that came, with the id read from it.
//! Nothing is concluded from positions; other servers that speak this protocol order differently.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::client::Rest;
use super::error::RestError;
use super::route::Route;
use crate::message::{ChannelId, MessageId};

/// The most messages that Discord puts into a page.
const MAX_LIMIT: u8 = 100;

/// Which page; the id itself is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryCursor {
    /// The newest messages.
    Latest,
    /// The newest before this id.
    Before(MessageId),
    /// The oldest after this id.
    After(MessageId),
    /// The oldest of all.
    Oldest,
}

/// A page of history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryPage {
    /// The items, in the order they came.
    pub items: Vec<PageItem>,
    /// The lowest id; `None` if no item has one.
    pub min_id: Option<MessageId>,
    /// The highest id.
    pub max_id: Option<MessageId>,
    /// The time before it was asked for: what it shows was so then, or later.
    pub asked_at: DateTime<Utc>,
}

/// One item of a page: a message, or something odd in the place of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageItem {
    /// Its id, if it has one that can be read.
    pub id: Option<MessageId>,
    /// Its text, byte for byte.
    pub raw: Box<str>,
}

/// What is wrong with the order of a page: it may leave out what it should show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Disorder {
    /// It has messages that are not before the one that was asked for.
    #[error("it contains messages that are not older than the requested message id")]
    NotBefore,
    /// It has one message several times.
    #[error("it contains the same message several times")]
    Repeated,
    /// Its messages are not the newest first.
    #[error("its messages are not ordered newest first")]
    Rising,
}

/// How much younger than one before it a message of a page may be: a server whose machines disagree
/// a little about the time, or that sorts by another field, still shows the newest first.
const JITTER: i64 = 1_000 << 22;

impl HistoryPage {
    /// What is wrong with the order of this page, if it is one of the newest messages or of those
    /// before an id. Which messages a page leaves out nobody can see; that it is not what was asked
    /// for, its order tells.
    #[must_use]
    pub fn disorder(&self, cursor: HistoryCursor) -> Option<Disorder> {
        if let HistoryCursor::Before(id) = cursor
            && self.max_id.is_some_and(|max| max >= id)
        {
            return Some(Disorder::NotBefore);
        }
        let mut seen = HashSet::new();
        let mut lowest = i64::MAX - JITTER;
        for id in self.items.iter().filter_map(|item| item.id) {
            if !seen.insert(id) {
                return Some(Disorder::Repeated);
            }
            if id.as_i64() > lowest + JITTER {
                return Some(Disorder::Rising);
            }
            lowest = lowest.min(id.as_i64());
        }
        None
    }

    /// Where to go on in the direction of `cursor`, or `None` if this page leads nowhere beyond
    /// it: because it is empty, or because the server does not do what was asked.
    #[must_use]
    pub fn next(&self, cursor: HistoryCursor) -> Option<HistoryCursor> {
        match cursor {
            HistoryCursor::Latest => self.min_id.map(HistoryCursor::Before),
            HistoryCursor::Before(id) => self
                .min_id
                .filter(|min| *min < id)
                .map(HistoryCursor::Before),
            HistoryCursor::After(id) => self
                .max_id
                .filter(|max| *max > id)
                .map(HistoryCursor::After),
            HistoryCursor::Oldest => self.max_id.map(HistoryCursor::After),
        }
    }

    fn read(body: &[u8]) -> Result<Self, serde_json::Error> {
        let raw: Vec<Box<RawValue>> = serde_json::from_slice(body)?;
        let items: Vec<PageItem> = raw
            .into_iter()
            .map(|raw| PageItem {
                id: id_of(raw.get()),
                raw: raw.into(),
            })
            .collect();
        let ids = || items.iter().filter_map(|item| item.id);
        Ok(Self {
            min_id: ids().min(),
            max_id: ids().max(),
            asked_at: DateTime::default(),
            items,
        })
    }
}

#[derive(Deserialize)]
struct WithId {
    id: Value,
}

/// Ids are strings; a number is taken too.
fn id_of(raw: &str) -> Option<MessageId> {
    match serde_json::from_str::<WithId>(raw).ok()?.id {
        Value::String(id) => id.parse().ok(),
        Value::Number(id) => id.as_u64()?.try_into().ok(),
        _ => None,
    }
}

impl Rest {
    /// A page of a channel's or thread's history, of at most `limit` messages (1 to 100; beyond
    /// is the nearest).
    ///
    /// Without the permission READ_MESSAGE_HISTORY Discord answers an empty page, so an empty
    /// first page does not say that the channel is empty.
    ///
    /// # Errors
    /// As every call: see [`RestError`].
    pub async fn history_page(
        &self,
        channel: ChannelId,
        cursor: HistoryCursor,
        limit: u8,
    ) -> Result<HistoryPage, RestError> {
        let route = Route::messages(channel).with("limit", &limit.clamp(1, MAX_LIMIT));
        let route = match cursor {
            HistoryCursor::Latest => route,
            HistoryCursor::Before(id) => route.with("before", &id),
            HistoryCursor::After(id) => route.with("after", &id),
            HistoryCursor::Oldest => route.with("after", &0),
        };
        let read = |body: &[u8], asked_at| {
            let page = HistoryPage::read(body)?;
            Ok(HistoryPage { asked_at, ..page })
        };
        self.ask(route, read).await
    }

    /// One message as it came, with the time before it was asked for; `None` if it is not there (any more).
    ///
    /// # Errors
    /// As every call: see [`RestError`].
    pub async fn message(
        &self,
        channel: ChannelId,
        message: MessageId,
    ) -> Result<Option<(Box<str>, DateTime<Utc>)>, RestError> {
        /// Discord's code for a message that is not there.
        const UNKNOWN_MESSAGE: i64 = 10_008;
        let read = |body: &[u8], asked_at| {
            let raw = serde_json::from_slice::<Box<RawValue>>(body)?;
            Ok((raw.into(), asked_at))
        };
        match self.ask(Route::message(channel, message), read).await {
            Ok(found) => Ok(Some(found)),
            Err(RestError::NotFound {
                code: UNKNOWN_MESSAGE,
                ..
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: i64) -> MessageId {
        id.try_into().unwrap()
    }

    #[test]
    fn items_keep_their_bytes_and_a_readable_id() {
        let items = [
            r#"{"id":"30","content":"caf\u00e9 \ud83d","x": 1.0e0,  "y":1e400}"#,
            r#"{"id":10,"content":null}"#,
            r#"{"id":"20"}"#,
            r#"{"id":"-5"}"#,
            r#"{"content":"no id"}"#,
            "null",
            "[1 ,2]",
            r#"{"id":"1","id":"2"}"#,
        ];
        let page = HistoryPage::read(format!(" [ {} ] ", items.join(" , ")).as_bytes()).unwrap();
        let raw: Vec<_> = page.items.iter().map(|item| &*item.raw).collect();
        assert_eq!(raw, items);
        let ids: Vec<_> = page.items.iter().map(|item| item.id).collect();
        let readable = [Some(id(30)), Some(id(10)), Some(id(20))];
        assert_eq!(ids[..3], readable);
        assert!(ids[3..].iter().all(Option::is_none));
        assert_eq!((page.min_id, page.max_id), (Some(id(10)), Some(id(30))));
    }

    #[test]
    fn what_is_no_list_is_no_page() {
        for body in [
            "",
            "{}",
            "[{\"id\":\"1\"}",
            "<html></html>",
            "[1] x",
            "[{\"id\":\"1\"},]",
        ] {
            assert!(HistoryPage::read(body.as_bytes()).is_err(), "{body}");
        }
        assert!(HistoryPage::read(b"[\"\xff\"]").is_err());
        assert_eq!(HistoryPage::read(b"[]").unwrap(), HistoryPage::default());
    }

    #[test]
    fn a_page_in_another_order_is_seen() {
        use HistoryCursor::{Before, Latest};
        let page = |ids: &[i64]| {
            let items: Vec<_> = ids.iter().map(|n| format!("{{\"id\":\"{n}\"}}")).collect();
            HistoryPage::read(format!("[{}]", items.join(",")).as_bytes()).unwrap()
        };
        let day = 86_400_000 << 22;
        assert_eq!(page(&[]).disorder(Latest), None);
        assert_eq!(page(&[3 * day, 2 * day, day]).disorder(Latest), None);
        let before = Before(id(3 * day));
        assert_eq!(page(&[2 * day, day]).disorder(before), None);
        let late = page(&[3 * day, 2 * day]).disorder(before);
        assert_eq!(late, Some(Disorder::NotBefore));
        let twice = page(&[2 * day, 2 * day]).disorder(before);
        assert_eq!(twice, Some(Disorder::Repeated));
        let rising = page(&[day, 2 * day]).disorder(before);
        assert_eq!(rising, Some(Disorder::Rising));
        // Two that were written at one moment, sorted by something else.
        assert_eq!(page(&[day, day + 5, 7]).disorder(before), None);
    }

    #[test]
    fn a_page_that_does_not_advance_leads_nowhere() {
        use HistoryCursor::{After, Before, Latest};
        let page = HistoryPage::read(br#"[{"id":"20"},{"id":"10"}]"#).unwrap();
        assert_eq!(page.next(Latest), Some(Before(id(10))));
        assert_eq!(page.next(Before(id(21))), Some(Before(id(10))));
        assert_eq!(page.next(Before(id(10))), None);
        assert_eq!(page.next(After(id(9))), Some(After(id(20))));
        assert_eq!(page.next(After(id(20))), None);
        assert_eq!(HistoryPage::default().next(Latest), None);
    }
}
