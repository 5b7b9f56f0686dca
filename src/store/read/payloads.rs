//! The payloads of messages whose rows are known from elsewhere.

use std::collections::HashMap;

use duckdb::Connection;

use super::reader::Reader;
use crate::message::MessageId;
use crate::store::StoreError;
use crate::store::schema::sql::{FoundAt, bounds, id, list};

/// The payload of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// The commit that last changed the row: with another revision the row that is known is of another time.
    pub revision: i64,
    /// The payload as Discord sent it; none if the content was redacted.
    pub raw_json: Option<String>,
    /// The fields that Discord changed after the payload, as a JSON object.
    pub changed_fields: Option<String>,
}

impl Reader {
    /// The payloads of these messages, as far as the record has the messages.
    ///
    /// # Errors
    /// If the query fails.
    pub async fn payloads(
        &self,
        messages: Vec<FoundAt>,
    ) -> Result<HashMap<MessageId, Payload>, StoreError> {
        if messages.is_empty() {
            return Ok(HashMap::new());
        }
        self.run_at_one_moment(move |connection| read(connection, &messages))
            .await
    }
}

fn read(
    connection: &Connection,
    messages: &[FoundAt],
) -> Result<HashMap<MessageId, Payload>, StoreError> {
    let mut statement = connection.prepare(&format!(
        "SELECT message_id, revision, raw_json, patch_json FROM discord_messages \
         WHERE {} AND message_id IN ({})",
        bounds(messages),
        list(messages.iter().map(|(_, id)| id.as_i64()))
    ))?;
    let mut rows = statement.query([])?;
    let mut payloads = HashMap::with_capacity(messages.len());
    while let Some(row) = rows.next()? {
        let payload = Payload {
            revision: row.get(1)?,
            raw_json: row.get(2)?,
            changed_fields: row.get(3)?,
        };
        payloads.insert(id(row, 0)?, payload);
    }
    Ok(payloads)
}
