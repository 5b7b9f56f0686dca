//! The fields of a payload that become columns, in Discord's form.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::UserId;
use super::tally::Count;

/// The columns that are read from a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// The author: a user, a bot or a webhook.
    pub author_id: UserId,
    /// The author's user name (not the nickname, which belongs to the guild and changes).
    pub author_name: String,
    /// Whether an app or a webhook wrote the message.
    pub author_is_bot: bool,
    /// The message text as typed, with Discord's markup.
    pub content: String,
    /// The last edit by the author; an unfurled link is not an edit.
    pub edited_at: Option<DateTime<Utc>>,
    /// Discord's message type: 0 a normal message, 19 a reply, 18 a created thread, …
    pub message_type: i32,
    /// Number of attached files.
    pub attachment_count: i32,
    /// Number of embeds (link previews, bot cards).
    pub embed_count: i32,
    /// The reactions in the payload.
    pub reactions: Vec<Count>,
    /// Whether the message has a poll.
    pub has_poll: bool,
    /// The votes in the poll, if the payload contains them.
    pub votes: Option<Vec<Count>>,
}

/// The author in a payload.
#[derive(Deserialize)]
pub(super) struct Author {
    pub(super) id: UserId,
    pub(super) username: String,
    #[serde(default)]
    bot: Option<Value>,
}

impl Author {
    /// Whether the author is an app. A value that is not a boolean counts as false.
    pub(super) fn is_bot(&self) -> bool {
        self.bot.as_ref().and_then(Value::as_bool) == Some(true)
    }
}

/// The number of items in a list, whatever they are.
pub(super) fn count(items: &[IgnoredAny]) -> i32 {
    i32::try_from(items.len()).unwrap_or(i32::MAX)
}
