//! One page of a channel's messages. The narrow keys first, in a range of ids that widens until
//! the page is full, so that zone maps leave most row groups unread; then the wide columns of
//! just those rows, streamed. Both in one transaction: a page is one moment of the record.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use chrono::Utc;
use duckdb::Connection;
use futures_util::Stream;
use tokio::sync::{mpsc, oneshot};

use super::query::{InterruptOnDrop, Reader};
use super::{MessageRow, StoreError};
use crate::message::{ChannelId, GuildId, IdSpan, MessageId, snowflake_at};

/// Rows that wait for a slow client before the query waits too.
const ROWS_AHEAD: usize = 64;

/// The first range of ids that is tried, as snowflakes: seven days.
const FIRST_SPAN: i64 = (7 * 24 * 3600 * 1000) << 22;

/// How far ahead of this machine's clock an id may be, as snowflakes: an hour.
const CLOCK_MARGIN: i64 = (3600 * 1000) << 22;

/// How much wider each next range is: four tries reach across all of Discord's time.
const WIDEN: i64 = 16;

/// Which end of the channel a walk begins at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// Which page.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// Rows of this guild,
    pub guild_id: GuildId,
    /// of this channel or thread,
    pub channel_id: ChannelId,
    /// with ids in this range (times and the cursor are ranges of ids),
    pub span: IdSpan,
    /// in this order,
    pub order: Order,
    /// so many at most,
    pub limit: usize,
    /// the deleted ones too,
    pub include_deleted: bool,
    /// with their payloads.
    pub include_raw: bool,
}

/// A page: what is known before its first row, and then its rows.
pub struct Page {
    /// The last id of the page, if there is a page after it.
    pub next_cursor: Option<MessageId>,
    /// How many rows will come.
    pub row_count: usize,
    /// The rows, in the order asked for.
    pub rows: RowStream,
}

/// Rows as the query finds them. Dropping it interrupts the query.
pub struct RowStream {
    rows: mpsc::Receiver<Result<MessageRow, StoreError>>,
    _interrupt: InterruptOnDrop,
}

impl Stream for RowStream {
    type Item = Result<MessageRow, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.rows.poll_recv(context)
    }
}

impl Reader {
    /// Starts reading a page; the answer is there when its keys are known.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if no connection comes free in time.
    pub async fn page(&self, request: PageRequest) -> Result<Page, StoreError> {
        let (head_sender, head) = oneshot::channel();
        let (row_sender, rows) = mpsc::channel(ROWS_AHEAD);
        let paces = Arc::clone(&self.paces);
        let query = move |connection: &Connection| {
            let pace = paces.get(request.channel_id);
            match begin_and_find_keys(connection, &request, pace) {
                Ok(keys) => {
                    paces.learn(request.channel_id, &keys.ids);
                    if head_sender.send(Ok(keys.head())).is_ok()
                        && let Err(error) = send_rows(connection, &request, &keys, &row_sender)
                    {
                        let _ = row_sender.blocking_send(Err(error));
                    }
                }
                Err(error) => drop(head_sender.send(Err(error))),
            }
            // The transaction ends when the connection goes back to the pool; the rows end then.
            move || drop(row_sender)
        };
        let interrupt = self.spawn(query).await?;
        let (next_cursor, row_count) = head.await.unwrap_or(Err(StoreError::NoAnswer))?;
        Ok(Page {
            next_cursor,
            row_count,
            rows: RowStream {
                rows,
                _interrupt: interrupt,
            },
        })
    }

    /// One message, deleted or not, with its payload.
    ///
    /// # Errors
    /// If the query fails.
    pub async fn message(&self, id: MessageId) -> Result<Option<MessageRow>, StoreError> {
        self.run(move |connection| {
            let columns = MessageRow::columns(true);
            let mut statement = connection.prepare(&format!(
                "SELECT {columns} FROM discord_messages WHERE message_id = {}",
                id.as_i64()
            ))?;
            let mut rows = statement.query([])?;
            rows.next()?.map(MessageRow::read).transpose()
        })
        .await
    }
}

/// The keys of a page, in the order asked for.
struct Keys {
    ids: Vec<MessageId>,
    has_more: bool,
}

impl Keys {
    fn head(&self) -> (Option<MessageId>, usize) {
        let next_cursor = self.ids.last().copied().filter(|_| self.has_more);
        (next_cursor, self.ids.len())
    }
}

