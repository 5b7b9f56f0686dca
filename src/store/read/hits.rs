//! The rows of messages that a search found, in the order in which it found them.

use std::collections::HashMap;

use arrow::datatypes::SchemaRef;
use duckdb::Connection;
use tokio::sync::mpsc;

use super::download::{BATCHES_AHEAD, BatchStream};
use super::ordered_scan::stream;
use super::reader::{InterruptOnDrop, Reader};
use crate::message::{ChannelId, IdSpan, MessageId};
use crate::store::StoreError;
use crate::store::file::level_bounds::Which;
use crate::store::schema::columns::{Column, Kind, column, schema};
use crate::store::schema::levels::{LEVELS, ROW_GROUP};
use crate::store::schema::message::{MessageRow, Shape};
use crate::store::schema::sql::{FoundAt, bounds, id, list, query_each};

/// Rows of one query of a download: each such query reads whole levels.
const ROWS_AT_ONCE: usize = 20_000;

/// With more messages for each row group of a level, all of its row groups are read faster than each message
/// by itself: 1 ms for a message, 6 for a row group; with payloads 2.3 and 33 to 65.
const POINTS_PER_ROW_GROUP: usize = 8;

/// A message that was found, with what its columns were read from.
#[derive(Debug, Clone)]
pub struct FoundRow {
    /// The message.
    pub row: MessageRow,
    /// The fields of the payload that Discord changed later, as a JSON object.
    pub changed_fields: Option<String>,
}

/// The columns that come after those that were asked for.
pub const EXTRA_COLUMNS: usize = 3;

/// The rows of messages, in an order.
pub struct FoundRows {
    /// The columns asked for, and then `content`, `deleted` and `place`: which of the messages it is.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: BatchStream,
    /// Dropping it interrupts the query.
    pub guard: InterruptOnDrop,
}

impl Reader {
    /// The rows of these messages, in their order, with their payloads if they are wanted.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the record does not have one of them.
    pub async fn found_rows(
        &self,
        found: Vec<FoundAt>,
        include_raw: bool,
    ) -> Result<Vec<FoundRow>, StoreError> {
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let reader = self.clone();
        self.run(move |connection| {
            // Before the transaction, so that what moves in between is noticed.
            let asked = |(channel, id): &FoundAt| {
                let seen = reader.whereabouts.look(Some(*channel));
                (*channel, *id, seen.which(IdSpan::of(*id)))
            };
            let asked: Vec<_> = found.iter().map(asked).collect();
            connection.execute_batch("BEGIN TRANSACTION READ ONLY")?;
            let shape = Shape {
                with_raw: include_raw,
                ..Shape::WHOLE
            };
            let mut by_id = HashMap::with_capacity(found.len());
            read_levels(connection, shape, &asked, &mut by_id)?;
            let elsewhere: Vec<_> = found
                .iter()
                .filter(|(_, id)| !by_id.contains_key(id))
                .map(|(channel, id)| (*channel, *id, [true; LEVELS.len()]))
                .collect();
            read_levels(connection, shape, &elsewhere, &mut by_id)?;
            let rows = found
                .iter()
                .map(|(_, id)| by_id.remove(id).ok_or_else(missing));
            rows.collect()
        })
        .await
    }

    /// The same in columns, for any number of them.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if no connection comes free in time.
    pub async fn found_batches(
        &self,
        columns: &[Column],
        found: Vec<FoundAt>,
    ) -> Result<FoundRows, StoreError> {
        let extra = ["content", "deleted"].into_iter().filter_map(Column::named);
        let place = column("place", Kind::Revision, false, "Which of them it is.");
        let columns: Vec<Column> = columns
            .iter()
            .copied()
            .chain(extra)
            .chain([place])
            .collect();
        let schema = schema(&columns);
        let (sender, batches) = mpsc::channel(BATCHES_AHEAD);
        let expected = schema.clone();
        let query = move |connection: &Connection| {
            let read = read_batches(connection, &columns, &expected, &found, |rows| {
                // Who has left is sent nothing, the error neither.
                let sent = sender.blocking_send(Ok(rows));
                sent.map_err(|_| StoreError::NoAnswer)
            });
            if let Err(error) = read {
                let _ = sender.blocking_send(Err(error));
            }
            move || drop(sender)
        };
        let guard = self.spawn(query).await?;
        Ok(FoundRows {
            schema,
            batches: BatchStream::new(batches),
            guard,
        })
    }
}

