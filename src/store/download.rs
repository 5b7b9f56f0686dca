//! Many rows in columns, streamed in the order (channel, id): one narrow look at what there is, then
//! piece by piece the wide columns, so that a sort never holds more than a piece. All in one
//! transaction: a download is one moment of the record.

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::SchemaRef;
use duckdb::Connection;
use tokio::sync::{mpsc, oneshot};

use super::StoreError;
use super::columns::{self, Column, shape};
use super::lookup::list;
use super::query::{InterruptOnDrop, Reader};
use crate::message::{ChannelId, GuildId, IdSpan};

/// Rows of a piece, about: with their payloads, which are most of a row, and without.
const PIECE_WITH_PAYLOADS: i64 = 50_000;
const PIECE_WITHOUT: i64 = 250_000;

/// The narrow look counts by stretches of 2^46 ids: 4.7 hours.
const STRETCH_BITS: u32 = 46;

/// Batches that wait for a slow caller before the query waits too.
const BATCHES_AHEAD: usize = 2;

/// What is downloaded.
#[derive(Debug, Clone)]
pub struct DownloadRequest {
    /// Rows of this guild,
    pub guild_id: GuildId,
    /// of this channel or thread only, if any,
    pub channel_id: Option<ChannelId>,
    /// with ids in this range,
    pub span: IdSpan,
    /// the deleted ones too.
    pub include_deleted: bool,
    /// These columns.
    pub columns: Vec<Column>,
}

/// A download that has begun.
pub struct Download {
    /// The columns, each with its meaning.
    pub schema: SchemaRef,
    /// How many rows will come.
    pub row_count: i64,
    /// The record's revision that they are of.
    pub revision: i64,
    /// The rows.
    pub batches: BatchStream,
    /// Dropping it interrupts the query.
    pub guard: InterruptOnDrop,
}

/// Rows in columns, as the query finds them.
pub struct BatchStream(mpsc::Receiver<Result<RecordBatch, StoreError>>);

impl BatchStream {
    /// The next rows; none at the end. For a thread that may wait.
    pub fn blocking_next(&mut self) -> Option<Result<RecordBatch, StoreError>> {
        self.0.blocking_recv()
    }
}

impl Reader {
    /// Starts a download; the answer is there when it is known how many rows it has.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if no connection comes free in time.
    pub async fn download(&self, request: DownloadRequest) -> Result<Download, StoreError> {
        let schema = columns::schema(&request.columns);
        let (head_sender, head) = oneshot::channel();
        let (sender, batches) = mpsc::channel(BATCHES_AHEAD);
        let expected = schema.clone();
        let query = move |connection: &Connection| {
            match plan(connection, &request) {
                Ok(plan) => {
                    if head_sender
                        .send(Ok((plan.row_count, plan.revision)))
                        .is_ok()
                        && let Err(error) = send(connection, &request, &plan, &expected, &sender)
                    {
                        let _ = sender.blocking_send(Err(error));
                    }
                }
                Err(error) => drop(head_sender.send(Err(error))),
            }
            move || drop(sender)
        };
        let guard = self.spawn(query).await?;
        let (row_count, revision) = head.await.unwrap_or(Err(StoreError::NoAnswer))?;
        Ok(Download {
            schema,
            row_count,
            revision,
            batches: BatchStream(batches),
            guard,
        })
    }
}

/// What is to be read.
struct Plan {
    row_count: i64,
    revision: i64,
    pieces: Vec<Piece>,
}

/// Rows that are read and sorted together: of one channel a range of ids, or all of several.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    channels: Vec<i64>,
    span: IdSpan,
    rows: i64,
}

fn plan(connection: &Connection, request: &DownloadRequest) -> Result<Plan, StoreError> {
    connection.execute_batch("BEGIN TRANSACTION READ ONLY")?;
    let revision =
        connection.query_row("SELECT revision FROM record_state", [], |row| row.get(0))?;
    let mut statement = connection.prepare(&format!(
        "SELECT channel_id, message_id >> {STRETCH_BITS} AS stretch, count(*) \
         FROM discord_messages WHERE {} GROUP BY ALL ORDER BY ALL",
        filter(request, request.span)
    ))?;
    let stretches = statement.query_map([], |row| {
        Ok(Stretch {
            channel: row.get(0)?,
            number: row.get(1)?,
            rows: row.get(2)?,
        })
    })?;
    let stretches: Vec<Stretch> = stretches.collect::<Result<_, _>>()?;
    let most = if request.columns.iter().any(|column| column.is_payload()) {
        PIECE_WITH_PAYLOADS
    } else {
        PIECE_WITHOUT
    };
    Ok(Plan {
        row_count: stretches.iter().map(|stretch| stretch.rows).sum(),
        revision,
        pieces: pieces(&stretches, request.span, most),
    })
}

