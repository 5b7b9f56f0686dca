//! What the record already knows of given messages. A batch is looked up in one query, bounded by
//! its own range of ids and its own channels, so that zone maps leave the rest unread.

use std::collections::HashMap;
use std::fmt::Write;

use duckdb::Connection;

use super::messages::{Removed, StoredMessage};
use super::row::id;
use super::{StoreError, fragments};
use crate::message::{Message, MessageId, Source};

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
    let columns = fragments::COLUMNS;
    let mut statement = connection.prepare(&format!(
        "SELECT {columns}, ingested_at, content_removed_at, author_id, message_type, source, \
         raw_json FROM discord_messages WHERE {condition}"
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mut message = fragments::read(row)?;
        let removed = match row.get(8)? {
            Some(at) => Some(Removed {
                at,
                author_id: id(row, 9)?,
                message_type: row.get(10)?,
                source: row.get(11)?,
            }),
            None => {
                // The columns are a function of the payload: read it again rather than trust two
                // copies.
                let raw: String = row.get(12)?;
                let source = source(&message, row.get(11)?)?;
                let whole = Message::read(message.guild_id, source, &raw)
                    .map_err(|error| StoreError::Damaged(format!("{}: {error}", message.id)))?;
                message.versions = whole.versions;
                None
            }
        };
        let row = StoredMessage {
            ingested_at: row.get(7)?,
            removed,
            message,
        };
        known.rows.insert(row.message.id, row);
    }
    if has_fragments {
        let mut statement = connection.prepare(&format!(
            "SELECT {columns} FROM message_fragments WHERE {condition}"
        ))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let message = fragments::read(row)?;
            known.fragments.insert(message.id, message);
        }
    }
    Ok(known)
}

/// The source of a message's payload, by its number.
pub(super) fn source(message: &Message, number: i8) -> Result<Source, StoreError> {
    u8::try_from(number)
        .ok()
        .and_then(Source::from_u8)
        .ok_or_else(|| StoreError::Damaged(format!("{} has no source", message.id)))
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
