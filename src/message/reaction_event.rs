//! A reaction or a vote, or its removal, as an event of the gateway.

use chrono::{DateTime, Utc};

use super::{ChannelId, GuildId, MessageId, UserId};

/// The kind of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ReactionKind {
    /// Somebody reacted with an emoji.
    ReactionAdded,
    /// Somebody took a reaction back.
    ReactionRemoved,
    /// All reactions with one emoji were removed.
    EmojiCleared,
    /// All reactions were removed.
    AllCleared,
    /// Somebody voted for an answer of a poll.
    VoteAdded,
    /// Somebody took a vote back.
    VoteRemoved,
}

/// A reaction or vote event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReactionEvent {
    /// When the event was received.
    pub happened_at: DateTime<Utc>,
    /// The kind of the event.
    pub kind: ReactionKind,
    /// The message's id.
    pub message_id: MessageId,
    /// The guild of the message.
    pub guild_id: GuildId,
    /// The channel or thread of the message.
    pub channel_id: ChannelId,
    /// The user who reacted or voted; none if reactions were cleared.
    pub user_id: Option<UserId>,
    /// The id of a custom emoji.
    pub emoji_id: Option<i64>,
    /// The Unicode emoji, or the name of the custom emoji.
    pub emoji_name: Option<String>,
    /// The number of the poll's answer.
    pub answer_id: Option<i64>,
    /// Whether the reaction is a super reaction.
    pub is_super: bool,
}
