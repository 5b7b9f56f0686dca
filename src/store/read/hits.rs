//! The rows of the messages that a search found, in the order of the search.

use std::collections::HashMap;

use arrow::datatypes::SchemaRef;
use duckdb::Connection;
use tokio::sync::mpsc;

use super::download::{BATCHES_AHEAD, BatchStream};
use super::ordered_scan::stream;
use super::reader::{InterruptOnDrop, Reader};
use crate::message::MessageId;
use crate::store::StoreError;
use crate::store::schema::columns::{Column, Kind, column, schema};
use crate::store::schema::message::{MessageRow, Shape};
use crate::store::schema::sql::{FoundAt, bounds, list};

/// The number of rows in one query of a download; each such query reads whole levels.
const ROWS_AT_ONCE: usize = 20_000;

/// A message that a search found, with the data for its highlights.
#[derive(Debug, Clone)]
pub struct FoundRow {
    /// The message.
    pub row: MessageRow,
    /// The fields that Discord changed after the payload, as a JSON object.
    pub changed_fields: Option<String>,
}

impl From<MessageRow> for FoundRow {
    fn from(row: MessageRow) -> Self {
        Self {
            row,
            changed_fields: None,
        }
    }
}

/// The number of columns after the requested ones.
pub const EXTRA_COLUMNS: usize = 3;

/// The rows of found messages as Arrow batches.
pub struct FoundRows {
    /// The requested columns, then `content`, `deleted` and `place`, which is the position in the list of found
    /// messages.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: BatchStream,
    /// Interrupts the query when dropped.
    pub guard: InterruptOnDrop,
}

impl Reader {
    /// The rows of these messages in this order, with their payloads if `include_raw`.
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
                "SELECT {}, patch_json FROM discord_messages WHERE {} AND message_id IN ({})",
                shape.columns(),
                bounds(&found),
                list(found.iter().map(|(_, id)| id.as_i64()))
            ))?;
            let mut rows = statement.query([])?;
            let mut by_id: HashMap<MessageId, FoundRow> = HashMap::with_capacity(found.len());
            while let Some(row) = rows.next()? {
                let found = FoundRow {
                    row: MessageRow::read(row, shape)?,
                    changed_fields: row.get("patch_json")?,
                };
                by_id.insert(found.row.message_id, found);
            }
            let rows = found
                .iter()
                .map(|(_, id)| by_id.remove(id).ok_or_else(missing));
            rows.collect()
        })
        .await
    }

    /// The same as Arrow batches, for any number of messages.
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
                // After the client has disconnected, neither rows nor the error can be sent.
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
    // One read view, so that a row that a compaction moves meanwhile is found exactly once.
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
