//! One page of a channel's messages, as the record answers it: first the ids of the page, which takes only narrow
//! columns, and then its rows, by their range of ids. The row store answers most pages, and faster.

use duckdb::Connection;

use super::reader::Reader;
use crate::message::{ChannelId, GuildId, IdRange, MessageId};
use crate::store::StoreError;
use crate::store::schema::message::{MessageRow, Shape};

/// The order of the messages of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// The parameters of a page.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// Only rows of this guild.
    pub guild_id: GuildId,
    /// Only rows of this channel or thread.
    pub channel_id: ChannelId,
    /// Only ids of this range, which includes the times and the cursor of the request.
    pub range: IdRange,
    /// The order of the rows.
    pub order: Order,
    /// The maximum number of rows.
    pub limit: usize,
    /// Whether deleted messages are included.
    pub include_deleted: bool,
    /// Whether to read the payloads.
    pub include_raw: bool,
}

/// A page of messages.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The last id of the page, if there is a page after it.
    pub next_cursor: Option<MessageId>,
    /// The rows, in the requested order.
    pub rows: Vec<MessageRow>,
}

impl Page {
    /// The page of these rows, of which there is one more than `limit` if another page follows.
    #[must_use]
    pub fn of(mut rows: Vec<MessageRow>, limit: usize) -> Self {
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().map(|row| row.message_id);
        Self {
            next_cursor: last.filter(|_| has_more),
            rows,
        }
    }
}

impl Reader {
    /// Reads a page. Dropping the future interrupts the query.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if no connection comes free in time, or if a query fails.
    pub async fn page(&self, request: PageRequest) -> Result<Page, StoreError> {
        self.run_at_one_moment(move |connection| {
            let rows = match first_ids(connection, &request)? {
                Some(range) => rows(connection, &request, range)?,
                None => Vec::new(),
            };
            Ok(Page::of(rows, request.limit))
        })
        .await
    }
}

/// The range of the page's ids and one more; none if there are no messages.
fn first_ids(
    connection: &Connection,
    request: &PageRequest,
) -> Result<Option<IdRange>, StoreError> {
    let direction = match request.order {
        Order::Ascending => "ASC",
        Order::Descending => "DESC",
    };
    let ends: (Option<i64>, Option<i64>) = connection.query_row(
        &format!(
            "SELECT min(message_id), max(message_id) FROM \
             (SELECT message_id FROM discord_messages WHERE {} \
             ORDER BY message_id {direction} LIMIT {})",
            condition(request, request.range),
            request.limit + 1
        ),
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(match ends {
        (Some(low), Some(last)) => Some(IdRange::new(low, last.saturating_add(1))),
        _ => None,
    })
}

/// The rows of a range, in the requested order.
fn rows(
    connection: &Connection,
    request: &PageRequest,
    range: IdRange,
) -> Result<Vec<MessageRow>, StoreError> {
    let shape = Shape {
        place: Some((request.guild_id, request.channel_id)),
        may_be_deleted: request.include_deleted,
        with_raw: request.include_raw,
    };
    let mut statement = connection.prepare(&format!(
        "SELECT {} FROM discord_messages WHERE {}",
        shape.columns(),
        condition(request, range)
    ))?;
    let mut found = statement.query([])?;
    let mut rows = Vec::with_capacity(request.limit + 1);
    while let Some(row) = found.next()? {
        rows.push(MessageRow::read(row, shape)?);
    }
    // The rows are sorted here, because a query without ORDER BY is cheaper to plan.
    match request.order {
        Order::Ascending => rows.sort_unstable_by_key(|row| row.message_id),
        Order::Descending => rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.message_id)),
    }
    Ok(rows)
}

/// The condition for a range, with literal values, by which DuckDB prunes row groups.
pub(crate) fn condition(request: &PageRequest, range: IdRange) -> String {
    format!(
        "channel_id = {} AND guild_id = {} AND message_id >= {} AND message_id < {}{}",
        request.channel_id.as_i64(),
        request.guild_id.as_i64(),
        range.low,
        range.high,
        if request.include_deleted {
            ""
        } else {
            " AND NOT deleted"
        }
    )
}
