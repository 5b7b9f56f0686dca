//! One message by its id. An id contains a time but no channel: without the channel DuckDB has to scan every
//! row group of that time, more of them in a larger record. So the caller may guess the channel.

use duckdb::Connection;

use super::reader::Reader;
use crate::message::{ChannelId, IdRange, MessageId};
use crate::store::StoreError;
use crate::store::file::level_bounds::{LevelBounds, LevelSet, SeenBounds};
use crate::store::schema::levels::LEVELS;
use crate::store::schema::message::{MessageRow, Shape};

impl Reader {
    /// One message, deleted or not, with its payload. `guess` names the channel in which the message probably
    /// is, and may block on I/O. A wrong guess costs one more query, and nothing else.
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
            // The level bounds are read before the transaction determines what it sees.
            let near = channel.map(|channel| reader.level_bounds.look(Some(channel)));
            let seen = reader.level_bounds.look(None);
            // A single statement needs a transaction too: another commit can come between its planning and its
            // execution, and DuckDB prunes tables that were empty when it planned.
            connection.execute_batch("BEGIN TRANSACTION READ ONLY")?;
            if let (Some(channel), Some(near)) = (channel, near)
                && let Some(row) = find(connection, id, Some(channel), near.which(IdRange::of(id)))?
            {
                return Ok(Some(row));
            }
            search(connection, id, seen, &reader.level_bounds)
        })
        .await
    }
}

/// Searches all channels, in a transaction that began after `seen`.
pub(crate) fn search(
    connection: &Connection,
    id: MessageId,
    seen: SeenBounds,
    level_bounds: &LevelBounds,
) -> Result<Option<MessageRow>, StoreError> {
    let range = IdRange::of(id);
    let asked = seen.which(range);
    let found = find(connection, id, None, asked)?;
    if found.is_some() || seen.holds(&level_bounds.look(None), range, asked) {
        return Ok(found);
    }
    find(connection, id, None, SeenBounds::anywhere().which(range))
}

/// Queries one level after the other, because in most cases only one can contain the message.
fn find(
    connection: &Connection,
    id: MessageId,
    channel: Option<ChannelId>,
    asked: LevelSet,
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
