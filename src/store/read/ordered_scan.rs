//! Many rows in columns, in the order (channel, id): one narrow look at what there is, then piece by
//! piece the wide columns, so that a sort never holds more than a piece.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use duckdb::Connection;

use crate::message::IdSpan;
use crate::store::StoreError;
use crate::store::schema::columns::{Column, shape};

/// Rows of a piece, about: with their payloads, which are most of a row, and without.
const PIECE_WITH_PAYLOADS: i64 = 25_000;
const PIECE_WITHOUT: i64 = 250_000;

/// The narrow look counts by stretches of 2^46 ids: 4.7 hours.
const STRETCH_BITS: u32 = 46;

/// Rows of a table that has messages' ids.
pub(crate) struct Selection<'a> {
    pub(crate) table: &'static str,
    pub(crate) columns: &'a [Column],
    /// Which of them, with literal values: DuckDB prunes row groups by them, by parameters it may not.
    pub(crate) condition: String,
    /// Of these ids.
    pub(crate) span: IdSpan,
    /// Begins with the channel and the id.
    pub(crate) order: &'static str,
}

/// What is to be read.
pub(crate) struct Plan {
    pub(crate) row_count: i64,
    pieces: Vec<Piece>,
}

impl Selection<'_> {
    /// Looks at what there is.
    pub(crate) fn plan(&self, connection: &Connection) -> Result<Plan, StoreError> {
        let sql = format!(
            "SELECT channel_id, message_id >> {STRETCH_BITS} AS stretch, count(*) AS row_count \
             FROM {} WHERE {} GROUP BY ALL ORDER BY ALL",
            self.table,
            self.filter(self.span)
        );
        let names = ["channel_id", "stretch", "row_count"];
        let fields = names.map(|name| Field::new(name, DataType::Int64, true));
        let mut cutter = Cutter::new(self.span, self.most_rows());
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

    /// Reads what was planned, in order. Fewer or more rows than were counted are an error.
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
                self.filter(piece.span),
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

    fn filter(&self, span: IdSpan) -> String {
        format!(
            "{} AND message_id >= {} AND message_id < {}",
            self.condition, span.low, span.high
        )
    }
}

/// Hands on the rows of a query as they are found; answers how many there were.
pub(crate) fn stream<E: From<StoreError>>(
    connection: &Connection,
    sql: &str,
    schema: &SchemaRef,
    take: &mut impl FnMut(RecordBatch) -> Result<(), E>,
) -> Result<i64, E> {
    let mut statement = connection.prepare(sql).map_err(StoreError::from)?;
    // Runs it; its own iterator panics on an error in the middle.
    drop(statement.stream_arrow([]).map_err(StoreError::from)?);
    let mut read = 0;
    while let Some(rows) = statement.step().map_err(StoreError::from)? {
        read += i64::try_from(rows.len()).unwrap_or(0);
        take(shape(&rows, schema)?)?;
    }
    Ok(read)
}

/// Rows that are read and sorted together: of one channel a range of ids, or all of several that come one
/// after the other. A range of them, since with a list DuckDB unpacks the wide columns of all rows of
/// each row group that it looks at: twenty times the work.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    first_channel: i64,
    last_channel: i64,
    span: IdSpan,
    rows: i64,
}

/// How many rows a channel has in a stretch of ids.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    channel: i64,
    number: i64,
    rows: i64,
}

/// Cuts what there is into pieces: a large channel into ranges of ids, small ones put together. It
/// takes stretches in order, and keeps those of one channel only: a record has millions.
struct Cutter {
    whole: IdSpan,
    /// Rows of a piece.
    most: i64,
    pieces: Vec<Piece>,
    channel: Vec<Stretch>,
}

impl Cutter {
    fn new(whole: IdSpan, most: i64) -> Self {
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

    /// Cuts the channel that is complete.
    fn cut(&mut self) {
        let Some(id) = self.channel.first().map(|stretch| stretch.channel) else {
            return;
        };
        let rows: i64 = self.channel.iter().map(|stretch| stretch.rows).sum();
        if let Some(last) = self.pieces.last_mut()
            && last.span == self.whole
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
            span: self.whole,
            rows: 0,
        };
        for stretch in self.channel.drain(..) {
            if piece.rows > 0 && piece.rows + stretch.rows > self.most {
                let cut = stretch.number << STRETCH_BITS;
                let rest = Piece {
                    first_channel: id,
                    last_channel: id,
                    span: IdSpan {
                        low: cut,
                        high: self.whole.high,
                    },
                    rows: 0,
                };
                piece.span.high = cut;
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
        let mut cutter = Cutter::new(IdSpan::ALL, 50_000);
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
                    && piece.span.low <= low
                    && piece.span.high >= high
            });
            assert_eq!(holders.count(), 1, "{stretch:?}: {pieces:?}");
        }
        let too_large = pieces.iter().filter(|piece| piece.rows > 50_000);
        assert_eq!(too_large.count(), 1, "one stretch is larger by itself");
    }
}
