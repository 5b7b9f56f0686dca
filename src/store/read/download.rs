//! A download: many rows as Arrow batches, streamed in the order (channel, id) while the query finds them, all
//! of one read view.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use duckdb::Connection;
use tokio::sync::{mpsc, oneshot};

use super::completeness::{CompletenessRequest, CoverageSummary};
use super::coverage;
use super::ordered_scan::{Plan, Selection};
use super::reach::within;
use super::reader::{InterruptOnDrop, Reader};
use super::view::{Moment, RecordState};
use crate::guild::Reach;
use crate::message::{ChannelId, GuildId, IdRange};
use crate::store::StoreError;
use crate::store::file::epochs;
use crate::store::schema::columns;
use crate::store::schema::columns::Column;

/// The number of batches that wait for a slow client before the query waits too.
pub(crate) const BATCHES_AHEAD: usize = 2;

/// The parameters of a download.
#[derive(Debug, Clone)]
pub struct DownloadRequest {
    /// What the caller may see.
    pub reach: Reach,
    /// Only rows of this guild.
    pub guild_id: GuildId,
    /// Only rows of this channel or thread, if any.
    pub channel_id: Option<ChannelId>,
    /// Only messages of this range of ids.
    pub range: IdRange,
    /// Whether deleted messages are included.
    pub include_deleted: bool,
    /// The columns to read.
    pub columns: Vec<Column>,
}

/// A download that has begun.
pub struct Download {
    /// The columns, each with its meaning.
    pub schema: SchemaRef,
    /// The number of rows that the download will contain.
    pub row_count: i64,
    /// The record's revision at the moment of the read.
    pub revision: i64,
    /// The store id; revisions are counted within a record and an epoch.
    pub store_id: String,
    /// The epoch of the revision.
    pub epoch: String,
    /// The coverage of the requested range.
    pub coverage: CoverageSummary,
    /// The rows.
    pub batches: BatchStream,
    /// Interrupts the query when dropped.
    pub guard: InterruptOnDrop,
}

/// The batches of a running query.
pub struct BatchStream(mpsc::Receiver<Result<RecordBatch, StoreError>>);

impl BatchStream {
    pub(crate) fn new(batches: mpsc::Receiver<Result<RecordBatch, StoreError>>) -> Self {
        Self(batches)
    }

    /// The next rows; none at the end. Blocks the calling thread.
    pub fn blocking_next(&mut self) -> Option<Result<RecordBatch, StoreError>> {
        self.0.blocking_recv()
    }
}

impl Reader {
    /// Starts a download. The future is ready when the number of rows is known.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if no connection comes free in time.
    pub async fn download(&self, request: DownloadRequest) -> Result<Download, StoreError> {
        let schema = columns::schema(&request.columns);
        let (head_sender, head) = oneshot::channel();
        let (sender, batches) = mpsc::channel(BATCHES_AHEAD);
        let expected = schema.clone();
        let query = move |connection: &Connection| {
            let selection = request.selection();
            match begin(connection, &request, &selection) {
                Ok((plan, head)) => {
                    // After the client has disconnected, neither rows nor the error can be sent.
                    let send = |rows| {
                        let sent = sender.blocking_send(Ok(rows));
                        sent.map_err(|_| StoreError::NoAnswer)
                    };
                    if head_sender.send(Ok((plan.row_count, head))).is_ok()
                        && let Err(error) = selection.read(connection, &plan, &expected, send)
                    {
                        let _ = sender.blocking_send(Err(error));
                    }
                }
                Err(error) => drop(head_sender.send(Err(error))),
            }
            move || drop(sender)
        };
        let guard = self.spawn(query).await?;
        let (row_count, head) = head.await.unwrap_or(Err(StoreError::NoAnswer))?;
        Ok(Download {
            schema,
            row_count,
            revision: head.state.revision,
            store_id: head.state.store_id,
            epoch: head.epoch,
            coverage: head.coverage,
            batches: BatchStream::new(batches),
            guard,
        })
    }
}

/// The part of a download that is known before its rows.
struct Head {
    state: RecordState,
    epoch: String,
    coverage: CoverageSummary,
}

/// Begins the read view, plans the query and reads the head.
fn begin(
    connection: &Connection,
    request: &DownloadRequest,
    selection: &Selection<'_>,
) -> Result<(Plan, Head), StoreError> {
    let moment = Moment::begin(connection)?;
    let asked = CompletenessRequest {
        reach: request.reach.clone(),
        guild_id: request.guild_id,
        channel_id: request.channel_id,
        range: request.range,
    };
    let head = Head {
        state: moment.state().clone(),
        epoch: epochs::present(connection)?,
        coverage: coverage::completeness(connection, &asked)?.summary(),
    };
    Ok((selection.plan(connection)?, head))
}

impl DownloadRequest {
    fn selection(&self) -> Selection<'_> {
        let mut condition = format!("guild_id = {}", self.guild_id.as_i64());
        if let Some(channel) = self.channel_id {
            condition.push_str(&format!(" AND channel_id = {}", channel.as_i64()));
        }
        if let Some(within) = within(&self.reach) {
            condition.push_str(&format!(" AND {within}"));
        }
        if !self.include_deleted {
            condition.push_str(" AND NOT deleted");
        }
        Selection {
            table: "discord_messages",
            columns: &self.columns,
            condition,
            range: self.range,
            order: "channel_id, message_id",
        }
    }
}
