//! A page of a channel's history: each item as the exact text that was received, with the id parsed from it.
//! Nothing is concluded from positions, because other servers with this protocol order pages differently.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::client::Rest;
use super::error::RestError;
use super::route::Route;
use crate::message::{ChannelId, MessageId};

/// The maximum number of messages in a page.
const MAX_LIMIT: u8 = 100;

/// The position of a page; the id itself is not part of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryCursor {
    /// The newest messages.
    Latest,
    /// The newest messages before this id.
    Before(MessageId),
    /// The oldest messages after this id.
    After(MessageId),
    /// The oldest messages of the channel.
    Oldest,
}

/// A page of history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryPage {
    /// The items, in the order of the response.
    pub items: Vec<PageItem>,
    /// The lowest id; `None` if no item has one.
    pub min_id: Option<MessageId>,
    /// The highest id.
    pub max_id: Option<MessageId>,
    /// The time just before the page was requested: the page shows the state at that time, or a later one.
    pub asked_at: DateTime<Utc>,
}

/// An item of a page: a message, or something invalid in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageItem {
    /// The id, if the item has a valid one.
    pub id: Option<MessageId>,
    /// The text, byte for byte.
    pub raw: Box<str>,
}

/// An error in the order of a page, which may mean that the page lacks messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Disorder {
    /// The page contains messages that are not before the requested id.
    #[error("it contains messages that are not older than the requested message id")]
    NotBefore,
    /// The page contains a message several times.
    #[error("it contains the same message several times")]
    Repeated,
    /// The messages are not ordered newest first.
    #[error("its messages are not ordered newest first")]
    Rising,
}

/// How much newer than an earlier item an item of a page may be. A server whose machines disagree slightly
/// about the time, or that sorts by another field, still returns the newest first.
const JITTER: i64 = 1_000 << 22;

impl HistoryPage {
    /// The error in the order of this page, if it is a page of the newest messages or of those before an id.
    /// Nobody can see which messages a page lacks, but a wrong order shows that the page is not what was
    /// requested.
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

    /// The position of the next page in the direction of `cursor`; `None` if this page does not lead beyond
    /// `cursor`, because it is empty or because the server did not do what was requested.
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

    pub(crate) fn read(body: &[u8]) -> Result<Self, serde_json::Error> {
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

/// Ids are strings, but a number is accepted too.
fn id_of(raw: &str) -> Option<MessageId> {
    match serde_json::from_str::<WithId>(raw).ok()?.id {
        Value::String(id) => id.parse().ok(),
        Value::Number(id) => id.as_u64()?.try_into().ok(),
        _ => None,
    }
}

impl Rest {
    /// A page of a channel's or thread's history, with at most `limit` messages (limited to 1 to 100).
    ///
    /// Without the permission READ_MESSAGE_HISTORY Discord returns an empty page, so an empty first page does
    /// not prove an empty channel.
    ///
    /// # Errors
    /// As for every request: see [`RestError`].
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

    /// One message as it was received, with the time just before the request; `None` if it does not exist, or
    /// no longer.
    ///
    /// # Errors
    /// As for every request: see [`RestError`].
    pub async fn message(
        &self,
        channel: ChannelId,
        message: MessageId,
    ) -> Result<Option<(Box<str>, DateTime<Utc>)>, RestError> {
        /// Discord's code for a message that does not exist.
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
        // Two messages of the same moment, sorted by another field.
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
