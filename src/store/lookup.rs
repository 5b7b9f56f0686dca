//! What the record already knows of given messages: first where they stand, which needs keys only, then
//! the payloads of those that are there. A level that can't have a channel's ids is not asked, and of
//! the large ones each channel by its own range, so that zone maps leave the rest unread.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use duckdb::{Connection, Row};

use super::levels::LEVELS;
use super::messages::{Removed, StoredMessage};
use super::row::id;
use super::whereabouts::{Seen, Whereabouts};
use super::{FoundAt, StoreError, fragments};
use crate::message::{ChannelId, IdSpan, Message, MessageId, Observed, Source};

/// Selects of one query: planning them takes the longest.
const SELECTS_AT_ONCE: usize = 32;

/// Rows that are unpacked together: DuckDB's vectors.
const VECTOR: i64 = 2048;

/// The rows and fragments of the messages asked for.
#[derive(Default)]
pub(super) struct Known {
    pub(super) rows: HashMap<MessageId, KnownRow>,
    pub(super) fragments: HashMap<MessageId, Message>,
}

/// A row, and the level that it is in.
pub(super) struct KnownRow {
    pub(super) level: usize,
    pub(super) row: StoredMessage,
}

/// Looks `messages` up.
pub(super) fn lookup<'a>(
    connection: &Connection,
    whereabouts: &Whereabouts,
    messages: impl Iterator<Item = &'a Message> + Clone,
    has_fragments: bool,
) -> Result<Known, StoreError> {
    let mut known = Known::default();
    for (level, asked) in may_be_in(whereabouts, messages.clone())
        .into_iter()
        .enumerate()
    {
        let wanted = if level == 0 {
            conditions(level, &asked)
        } else {
            contiguous(connection, level, &asked)?
        };
        read_rows(connection, level, &wanted, &mut known.rows)?;
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

/// Which messages each level may have. The writer asks, so nothing moves meanwhile.
fn may_be_in<'a>(
    whereabouts: &Whereabouts,
    messages: impl Iterator<Item = &'a Message>,
) -> [Vec<FoundAt>; LEVELS.len()] {
    let mut seen: HashMap<ChannelId, Seen> = HashMap::new();
    let mut asked: [Vec<FoundAt>; LEVELS.len()] = Default::default();
    for message in messages {
        let seen = seen
            .entry(message.channel_id)
            .or_insert_with(|| whereabouts.look(Some(message.channel_id)));
        let which = seen.which(IdSpan::of(message.id));
        for (asked, _) in asked.iter_mut().zip(which).filter(|(_, which)| *which) {
            asked.push((message.channel_id, message.id));
        }
    }
    asked
}

/// Conditions that those of these messages meet that a run has: one for each stretch of its rows, since
/// with a list of ids DuckDB unpacks the payloads of all that lies between them.
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

fn read_rows(
    connection: &Connection,
    level: usize,
    conditions: &[String],
    known: &mut HashMap<MessageId, KnownRow>,
) -> Result<(), StoreError> {
    let select = format!(
        "SELECT {}, ingested_at, content_removed_at, author_id, message_type, source, raw_json, \
         coalesce(observed_at, ingested_at), coalesce(observed_sequence, 0), revision FROM {}",
        fragments::COLUMNS,
        LEVELS[level]
    );
    query_each(connection, &selects(&select, conditions), |row| {
        let mut found = fragments::read(row)?;
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
            message: found.restored(),
            missing_channel: None,
            revision: row.get(15)?,
        };
        known.insert(row.message.id, KnownRow { level, row });
        Ok(())
    })
}

/// Takes the rows of all these selects, which have the same columns.
pub(super) fn query_each(
    connection: &Connection,
    selects: &[String],
    mut take: impl FnMut(&Row<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    for selects in selects.chunks(SELECTS_AT_ONCE) {
        let mut statement = connection.prepare(&selects.join(" UNION ALL "))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            take(row)?;
        }
    }
    Ok(())
}

/// The same select by each of the conditions.
fn selects(select: &str, conditions: &[String]) -> Vec<String> {
    let conditions = conditions.iter();
    conditions
        .map(|condition| format!("{select} WHERE {condition}"))
        .collect()
}

/// The source of a message's payload, by its number.
pub(super) fn source(message: &Message, number: i8) -> Result<Source, StoreError> {
    u8::try_from(number)
        .ok()
        .and_then(Source::from_u8)
        .ok_or_else(|| StoreError::Damaged(format!("{} has no source", message.id)))
}

/// Conditions that exactly these messages of a level meet. What is hot is little, and in the order of
/// time: one for all.
pub(super) fn conditions(level: usize, asked: &[FoundAt]) -> Vec<String> {
    if asked.is_empty() {
        return Vec::new();
    }
    if level == 0 {
        return vec![condition(asked)];
    }
    let mut channels: BTreeMap<ChannelId, Vec<FoundAt>> = BTreeMap::new();
    for &(channel, id) in asked {
        channels.entry(channel).or_default().push((channel, id));
    }
    channels.values().map(|asked| condition(asked)).collect()
}

/// A condition that exactly these messages meet.
fn condition(asked: &[FoundAt]) -> String {
    let ids = asked.iter().map(|(_, id)| id.as_i64());
    format!("{} AND message_id IN ({})", bounds(asked), list(ids))
}

/// A condition that these messages meet, and by which row groups are left out.
pub(super) fn bounds(asked: &[FoundAt]) -> String {
    let ids = || asked.iter().map(|(_, id)| id.as_i64());
    let mut channels: Vec<_> = asked.iter().map(|(channel, _)| channel.as_i64()).collect();
    channels.sort_unstable();
    channels.dedup();
    format!(
        "message_id BETWEEN {} AND {} AND channel_id IN ({})",
        ids().min().unwrap_or(0),
        ids().max().unwrap_or(0),
        list(channels.into_iter())
    )
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
