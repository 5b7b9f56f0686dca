//! Who reacted to what, or voted for what, and when: one row for each event of the socket. Kept only if
//! `REACTIONS=full`; how many there are is in the messages' own rows.

use chrono::{DateTime, Utc};
use duckdb::{Connection, params};

use super::StoreError;
use crate::message::{ChannelId, GuildId, MessageId, UserId};

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

/// Keeps events.
pub(super) fn append(connection: &Connection, events: &[ReactionEvent]) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let mut insert =
        connection.prepare("INSERT INTO reaction_events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
    for event in events {
        let kind: &'static str = event.kind.into();
        insert.execute(params![
            event.happened_at,
            event.message_id.as_i64(),
            event.guild_id.as_i64(),
            event.channel_id.as_i64(),
            event.user_id.map(UserId::as_i64),
            kind,
            event.emoji_id,
            event.emoji_name,
            event.answer_id,
            event.is_super,
        ])?;
    }
    Ok(())
}
