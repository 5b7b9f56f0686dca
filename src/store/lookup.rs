//! What the record already knows of given messages. A batch is looked up in one query, bounded by
//! its own range of ids and its own channels, so that zone maps leave the rest unread.

use std::collections::HashMap;
use std::fmt::Write;

use chrono::{DateTime, Utc};
use duckdb::{Connection, Row};

use super::StoreError;
use super::messages::StoredMessage;
use super::row::id;
use crate::message::{DeletedBy, Gone, Message, MessageId, Source};

/// The rows and fragments of the messages asked for.
#[derive(Default)]
pub(super) struct Known {
    pub(super) rows: HashMap<MessageId, StoredMessage>,
    pub(super) fragments: HashMap<MessageId, Message>,
}

/// Looks `messages` up.
pub(super) fn lookup<'a>(
    connection: &Connection,
    messages: impl Iterator<Item = &'a Message> + Clone,
    has_fragments: bool,
) -> Result<Known, StoreError> {
    let mut known = Known::default();
    let Some(condition) = condition(messages) else {
        return Ok(known);
    };
    let mut statement = connection.prepare(&format!(
        "SELECT message_id, guild_id, channel_id, deleted_by, deleted_at, patch_json, \
         ingested_at, source, raw_json FROM discord_messages WHERE {condition}"
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mut message = read_fragment(row)?;
        let source: i8 = row.get(7)?;
        let raw: String = row.get(8)?;
        let source = u8::try_from(source)
            .ok()
            .and_then(Source::from_u8)
            .ok_or_else(|| StoreError::Damaged(format!("{} has no source", message.id)))?;
        // The columns are a function of the payload: read it again rather than trust two copies.
        let whole = Message::read(message.guild_id, source, &raw)
            .map_err(|error| StoreError::Damaged(format!("{}: {error}", message.id)))?;
        message.whole = whole.whole;
        let ingested_at = row.get(6)?;
        known.rows.insert(
            message.id,
            StoredMessage {
                message,
                ingested_at,
            },
        );
    }
    if has_fragments {
        let mut statement = connection.prepare(&format!(
            "SELECT message_id, guild_id, channel_id, deleted_by, deleted_at, patch_json \
             FROM message_fragments WHERE {condition}"
        ))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let message = read_fragment(row)?;
            known.fragments.insert(message.id, message);
        }
    }
    Ok(known)
}

/// A condition that exactly these messages meet; none for no messages.
fn condition<'a>(messages: impl Iterator<Item = &'a Message> + Clone) -> Option<String> {
    let low = messages.clone().map(|message| message.id).min()?;
    let high = messages.clone().map(|message| message.id).max()?;
    let mut channels: Vec<_> = messages
        .clone()
        .map(|message| message.channel_id.as_i64())
        .collect();
    channels.sort_unstable();
    channels.dedup();
    Some(format!(
        "message_id BETWEEN {} AND {} AND channel_id IN ({}) AND message_id IN ({})",
        low.as_i64(),
        high.as_i64(),
        list(channels.into_iter()),
        list(messages.map(|message| message.id.as_i64())),
    ))
}

/// Ids for an `IN (…)`.
pub(super) fn list(ids: impl Iterator<Item = i64>) -> String {
    let mut text = String::new();
    for id in ids {
        let comma = if text.is_empty() { "" } else { "," };
        let _ = write!(text, "{comma}{id}");
    }
    text
}

/// The columns that rows and fragments share, first in both queries.
fn read_fragment(row: &Row<'_>) -> Result<Message, StoreError> {
    let mut message = Message::unknown(id(row, 0)?, id(row, 1)?, id(row, 2)?);
    let by: Option<String> = row.get(3)?;
    let at: Option<DateTime<Utc>> = row.get(4)?;
    if let (Some(by), Some(noticed_at)) = (by, at) {
        let by: DeletedBy = by
            .parse()
            .map_err(|()| StoreError::Damaged(format!("{}: deleted by {by:?}", message.id)))?;
        message.gone = Some(Gone { noticed_at, by });
    }
    let patch: Option<String> = row.get(5)?;
    if let Some(patch) = patch {
        message.patch = serde_json::from_str(&patch)?;
    }
    Ok(message)
}