fn begin_and_find_keys(
    connection: &Connection,
    request: &PageRequest,
    pace: Option<Pace>,
) -> Result<Keys, StoreError> {
    connection.execute_batch("BEGIN TRANSACTION READ ONLY")?;
    let mut span = request.span;
    let mut width = first_width(request, pace);
    match request.order {
        // Nothing is newer than now, but for a clock that differs: the last range has no bound.
        Order::Descending => span.high = span.high.min(snowflake_at(Utc::now()) + CLOCK_MARGIN),
        // No message is older than its channel.
        Order::Ascending => span.low = span.low.max(request.channel_id.as_i64()),
    }
    loop {
        let narrowed = match request.order {
            Order::Descending => IdSpan {
                low: span.high.saturating_sub(width).max(span.low),
                // A clock that is behind must not hide what is newer than it.
                high: request.span.high,
            },
            Order::Ascending => IdSpan {
                low: span.low,
                high: span.low.saturating_add(width).min(span.high),
            },
        };
        let reaches_the_end = match request.order {
            Order::Descending => narrowed.low == span.low,
            Order::Ascending => narrowed.high == span.high,
        };
        let is_whole = reaches_the_end || width == i64::MAX;
        let tried = if is_whole { request.span } else { narrowed };
        let mut ids = ids(connection, request, tried)?;
        let has_more = ids.len() > request.limit;
        if has_more || is_whole {
            ids.truncate(request.limit);
            return Ok(Keys { ids, has_more });
        }
        width = width.saturating_mul(WIDEN);
    }
}

/// How wide a range is likely to hold the page.
fn first_width(request: &PageRequest, pace: Option<Pace>) -> i64 {
    let Some(pace) = pace else { return FIRST_SPAN };
    let rows = i64::try_from(request.limit + 1).unwrap_or(i64::MAX);
    let page = pace.per_row.saturating_mul(rows).saturating_mul(2);
    match request.order {
        // From the end of a channel that has been silent for long.
        Order::Descending => {
            let end = request
                .span
                .high
                .min(snowflake_at(Utc::now()) + CLOCK_MARGIN);
            page.saturating_add(end.saturating_sub(pace.newest).max(0))
        }
        Order::Ascending => page,
    }
}

/// How densely the channels are written, as the last pages of each showed: with it one query finds
/// the next page's keys. A guess that is wrong costs a query more, and nothing else.
#[derive(Default)]
pub(super) struct Paces(Mutex<HashMap<ChannelId, Pace>>);

#[derive(Clone, Copy)]
struct Pace {
    /// The greatest id that was seen.
    newest: i64,
    /// Ids between two messages.
    per_row: i64,
}

impl Paces {
    fn get(&self, channel: ChannelId) -> Option<Pace> {
        self.lock().get(&channel).copied()
    }

    fn learn(&self, channel: ChannelId, page: &[MessageId]) {
        let ids = page.iter().map(|id| id.as_i64());
        let (Some(low), Some(high)) = (ids.clone().min(), ids.max()) else {
            return;
        };
        let rows = i64::try_from(page.len()).unwrap_or(i64::MAX);
        let mut paces = self.lock();
        let pace = paces.entry(channel).or_insert(Pace {
            newest: high,
            per_row: 0,
        });
        pace.newest = pace.newest.max(high);
        pace.per_row = (high - low) / rows + 1;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ChannelId, Pace>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ids(
    connection: &Connection,
    request: &PageRequest,
    span: IdSpan,
) -> Result<Vec<MessageId>, StoreError> {
    let sql = format!(
        "SELECT message_id FROM discord_messages WHERE {} ORDER BY message_id {} LIMIT {}",
        filter(request, span),
        direction(request.order),
        request.limit + 1
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut ids = Vec::with_capacity(request.limit + 1);
    while let Some(row) = rows.next()? {
        ids.push(super::row::id(row, 0)?);
    }
    Ok(ids)
}

/// Sends the rows of `keys`: their ids are a contiguous stretch of what the filter lets through.
fn send_rows(
    connection: &Connection,
    request: &PageRequest,
    keys: &Keys,
    rows: &mpsc::Sender<Result<MessageRow, StoreError>>,
) -> Result<(), StoreError> {
    let (Some(low), Some(high)) = (keys.ids.iter().min(), keys.ids.iter().max()) else {
        return Ok(());
    };
    let span = IdSpan {
        low: low.as_i64(),
        high: high.as_i64() + 1,
    };
    let sql = format!(
        "SELECT {} FROM discord_messages WHERE {} ORDER BY message_id {}",
        MessageRow::columns(request.include_raw),
        filter(request, span),
        direction(request.order),
    );
    let mut statement = connection.prepare(&sql)?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        if rows.blocking_send(Ok(MessageRow::read(row)?)).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Literal values: DuckDB prunes row groups by them, by parameters it may not.
fn filter(request: &PageRequest, span: IdSpan) -> String {
    format!(
        "channel_id = {} AND guild_id = {} AND message_id >= {} AND message_id < {}{}",
        request.channel_id.as_i64(),
        request.guild_id.as_i64(),
        span.low,
        span.high,
        if request.include_deleted {
            ""
        } else {
            " AND NOT deleted"
        }
    )
}

fn direction(order: Order) -> &'static str {
    match order {
        Order::Ascending => "ASC",
        Order::Descending => "DESC",
    }
}
