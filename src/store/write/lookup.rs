//! Looks up what the record knows of given messages: first where their rows are, which needs keys only, then
//! the payloads of the rows found. A level whose bounds exclude a channel's ids is not queried. In the large
//! levels each channel is queried by its own range, so that zone maps skip the rest.

use std::collections::HashMap;

use duckdb::Connection;

use super::fragments;
use super::level_bounds::LevelBounds;
use super::rows::{Redaction, StoredMessage};
use crate::message::{Message, MessageId, Observed, Source};
use crate::store::StoreError;
use crate::store::schema::levels::LEVELS;
use crate::store::schema::sql::{FoundAt, condition, conditions, id, query_each, selects};

/// The rows that DuckDB decompresses together: the size of its vectors.
const VECTOR: i64 = 2048;

/// The rows and fragments of the requested messages.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) rows: HashMap<MessageId, KnownRow>,
    pub(crate) fragments: HashMap<MessageId, Message>,
}

/// A row, and the level that contains it.
pub(crate) struct KnownRow {
    pub(crate) level: usize,
    pub(crate) row: StoredMessage,
}

/// Looks messages up.
pub(crate) fn lookup<'a>(
    connection: &Connection,
    level_bounds: &LevelBounds,
    messages: impl Iterator<Item = &'a Message> + Clone,
    has_fragments: bool,
) -> Result<Known, StoreError> {
    let mut known = Known::default();
    for (level, asked) in may_be_in(level_bounds, messages.clone())
        .into_iter()
        .enumerate()
    {
        read_rows(connection, level, &asked, &mut known.rows)?;
    }
    let asked: Vec<FoundAt> = messages.map(|it| (it.channel_id, it.id)).collect();
    if has_fragments && !asked.is_empty() {
        let mut statement = connection.prepare(&format!(
            "SELECT {} FROM message_fragments WHERE {}",
            fragments::COLUMNS,
            condition(&asked)
        ))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let message = fragments::read(row)?.restored();
            known.fragments.insert(message.id, message);
        }
    }
    Ok(known)
}

/// The messages that each level may contain.
fn may_be_in<'a>(
    level_bounds: &LevelBounds,
    messages: impl Iterator<Item = &'a Message>,
) -> [Vec<FoundAt>; LEVELS.len()] {
    let mut asked: [Vec<FoundAt>; LEVELS.len()] = Default::default();
    for message in messages {
        let which = level_bounds.which(message.channel_id, message.id);
        for (asked, _) in asked.iter_mut().zip(which).filter(|(_, which)| *which) {
            asked.push((message.channel_id, message.id));
        }
    }
    asked
}

/// Conditions for those of the messages that a level contains: one for each stretch of neighbouring rows,
/// because with one list of ids DuckDB decompresses the payloads of all rows between them.
fn contiguous(
    connection: &Connection,
    level: usize,
    asked: &[FoundAt],
) -> Result<Vec<String>, StoreError> {
    let select = format!(
        "SELECT rowid, channel_id, message_id FROM {}",
        LEVELS[level]
    );
    let mut found: Vec<(i64, FoundAt)> = Vec::new();
    let selects = selects(&select, &conditions(level, asked));
    query_each(connection, &selects, |row| {
        found.push((row.get(0)?, (id(row, 1)?, id(row, 2)?)));
        Ok(())
    })?;
    found.sort_unstable_by_key(|(place, _)| *place);
    let is_near = |(one, (channel, _)): &(i64, FoundAt), (other, (next, _)): &(i64, FoundAt)| {
        channel == next && other - one <= VECTOR
    };
    let stretches = found.chunk_by(is_near);
    Ok(stretches
        .map(|stretch| {
            let stretch: Vec<FoundAt> = stretch.iter().map(|(_, found)| *found).collect();
            condition(&stretch)
        })
        .collect())
}

/// Reads those of the messages that this level contains.
pub(crate) fn read_rows(
    connection: &Connection,
    level: usize,
    asked: &[FoundAt],
    known: &mut HashMap<MessageId, KnownRow>,
) -> Result<(), StoreError> {
    let conditions = if level == 0 {
        conditions(level, asked)
    } else {
        contiguous(connection, level, asked)?
    };
    let select = format!(
        "SELECT {}, ingested_at, content_removed_at, author_id, message_type, source, raw_json, \
         coalesce(observed_at, ingested_at), coalesce(observed_sequence, 0), revision, author_is_bot FROM {}",
        fragments::COLUMNS,
        LEVELS[level]
    );
    query_each(connection, &selects(&select, &conditions), |row| {
        let mut found = fragments::read(row)?;
        let removed = match row.get(8)? {
            Some(at) => Some(Redaction {
                at,
                author_id: id(row, 9)?,
                author_is_bot: row.get(16)?,
                message_type: row.get(10)?,
                source: row.get(11)?,
            }),
            None => {
                // The columns are a function of the payload, so it is parsed again: two copies could disagree.
                let raw: String = row.get(12)?;
                let source = source(&found.message, row.get(11)?)?;
                let observed = Observed::frame(row.get(13)?, row.get(14)?);
                found.message = Message::read(found.message.guild_id, source, observed, &raw)
                    .map_err(|error| {
                        StoreError::Damaged(format!("{}: {error}", found.message.id))
                    })?;
                None
            }
        };
        let row = StoredMessage {
            ingested_at: row.get(7)?,
            removed,
            missing_channel: found.missing_channel,
            message: found.restored(),
            revision: row.get(15)?,
        };
        known.insert(row.message.id, KnownRow { level, row });
        Ok(())
    })
}

/// The source of a message's payload, from its number.
pub(crate) fn source(message: &Message, number: i8) -> Result<Source, StoreError> {
    u8::try_from(number)
        .ok()
        .and_then(Source::from_u8)
        .ok_or_else(|| StoreError::Damaged(format!("{} has no source", message.id)))
}