/// Reads the messages of this shape that are where they are looked for.
fn read_levels(
    connection: &Connection,
    shape: Shape,
    asked: &[(ChannelId, MessageId, Which)],
    by_id: &mut HashMap<MessageId, FoundRow>,
) -> Result<(), StoreError> {
    let mut selects = Vec::new();
    for (level, table) in LEVELS.into_iter().enumerate() {
        let there = asked.iter().filter(|(_, _, levels)| levels[level]);
        let there: Vec<FoundAt> = there.map(|(channel, id, _)| (*channel, *id)).collect();
        selects.extend(level_selects(connection, shape, table, &there)?);
    }
    query_each(connection, &selects, |row| {
        let found = FoundRow {
            row: MessageRow::read(row, shape)?,
            changed_fields: row.get("patch_json")?,
        };
        by_id.insert(id(row, 0)?, found);
        Ok(())
    })
}

/// What reads these messages of a level. Few of a large one each by itself: by its channel and id DuckDB
/// leaves out all row groups but one or two, while a list of ids has it unpack every column of each that
/// holds one.
fn level_selects(
    connection: &Connection,
    shape: Shape,
    table: &str,
    found: &[FoundAt],
) -> Result<Vec<String>, StoreError> {
    let select = format!("SELECT {}, patch_json FROM {table}", shape.columns());
    if found.len() > POINTS_PER_ROW_GROUP {
        let sql = format!("SELECT count(*) FROM {table}");
        let rows: usize = connection.query_row(&sql, [], |row| row.get(0))?;
        if found.len() > POINTS_PER_ROW_GROUP * rows.div_ceil(ROW_GROUP) {
            let ids = list(found.iter().map(|(_, id)| id.as_i64()));
            let wanted = format!("(SELECT unnest([{ids}]) AS wanted)");
            return Ok(vec![format!(
                "{select} JOIN {wanted} ON message_id = wanted"
            )]);
        }
    }
    let of_one = |(channel, id): &FoundAt| {
        let (channel, id) = (channel.as_i64(), id.as_i64());
        format!("{select} WHERE channel_id = {channel} AND message_id = {id}")
    };
    Ok(found.iter().map(of_one).collect())
}

fn read_batches(
    connection: &Connection,
    columns: &[Column],
    schema: &SchemaRef,
    found: &[FoundAt],
    mut send: impl FnMut(arrow::array::RecordBatch) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    // One moment, so that no row is in two places or in none while runs are exchanged.
    connection.execute_batch("BEGIN TRANSACTION READ ONLY")?;
    let names: Vec<_> = columns.iter().map(|column| column.name).collect();
    for (piece, found) in found.chunks(ROWS_AT_ONCE).enumerate() {
        let first = piece * ROWS_AT_ONCE;
        let sql = format!(
            "SELECT {} FROM discord_messages JOIN \
             (SELECT unnest([{}]) AS wanted, unnest(range({first}, {})) AS place) \
             ON message_id = wanted WHERE {} ORDER BY place",
            names.join(", "),
            list(found.iter().map(|(_, id)| id.as_i64())),
            first + found.len(),
            bounds(found)
        );
        if stream(connection, &sql, schema, &mut send)? != count(found) {
            return Err(missing());
        }
    }
    Ok(())
}

fn count(found: &[FoundAt]) -> i64 {
    i64::try_from(found.len()).unwrap_or(i64::MAX)
}

fn missing() -> StoreError {
    StoreError::Damaged(
        "the search index contains a message that is not in the database".to_owned(),
    )
}
