//! The fields that columns show, in the shapes that Discord gives them.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::UserId;
use super::tally::Count;

/// The columns that are read from a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// Who wrote it: a user, a bot or a webhook.
    pub author_id: UserId,
    /// The author's user name (not the nickname, which belongs to the guild and changes).
    pub author_name: String,
    /// Whether an app or a webhook wrote it.
    pub author_is_bot: bool,
    /// The text as typed, with Discord's markup.
    pub content: String,
    /// The last edit by the author; an unfurled link is none.
    pub edited_at: Option<DateTime<Utc>>,
    /// Discord's message type: 0 text, 19 reply, 18 thread created, …
    pub message_type: i32,
    /// How many files hang on it.
    pub attachment_count: i32,
    /// How many embeds (link previews, bot cards) hang on it.
    pub embed_count: i32,
    /// The reactions that the payload tells of.
    pub reactions: Vec<Count>,
    /// Whether it has a poll,
    pub has_poll: bool,
    /// and the votes, where the payload tells of them.
    pub votes: Option<Vec<Count>>,
}

/// An author as every payload has it.
#[derive(Deserialize)]
pub(super) struct Author {
    pub(super) id: UserId,
    pub(super) username: String,
    #[serde(default)]
    bot: Option<Value>,
}

impl Author {
    /// Whether it is an app or a webhook. What is no boolean says nothing.
    pub(super) fn is_bot(&self) -> bool {
        self.bot.as_ref().and_then(Value::as_bool) == Some(true)
    }
}

/// How many items a list has, whatever they are.
pub(super) fn count(items: &[IgnoredAny]) -> i32 {
    i32::try_from(items.len()).unwrap_or(i32::MAX)
}
