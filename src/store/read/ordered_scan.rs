//! Many rows as Arrow batches, in the order (channel, id): a query over narrow columns counts the rows, then
//! the wide columns are read piece by piece, so that a sort never holds more than one piece.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use duckdb::Connection;

use crate::message::IdRange;
use crate::store::StoreError;
use crate::store::schema::columns::{Column, shape};

/// The approximate number of rows in a piece, with payloads (which are most of a row) and without.
const PIECE_WITH_PAYLOADS: i64 = 25_000;
const PIECE_WITHOUT: i64 = 250_000;

/// Rows are counted by stretches of 2^46 ids, 4.7 hours, to cut them into pieces.
pub(super) const STRETCH_BITS: u32 = 46;

/// The rows to read of a table that has message ids.
pub(crate) struct Selection<'a> {
    pub(crate) table: &'static str,
    pub(crate) columns: &'a [Column],
    /// The condition for the rows, with literal values, because DuckDB may not prune row groups by parameters.
    pub(crate) condition: String,
    /// The range of ids.
    pub(crate) range: IdRange,
    /// The order of the rows, which begins with the channel and the id.
    pub(crate) order: &'static str,
}

/// The pieces to read, and how many rows they have.
pub(crate) struct Plan {
    pub(crate) row_count: i64,
    pieces: Vec<Piece>,
}

impl Selection<'_> {
    /// Counts the rows and cuts them into pieces.
    pub(crate) fn plan(&self, connection: &Connection) -> Result<Plan, StoreError> {
        let sql = format!(
            "SELECT channel_id, message_id >> {STRETCH_BITS} AS stretch, count(*) AS row_count \
             FROM {} WHERE {} GROUP BY ALL ORDER BY ALL",
            self.table,
            self.filter(self.range)
        );
        let names = ["channel_id", "stretch", "row_count"];
        let fields = names.map(|name| Field::new(name, DataType::Int64, true));
        let mut cutter = Cutter::new(self.range, self.most_rows());
        stream(
            connection,
            &sql,
            &Arc::new(Schema::new(fields.to_vec())),
            &mut |counted: RecordBatch| {
                let [channels, numbers, rows] =
                    [0, 1, 2].map(|at| counted.column(at).as_primitive::<Int64Type>().values());
                for ((&channel, &number), &rows) in channels.iter().zip(numbers).zip(rows) {
                    cutter.add(Stretch {
                        channel,
                        number,
                        rows,
                    });
                }
                Ok::<_, StoreError>(())
            },
        )?;
        let pieces = cutter.finish();
        Ok(Plan {
            row_count: pieces.iter().map(|piece| piece.rows).sum(),
            pieces,
        })
    }

    fn most_rows(&self) -> i64 {
        if self.columns.iter().any(|column| column.is_payload()) {
            PIECE_WITH_PAYLOADS
        } else {
            PIECE_WITHOUT
        }
    }

    /// Reads the planned pieces in order. Another number of rows than was counted is an error.
    pub(crate) fn read<E: From<StoreError>>(
        &self,
        connection: &Connection,
        plan: &Plan,
        schema: &SchemaRef,
        mut take: impl FnMut(RecordBatch) -> Result<(), E>,
    ) -> Result<(), E> {
        let names: Vec<_> = self.columns.iter().map(|column| column.name).collect();
        let mut read = 0;
        for piece in &plan.pieces {
            let sql = format!(
                "SELECT {} FROM {} WHERE {} AND channel_id BETWEEN {} AND {} ORDER BY {}",
                names.join(", "),
                self.table,
                self.filter(piece.range),
                piece.first_channel,
                piece.last_channel,
                self.order
            );
            read += stream(connection, &sql, schema, &mut take)?;
        }
        if read != plan.row_count {
            let reason = format!("{} rows were counted, but {read} were read", plan.row_count);
            return Err(StoreError::Damaged(reason).into());
        }
        Ok(())
    }

    fn filter(&self, range: IdRange) -> String {
        format!(
            "{} AND message_id >= {} AND message_id < {}",
            self.condition, range.low, range.high
        )
    }
}

/// Passes the rows of a query to `take` as DuckDB finds them; returns their number.
pub(crate) fn stream<E: From<StoreError>>(
    connection: &Connection,
    sql: &str,
    schema: &SchemaRef,
    take: &mut impl FnMut(RecordBatch) -> Result<(), E>,
) -> Result<i64, E> {
    let mut statement = connection.prepare(sql).map_err(StoreError::from)?;
    // This call runs the query. The iterator that it returns is not used, because it panics on an error in the
    // middle.
    drop(statement.stream_arrow([]).map_err(StoreError::from)?);
    let mut read = 0;
    while let Some(rows) = statement.step().map_err(StoreError::from)? {
        read += i64::try_from(rows.len()).unwrap_or(0);
        take(shape(&rows, schema)?)?;
    }
    Ok(read)
}

