//! A row of `discord_messages`, as it is read for an answer.

use chrono::{DateTime, Utc};
use duckdb::Row;

use super::StoreError;
use crate::message::{ChannelId, GuildId, MessageId, UserId};

/// A message as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageRow {
    /// The message.
    pub message_id: MessageId,
    /// The guild it belongs to.
    pub guild_id: GuildId,
    /// The channel or thread it stands in.
    pub channel_id: ChannelId,
    /// Who wrote it.
    pub author_id: UserId,
    /// The author's user name.
    pub author_name: String,
    /// The text, with Discord's markup.
    pub content: String,
    /// When it was written, to the millisecond: the time in its id.
    pub created_at: DateTime<Utc>,
    /// The author's last edit.
    pub edited_at: Option<DateTime<Utc>>,
    /// Whether it is gone from Discord.
    pub deleted: bool,
    /// How that became known: `gateway`, `bulk`, `channel`, `rescan`, `missing_channel`.
    pub deleted_by: Option<String>,
    /// It was still there at this time.
    pub deleted_after: Option<DateTime<Utc>>,
    /// When it was noticed: deleted at this time or before.
    pub deleted_before: Option<DateTime<Utc>>,
    /// When a setting took the content out of a deleted message.
    pub content_removed_at: Option<DateTime<Utc>>,
    /// Discord's message type.
    pub message_type: i32,
    /// Files.
    pub attachment_count: i32,
    /// Embeds.
    pub embed_count: i32,
    /// Reactions.
    pub reaction_count: Option<i32>,
    /// The reactions by emoji, as a JSON list.
    pub reactions: Option<String>,
    /// The votes of its poll by answer, as a JSON list.
    pub poll_votes: Option<String>,
    /// When the record first had it.
    pub ingested_at: DateTime<Utc>,
    /// The commit that last changed it.
    pub revision: i64,
    /// The payload as Discord sent it, byte for byte; none where it was not asked for.
    pub raw_json: Option<String>,
}

/// What of a row is read; the rest is known without it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Where it stands, if all rows stand there.
    pub(super) place: Option<(GuildId, ChannelId)>,
    /// Whether it may be deleted.
    pub(super) may_be_deleted: bool,
    /// With its payload.
    pub(super) with_raw: bool,
}

impl Shape {
    /// Everything.
    pub(super) const WHOLE: Self = Self {
        place: None,
        may_be_deleted: true,
        with_raw: true,
    };

    /// The columns that [`MessageRow::read`] takes, in its order: each one less makes a query cheaper,
    /// to plan and to run.
    pub(super) fn columns(self) -> String {
        let place = self.place.is_none();
        let parts = [
            (true, "message_id"),
            (place, "guild_id, channel_id"),
            (
                true,
                "author_id, author_name, content, edited_at, message_type, attachment_count, \
                 embed_count, reaction_count, reactions, poll_votes, ingested_at, revision",
            ),
            (
                self.may_be_deleted,
                "deleted, deleted_by, deleted_after, deleted_before, content_removed_at",
            ),
            (self.with_raw, "raw_json"),
        ];
        let read = parts.into_iter().filter(|(is_read, _)| *is_read);
        read.map(|(_, names)| names).collect::<Vec<_>>().join(", ")
    }
}

impl MessageRow {
    pub(super) fn read(row: &Row<'_>, shape: Shape) -> Result<Self, StoreError> {
        let mut columns = 0..;
        let mut next = || columns.next().unwrap_or_default();
        let message_id: MessageId = id(row, next())?;
        let (guild_id, channel_id) = match shape.place {
            Some(place) => place,
            None => (id(row, next())?, id(row, next())?),
        };
        let mut read = Self {
            message_id,
            guild_id,
            channel_id,
            author_id: id(row, next())?,
            author_name: row.get(next())?,
            content: row.get(next())?,
            created_at: message_id.created_at(),
            edited_at: row.get(next())?,
            deleted: false,
            deleted_by: None,
            deleted_after: None,
            deleted_before: None,
            content_removed_at: None,
            message_type: row.get(next())?,
            attachment_count: row.get(next())?,
            embed_count: row.get(next())?,
            reaction_count: row.get(next())?,
            reactions: row.get(next())?,
            poll_votes: row.get(next())?,
            ingested_at: row.get(next())?,
            revision: row.get(next())?,
            raw_json: None,
        };
        if shape.may_be_deleted {
            read.deleted = row.get(next())?;
            read.deleted_by = row.get(next())?;
            read.deleted_after = row.get(next())?;
            read.deleted_before = row.get(next())?;
            read.content_removed_at = row.get(next())?;
        }
        if shape.with_raw {
            read.raw_json = row.get(next())?;
        }
        Ok(read)
    }
}

/// An id column of a row.
pub(super) fn id<T>(row: &Row<'_>, column: usize) -> Result<T, StoreError>
where
    T: TryFrom<i64>,
{
    snowflake(row.get(column)?)
}

/// A number of an id column.
pub(super) fn snowflake<T: TryFrom<i64>>(number: i64) -> Result<T, StoreError> {
    T::try_from(number)
        .map_err(|_| StoreError::Damaged(format!("{number} is not a valid snowflake")))
}
