//! One message by its id. An id tells when, not where: without its channel every row group of its time has
//! to be looked through, more of them the larger the record is. Whoever knows the channel may say so.

use duckdb::Connection;

use super::reader::Reader;
use crate::message::{ChannelId, IdSpan, MessageId};
use crate::store::StoreError;
use crate::store::file::level_bounds::{Seen, Whereabouts, Which};
use crate::store::schema::levels::LEVELS;
use crate::store::schema::message::{MessageRow, Shape};

impl Reader {
    /// One message, deleted or not, with its payload. `guess` says in which channel it probably is, and
    /// may wait for a disk; a wrong guess costs a query more, and nothing else.
    ///
    /// # Errors
    /// If the query fails.
    pub async fn message(
        &self,
        id: MessageId,
        guess: impl FnOnce() -> Option<ChannelId> + Send + 'static,
    ) -> Result<Option<MessageRow>, StoreError> {
        let reader = self.clone();
        self.run(move |connection| {
            let channel = guess();
            // The looks come before the moment that the transaction sees.
            let near = channel.map(|channel| reader.whereabouts.look(Some(channel)));
            let seen = reader.whereabouts.look(None);
            // Around one statement too: between planning it and running it others may commit, and DuckDB
            // leaves out what held nothing when it planned.
            connection.execute_batch("BEGIN TRANSACTION READ ONLY")?;
            if let (Some(channel), Some(near)) = (channel, near)
                && let Some(row) = find(connection, id, Some(channel), near.which(IdSpan::of(id)))?
            {
                return Ok(Some(row));
            }
            search(connection, id, seen, &reader.whereabouts)
        })
        .await
    }
}

/// In any channel, in a transaction that began after `seen`.
pub(crate) fn search(
    connection: &Connection,
    id: MessageId,
    seen: Seen,
    whereabouts: &Whereabouts,
) -> Result<Option<MessageRow>, StoreError> {
    let span = IdSpan::of(id);
    let asked = seen.which(span);
    let found = find(connection, id, None, asked)?;
    if found.is_some() || seen.holds(&whereabouts.look(None), span, asked) {
        return Ok(found);
    }
    find(connection, id, None, Seen::anywhere().which(span))
}

/// One level after the other: in most cases one of them can have it.
fn find(
    connection: &Connection,
    id: MessageId,
    channel: Option<ChannelId>,
    asked: Which,
) -> Result<Option<MessageRow>, StoreError> {
    let shape = Shape::WHOLE;
    let here = channel.map(|channel| format!(" AND channel_id = {}", channel.as_i64()));
    for (table, _) in LEVELS.iter().zip(asked).filter(|(_, asked)| *asked) {
        let mut statement = connection.prepare(&format!(
            "SELECT {} FROM {table} WHERE message_id = {}{}",
            shape.columns(),
            id.as_i64(),
            here.as_deref().unwrap_or_default()
        ))?;
        let mut rows = statement.query([])?;
        if let Some(row) = rows.next()? {
            return MessageRow::read(row, shape).map(Some);
        }
    }
    Ok(None)
}
