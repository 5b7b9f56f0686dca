//! A reaction or a vote, or the end of one, as an event of the gateway.

use chrono::{DateTime, Utc};

use super::{ChannelId, GuildId, MessageId, UserId};

/// What an event does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ReactionKind {
    /// Somebody reacted with an emoji.
    ReactionAdded,
    /// Somebody took a reaction back.
    ReactionRemoved,
    /// All reactions with one emoji were taken away.
    EmojiCleared,
    /// All reactions were taken away.
    AllCleared,
    /// Somebody voted for an answer of a poll.
    VoteAdded,
    /// Somebody took a vote back.
    VoteRemoved,
}

/// An event of a reaction or a vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReactionEvent {
    /// When it was heard.
    pub happened_at: DateTime<Utc>,
    /// What it does.
    pub kind: ReactionKind,
    /// The message.
    pub message_id: MessageId,
    /// The guild it belongs to.
    pub guild_id: GuildId,
    /// The channel or thread it stands in.
    pub channel_id: ChannelId,
    /// Who did it; none where a moderator cleared reactions.
    pub user_id: Option<UserId>,
    /// A guild's own emoji.
    pub emoji_id: Option<i64>,
    /// The emoji, or the name of an own one.
    pub emoji_name: Option<String>,
    /// The number of a poll's answer.
    pub answer_id: Option<i64>,
    /// Whether it is a super reaction.
    pub is_super: bool,
}
