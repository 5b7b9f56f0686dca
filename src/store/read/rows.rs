//! Rows in their compact form for a store beside the record: all of them in the order of its keys, and those that
//! changed after a commit.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Field, Int64Type, Schema};

use super::changes::Change;
use super::ordered_scan::{STRETCH_BITS, Selection, stream};
use super::view::Moment;
use crate::message::IdRange;
use crate::store::StoreError;
use crate::store::file::epochs;
use crate::store::schema::arrow_cells::CellColumn;
use crate::store::schema::columns::{Column, schema};
use crate::store::schema::compact::CompactRow;
use crate::store::schema::message::{COLUMNS, Cell, place_of};
use crate::store::schema::sql::{FoundAt, snowflake};

/// The columns that are looked at here.
const MESSAGE_ID: usize = place_of("message_id");
const CHANNEL_ID: usize = place_of("channel_id");
const CONTENT_REMOVED_AT: usize = place_of("content_removed_at");

/// Places are read by stretches of ids of about this many messages, so that a sort never holds more.
const PLACES_AT_ONCE: i64 = 1_000_000;

/// Rows that changed, with what a follower needs to read on.
#[derive(Debug, Default)]
pub struct ChangedRows {
    /// The rows, in the order of their last change.
    pub rows: Vec<CompactRow>,
    /// The position of the last row, if there are more.
    pub next: Option<Change>,
    /// Whether one of the rows is redacted.
    pub is_redacted: bool,
}

impl Moment<'_> {
    /// Passes the rows of all messages to `take`, by channel and id.
    ///
    /// # Errors
    /// If a query fails, or the error that `take` returns.
    pub fn read_rows<E: From<StoreError>>(
        &self,
        mut take: impl FnMut(CompactRow) -> Result<(), E>,
    ) -> Result<(), E> {
        let columns = Column::usual();
        let selection = Selection {
            table: "discord_messages",
            columns: &columns,
            condition: "true".to_owned(),
            range: IdRange::ALL,
            order: "channel_id, message_id",
        };
        let plan = selection.plan(self.connection)?;
        let schema = schema(&columns);
        selection.read(self.connection, &plan, &schema, |batch| {
            let cells = CellColumn::of(&columns, &batch);
            (0..batch.num_rows()).try_for_each(|row| take(compact(&cells, row)?))
        })
    }

    /// Passes the channel and the id of all messages to `take`, by id.
    ///
    /// # Errors
    /// If a query fails, or the error that `take` returns.
    pub fn read_places<E: From<StoreError>>(
        &self,
        mut take: impl FnMut(FoundAt) -> Result<(), E>,
    ) -> Result<(), E> {
        let names = ["message_id", "channel_id"];
        let fields = names.map(|name| Field::new(name, DataType::Int64, false));
        let schema = Arc::new(Schema::new(fields.to_vec()));
        for range in self.stretches()? {
            let sql = format!(
                "SELECT message_id, channel_id FROM discord_messages \
                 WHERE message_id >= {} AND message_id < {} ORDER BY message_id",
                range.low, range.high
            );
            stream(self.connection, &sql, &schema, &mut |batch| {
                let [ids, channels] = [0, 1].map(|at| batch.column(at).as_primitive::<Int64Type>());
                let places = ids.values().iter().zip(channels.values());
                places
                    .map(|(id, channel)| Ok((snowflake(*channel)?, snowflake(*id)?)))
                    .try_for_each(|place: Result<FoundAt, StoreError>| take(place?))
            })?;
        }
        Ok(())
    }

    /// Ranges of ids that together hold all messages, each with about [`PLACES_AT_ONCE`] of them.
    fn stretches(&self) -> Result<Vec<IdRange>, StoreError> {
        let mut statement = self.connection.prepare(&format!(
            "SELECT message_id >> {STRETCH_BITS} AS stretch, count(*) FROM discord_messages \
             GROUP BY stretch ORDER BY stretch"
        ))?;
        let mut rows = statement.query([])?;
        let mut ranges = vec![IdRange::ALL];
        let mut count = 0;
        while let Some(row) = rows.next()? {
            let (stretch, messages): (i64, i64) = (row.get(0)?, row.get(1)?);
            if count > 0 && count + messages > PLACES_AT_ONCE {
                let cut = stretch << STRETCH_BITS;
                if let Some(last) = ranges.last_mut() {
                    last.high = cut;
                }
                ranges.push(IdRange {
                    low: cut,
                    ..IdRange::ALL
                });
                count = 0;
            }
            count += messages;
        }
        Ok(ranges)
    }

    /// The rows that changed after `after`, in the order of the commits, at most `limit`.
    ///
    /// # Errors
    /// If a query fails.
    pub fn changed_rows(&self, after: Change, limit: usize) -> Result<ChangedRows, StoreError> {
        let columns = Column::usual();
        let mut changed = ChangedRows::default();
        let changes = self.read_changed(&columns, after, limit, |batch| {
            let cells = CellColumn::of(&columns, batch);
            for row in 0..batch.num_rows() {
                changed.is_redacted |= cells[CONTENT_REMOVED_AT].cell(row) != Cell::Null;
                changed.rows.push(compact(&cells, row)?);
            }
            Ok(())
        })?;
        changed.next = changes.last().copied().filter(|_| changes.len() == limit);
        Ok(changed)
    }

    /// The current epoch.
    ///
    /// # Errors
    /// If the query fails.
    pub fn epoch(&self) -> Result<String, StoreError> {
        epochs::present(self.connection)
    }

    /// Whether a revision of this epoch still means the same commit.
    ///
    /// # Errors
    /// If the query fails.
    pub fn knows(&self, epoch: &str, revision: i64) -> Result<bool, StoreError> {
        epochs::knows(self.connection, epoch, revision)
    }
}

/// The values of a row, of which the columns are all but the payload.
fn compact(columns: &[CellColumn<'_>], row: usize) -> Result<CompactRow, StoreError> {
    let mut cells = [Cell::Null; COLUMNS.len()];
    for (cell, column) in cells.iter_mut().zip(columns) {
        *cell = column.cell(row);
    }
    let (Cell::Id(channel), Cell::Id(id)) = (cells[CHANNEL_ID], cells[MESSAGE_ID]) else {
        return Err(StoreError::Damaged("a message has no id".to_owned()));
    };
    Ok(CompactRow::of_cells(
        snowflake(channel)?,
        snowflake(id)?,
        &cells,
    ))
}