/// Rows that are read and sorted together: a range of ids of one channel, or all rows of several consecutive
/// channels. It is one range of channels rather than a list, because with a list DuckDB decompresses the wide
/// columns of all rows in each row group that it reads: twenty times the work.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    first_channel: i64,
    last_channel: i64,
    range: IdRange,
    rows: i64,
}

/// The number of rows of a channel in a stretch of ids.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    channel: i64,
    number: i64,
    rows: i64,
}

/// Cuts the rows into pieces: a large channel into ranges of ids, small channels put together. It takes the
/// stretches in order and keeps only those of one channel, because a record has millions.
struct Cutter {
    whole: IdRange,
    /// The maximum number of rows in a piece.
    most: i64,
    pieces: Vec<Piece>,
    channel: Vec<Stretch>,
}

impl Cutter {
    fn new(whole: IdRange, most: i64) -> Self {
        Self {
            whole,
            most,
            pieces: Vec::new(),
            channel: Vec::new(),
        }
    }

    fn add(&mut self, stretch: Stretch) {
        if self
            .channel
            .last()
            .is_some_and(|last| last.channel != stretch.channel)
        {
            self.cut();
        }
        self.channel.push(stretch);
    }

    fn finish(mut self) -> Vec<Piece> {
        self.cut();
        self.pieces
    }

    /// Cuts the collected channel into pieces.
    fn cut(&mut self) {
        let Some(id) = self.channel.first().map(|stretch| stretch.channel) else {
            return;
        };
        let rows: i64 = self.channel.iter().map(|stretch| stretch.rows).sum();
        if let Some(last) = self.pieces.last_mut()
            && last.range == self.whole
            && last.rows + rows <= self.most
        {
            last.last_channel = id;
            last.rows += rows;
            self.channel.clear();
            return;
        }
        let mut piece = Piece {
            first_channel: id,
            last_channel: id,
            range: self.whole,
            rows: 0,
        };
        for stretch in self.channel.drain(..) {
            if piece.rows > 0 && piece.rows + stretch.rows > self.most {
                let cut = stretch.number << STRETCH_BITS;
                let rest = Piece {
                    first_channel: id,
                    last_channel: id,
                    range: IdRange {
                        low: cut,
                        ..self.whole
                    },
                    rows: 0,
                };
                piece.range.high = cut;
                self.pieces.push(std::mem::replace(&mut piece, rest));
            }
            piece.rows += stretch.rows;
        }
        self.pieces.push(piece);
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    fn stretch(channel: i64, number: i64, rows: i64) -> Stretch {
        Stretch {
            channel,
            number,
            rows,
        }
    }

    #[test]
    fn a_query_that_is_interrupted_in_the_middle_has_not_come_to_its_end() {
        let connection = Connection::open_in_memory().expect("a database");
        let schema = SchemaRef::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
        let handle = connection.interrupt_handle();
        let mut came = 0;
        let read = stream(
            &connection,
            "SELECT range AS n FROM range(10000000)",
            &schema,
            &mut |rows| {
                came += rows.num_rows();
                handle.interrupt();
                Ok::<_, StoreError>(())
            },
        );
        assert!(read.is_err(), "{came} rows for ten million: {read:?}");
    }

    #[test]
    fn pieces_hold_every_row_once_and_are_of_a_size() {
        let stretches = [
            stretch(1, 1, 20_000),
            stretch(2, 1, 10_000),
            stretch(2, 5, 10_000),
            stretch(3, 1, 40_000),
            stretch(3, 2, 40_000),
            stretch(3, 9, 5_000),
            stretch(4, 1, 90_000),
            stretch(5, 1, 1),
        ];
        let mut cutter = Cutter::new(IdRange::ALL, 50_000);
        stretches
            .into_iter()
            .for_each(|stretch| cutter.add(stretch));
        let pieces = cutter.finish();
        assert_eq!((pieces[0].first_channel, pieces[0].last_channel), (1, 2));
        assert_eq!(pieces.iter().map(|piece| piece.rows).sum::<i64>(), 215_001);
        for stretch in stretches {
            let (low, high) = (stretch.number << 46, (stretch.number + 1) << 46);
            let holders = pieces.iter().filter(|piece| {
                (piece.first_channel..=piece.last_channel).contains(&stretch.channel)
                    && piece.range.low <= low
                    && piece.range.high >= high
            });
            assert_eq!(holders.count(), 1, "{stretch:?}: {pieces:?}");
        }
        let too_large = pieces.iter().filter(|piece| piece.rows > 50_000);
        assert_eq!(too_large.count(), 1, "one stretch is larger by itself");
    }
}
