//! The versions of a message: those before its edits, and the current one.

use chrono::{DateTime, Utc};

use super::reader::Reader;
use crate::message::MessageId;
use crate::store::StoreError;
use crate::store::schema::sql;

/// A version of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionRow {
    /// The message's id.
    pub message_id: MessageId,
    /// The edit that made the version; none for the original.
    pub edited_at: Option<DateTime<Utc>>,
    /// The text, with Discord's markup.
    pub content: String,
    /// The number of attached files.
    pub attachment_count: i32,
    /// The number of embeds.
    pub embed_count: i32,
    /// The commit that stored the version.
    pub revision: i64,
    /// The payload as Discord sent it, byte for byte.
    pub raw_json: String,
    /// Whether this is the current version.
    pub is_current: bool,
}

impl Reader {
    /// All stored versions of a message, oldest first; none if the message is unknown.
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
