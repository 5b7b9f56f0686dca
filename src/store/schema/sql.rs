//! Pieces of SQL that many queries share, and the conversion of id columns.

use std::collections::BTreeMap;
use std::fmt::Write;

use duckdb::{Connection, Row};

use crate::message::{ChannelId, MessageId};
use crate::store::StoreError;

/// The maximum number of SELECTs in one query, because planning takes most of the time of such a query.
const SELECTS_AT_ONCE: usize = 32;

/// The channel and the id of a message.
pub type FoundAt = (ChannelId, MessageId);

/// Runs these SELECTs, which have the same columns, and passes each row to `take`.
pub(crate) fn query_each(
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

/// One SELECT for each of the conditions.
pub(crate) fn selects(select: &str, conditions: &[String]) -> Vec<String> {
    let conditions = conditions.iter();
    conditions
        .map(|condition| format!("{select} WHERE {condition}"))
        .collect()
}

/// Conditions that exactly these messages of a level meet. Level 0 is small and ordered by time, so one
/// condition is enough for all of them.
pub(crate) fn conditions(level: usize, asked: &[FoundAt]) -> Vec<String> {
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
pub(crate) fn condition(asked: &[FoundAt]) -> String {
    let ids = asked.iter().map(|(_, id)| id.as_i64());
    format!("{} AND message_id IN ({})", bounds(asked), list(ids))
}

/// A condition that these messages meet, and by which DuckDB's zone maps skip row groups.
pub(crate) fn bounds(asked: &[FoundAt]) -> String {
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

/// Ids as the list of an `IN (…)`.
pub(crate) fn list(ids: impl Iterator<Item = i64>) -> String {
    let mut text = String::new();
    for id in ids {
        let comma = if text.is_empty() { "" } else { "," };
        let _ = write!(text, "{comma}{id}");
    }
    text
}

/// Reads an id column of a row.
pub(crate) fn id<T>(row: &Row<'_>, column: usize) -> Result<T, StoreError>
where
    T: TryFrom<i64>,
{
    snowflake(row.get(column)?)
}

/// Converts the number of an id column.
pub(crate) fn snowflake<T: TryFrom<i64>>(number: i64) -> Result<T, StoreError> {
    T::try_from(number)
        .map_err(|_| StoreError::Damaged(format!("{number} is not a valid snowflake")))
}
