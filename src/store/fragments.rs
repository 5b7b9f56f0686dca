//! What is known of messages without a payload: a delete or a partial update that came first. It
//! makes no row, because that would invent a message; it waits for the payload.

use duckdb::{Connection, Row, params};

use super::StoreError;
use super::messages::patch_json;
use super::row::id;
use crate::message::{DeletedBy, Gone, Message};

/// The columns that [`read`] takes, which rows have too.
pub(super) const COLUMNS: &str =
    "message_id, guild_id, channel_id, deleted_by, deleted_after, deleted_before, patch_json";

pub(super) fn read(row: &Row<'_>) -> Result<Message, StoreError> {
    let mut message = Message::unknown(id(row, 0)?, id(row, 1)?, id(row, 2)?);
    let by: Option<String> = row.get(3)?;
    if let (Some(by), Some(after), Some(before)) = (by, row.get(4)?, row.get(5)?) {
        let by: DeletedBy = by
            .parse()
            .map_err(|()| StoreError::Damaged(format!("{}: deleted by {by:?}", message.id)))?;
        message.gone = Some(Gone { after, before, by });
    }
    let patch: Option<String> = row.get(6)?;
    if let Some(patch) = patch {
        message.patch = serde_json::from_str(&patch)?;
    }
    Ok(message)
}

/// Writes what is known of messages without a payload.
pub(super) fn append(
    connection: &Connection,
    fragments: &[Message],
    revision: i64,
) -> Result<(), StoreError> {
    if fragments.is_empty() {
        return Ok(());
    }
    let mut insert =
        connection.prepare("INSERT INTO message_fragments VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
    for fragment in fragments {
        insert.execute(params![
            fragment.id.as_i64(),
            fragment.guild_id.as_i64(),
            fragment.channel_id.as_i64(),
            fragment.gone.map(|gone| gone.by.as_str()),
            fragment.gone.map(|gone| gone.before),
            patch_json(&fragment.patch)?,
            revision,
            fragment.gone.map(|gone| gone.after),
        ])?;
    }
    Ok(())
}
