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
    /// How that became known: `gateway`, `bulk`, `channel`, `rescan`.
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
    /// When the record first had it.
    pub ingested_at: DateTime<Utc>,
    /// The commit that last changed it.
    pub revision: i64,
    /// The payload as Discord sent it, byte for byte; none where it was not asked for.
    pub raw_json: Option<String>,
}

impl MessageRow {
    /// The columns that [`MessageRow::read`] takes, in its order.
    pub(super) fn columns(with_raw: bool) -> String {
        let raw = if with_raw { "raw_json" } else { "NULL" };
        format!(
            "message_id, guild_id, channel_id, author_id, author_name, content, created_at, \
             edited_at, deleted, deleted_by, deleted_after, deleted_before, content_removed_at, \
             message_type, attachment_count, embed_count, ingested_at, revision, {raw}"
        )
    }

    pub(super) fn read(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            message_id: id(row, 0)?,
            guild_id: id(row, 1)?,
            channel_id: id(row, 2)?,
            author_id: id(row, 3)?,
            author_name: row.get(4)?,
            content: row.get(5)?,
            created_at: row.get(6)?,
            edited_at: row.get(7)?,
            deleted: row.get(8)?,
            deleted_by: row.get(9)?,
            deleted_after: row.get(10)?,
            deleted_before: row.get(11)?,
            content_removed_at: row.get(12)?,
            message_type: row.get(13)?,
            attachment_count: row.get(14)?,
            embed_count: row.get(15)?,
            ingested_at: row.get(16)?,
            revision: row.get(17)?,
            raw_json: row.get(18)?,
        })
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
    T::try_from(number).map_err(|_| StoreError::Damaged(format!("{number} is no snowflake")))
}
