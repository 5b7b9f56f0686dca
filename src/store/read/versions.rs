//! What a message was before its edits, and what it is now.

use chrono::{DateTime, Utc};

use super::reader::Reader;
use crate::message::MessageId;
use crate::store::StoreError;
use crate::store::schema::sql;

/// A version of a message, as it is read for an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionRow {
    /// The message.
    pub message_id: MessageId,
    /// The edit that made it; none for the original.
    pub edited_at: Option<DateTime<Utc>>,
    /// The text, with Discord's markup.
    pub content: String,
    /// Files.
    pub attachment_count: i32,
    /// Embeds.
    pub embed_count: i32,
    /// The commit that put it into the record.
    pub revision: i64,
    /// The payload as Discord sent it, byte for byte.
    pub raw_json: String,
    /// Whether the message is like this now.
    pub is_current: bool,
}

impl Reader {
    /// Every version of a message that was seen, oldest first; none if the message is unknown.
    ///
    /// # Errors
    /// If the query fails.
    pub async fn versions(&self, id: MessageId) -> Result<Option<Vec<VersionRow>>, StoreError> {
        self.run_at_one_moment(move |connection| {
            let id = id.as_i64();
            let known: i64 = connection.query_row(
                &format!("SELECT count(*) FROM discord_messages WHERE message_id = {id}"),
                [],
                |row| row.get(0),
            )?;
            if known == 0 {
                return Ok(None);
            }
            let mut statement = connection.prepare(&format!(
                "SELECT message_id, edited_at, content, attachment_count, embed_count, revision, \
                 raw_json, is_current FROM discord_message_versions WHERE message_id = {id} \
                 ORDER BY edited_at NULLS FIRST"
            ))?;
            let mut rows = statement.query([])?;
            let mut versions = Vec::new();
            while let Some(row) = rows.next()? {
                versions.push(VersionRow {
                    message_id: sql::id(row, 0)?,
                    edited_at: row.get(1)?,
                    content: row.get(2)?,
                    attachment_count: row.get(3)?,
                    embed_count: row.get(4)?,
                    revision: row.get(5)?,
                    raw_json: row.get(6)?,
                    is_current: row.get(7)?,
                });
            }
            Ok(Some(versions))
        })
        .await
    }
}