/// How many rows a channel has in a stretch of ids.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    channel: i64,
    number: i64,
    rows: i64,
}

/// Cuts what there is into pieces: a large channel into ranges of ids, small ones put together.
fn pieces(stretches: &[Stretch], whole: IdSpan, most: i64) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for channel in stretches.chunk_by(|one, other| one.channel == other.channel) {
        let rows: i64 = channel.iter().map(|stretch| stretch.rows).sum();
        let id = channel[0].channel;
        if let Some(last) = pieces.last_mut()
            && last.span == whole
            && last.rows + rows <= most
        {
            last.channels.push(id);
            last.rows += rows;
            continue;
        }
        let mut piece = Piece {
            channels: vec![id],
            span: whole,
            rows: 0,
        };
        for stretch in channel {
            if piece.rows > 0 && piece.rows + stretch.rows > most {
                let cut = stretch.number << STRETCH_BITS;
                let rest = Piece {
                    channels: vec![id],
                    span: IdSpan {
                        low: cut,
                        high: whole.high,
                    },
                    rows: 0,
                };
                piece.span.high = cut;
                pieces.push(std::mem::replace(&mut piece, rest));
            }
            piece.rows += stretch.rows;
        }
        pieces.push(piece);
    }
    pieces
}

fn send(
    connection: &Connection,
    request: &DownloadRequest,
    plan: &Plan,
    schema: &SchemaRef,
    batches: &mpsc::Sender<Result<RecordBatch, StoreError>>,
) -> Result<(), StoreError> {
    let names: Vec<_> = request.columns.iter().map(|column| column.name).collect();
    let mut sent = 0;
    for piece in &plan.pieces {
        let mut statement = connection.prepare(&format!(
            "SELECT {} FROM discord_messages WHERE {} AND channel_id IN ({}) \
             ORDER BY channel_id, message_id",
            names.join(", "),
            filter(request, piece.span),
            list(piece.channels.iter().copied())
        ))?;
        // Runs it; its own iterator panics on an error in the middle.
        drop(statement.stream_arrow([])?);
        while let Some(rows) = statement.step()? {
            sent += i64::try_from(rows.len()).unwrap_or(0);
            let batch = shape(&rows, schema)?;
            if batches.blocking_send(Ok(batch)).is_err() {
                return Ok(());
            }
        }
    }
    if sent != plan.row_count {
        return Err(StoreError::Damaged(format!(
            "{} rows were counted and {sent} came",
            plan.row_count
        )));
    }
    Ok(())
}

/// Literal values: DuckDB prunes row groups by them, by parameters it may not.
fn filter(request: &DownloadRequest, span: IdSpan) -> String {
    let mut filter = format!(
        "guild_id = {} AND message_id >= {} AND message_id < {}",
        request.guild_id.as_i64(),
        span.low,
        span.high
    );
    if let Some(channel) = request.channel_id {
        filter.push_str(&format!(" AND channel_id = {}", channel.as_i64()));
    }
    if !request.include_deleted {
        filter.push_str(" AND NOT deleted");
    }
    filter
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(channel: i64, number: i64, rows: i64) -> Stretch {
        Stretch {
            channel,
            number,
            rows,
        }
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
        let pieces = pieces(&stretches, IdSpan::ALL, 50_000);
        assert_eq!(pieces[0].channels, [1, 2]);
        assert_eq!(pieces.iter().map(|piece| piece.rows).sum::<i64>(), 215_001);
        for stretch in stretches {
            let (low, high) = (stretch.number << 46, (stretch.number + 1) << 46);
            let holders = pieces.iter().filter(|piece| {
                piece.channels.contains(&stretch.channel)
                    && piece.span.low <= low
                    && piece.span.high >= high
            });
            assert_eq!(holders.count(), 1, "{stretch:?}: {pieces:?}");
        }
        let too_large = pieces.iter().filter(|piece| piece.rows > 50_000);
        assert_eq!(too_large.count(), 1, "one stretch is larger by itself");
    }
}
