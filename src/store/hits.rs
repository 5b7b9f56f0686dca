//! The rows of messages that a search found, in the order in which it found them.

use std::collections::HashMap;

use arrow::datatypes::SchemaRef;
use duckdb::Connection;
use tokio::sync::mpsc;

use super::columns::{Column, Kind, column, schema};
use super::download::{BATCHES_AHEAD, BatchStream};
use super::lookup::list;
use super::query::{InterruptOnDrop, Reader};
use super::row::{Shape, id};
use super::sorted::stream;
use super::{MessageRow, StoreError};
use crate::message::{ChannelId, MessageId, Patch};

/// Rows of one query of a download.
const ROWS_AT_ONCE: usize = 5_000;

/// A message and where it stands.
pub type FoundAt = (ChannelId, MessageId);

/// A message that was found, with what its columns were read from.
#[derive(Debug, Clone)]
pub struct FoundRow {
    /// The message.
    pub row: MessageRow,
    /// What partial updates said.
    pub patch: Patch,
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
        self.run_at_one_moment(move |connection| {
            let shape = Shape {
                with_raw: include_raw,
                ..Shape::WHOLE
            };
            let mut statement = connection.prepare(&format!(
                "SELECT {}, patch_json FROM discord_messages WHERE {}",
                shape.columns(),
                condition(&found)
            ))?;
            let mut rows = statement.query([])?;
            let mut by_id: HashMap<MessageId, FoundRow> = HashMap::with_capacity(found.len());
            while let Some(row) = rows.next()? {
                let patch: Option<String> = row.get("patch_json")?;
                let patch = patch
                    .map(|patch| serde_json::from_str(&patch))
                    .transpose()?;
                let found = FoundRow {
                    row: MessageRow::read(row, shape)?,
                    patch: patch.unwrap_or_default(),
                };
                by_id.insert(id(row, 0)?, found);
            }
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

/// A condition that exactly these messages meet.
fn condition(found: &[FoundAt]) -> String {
    let ids = list(found.iter().map(|(_, id)| id.as_i64()));
    format!("{} AND message_id IN ({ids})", bounds(found))
}

/// A condition that they meet, and by which row groups are left out.
fn bounds(found: &[FoundAt]) -> String {
    let ids = || found.iter().map(|(_, id)| id.as_i64());
    let mut channels: Vec<_> = found.iter().map(|(channel, _)| channel.as_i64()).collect();
    channels.sort_unstable();
    channels.dedup();
    format!(
        "message_id BETWEEN {} AND {} AND channel_id IN ({})",
        ids().min().unwrap_or(0),
        ids().max().unwrap_or(0),
        list(channels.into_iter())
    )
}

fn count(found: &[FoundAt]) -> i64 {
    i64::try_from(found.len()).unwrap_or(i64::MAX)
}

fn missing() -> StoreError {
    StoreError::Damaged("the search index has a message that the record has not".to_owned())
}
