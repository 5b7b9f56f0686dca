//! Whether the record contains messages, by their ids alone.

use std::collections::HashSet;

use super::reader::Reader;
use crate::message::{ChannelId, MessageId};
use crate::store::StoreError;
use crate::store::schema::sql::{id, list};

impl Reader {
    /// Those of the messages that the record contains, deleted or not, or whose deletion it knows without their
    /// payload.
    ///
    /// # Errors
    /// If the query fails.
    pub async fn held(&self, ids: Vec<MessageId>) -> Result<HashSet<MessageId>, StoreError> {
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
        self.run_at_one_moment(move |connection| {
            let ids = list(ids.into_iter().map(MessageId::as_i64));
            let mut statement = connection.prepare(&format!(
                "SELECT message_id FROM discord_messages WHERE message_id IN ({ids}) \
                 UNION ALL SELECT message_id FROM message_fragments \
                 WHERE message_id IN ({ids}) AND deleted_by IS NOT NULL"
            ))?;
            let mut rows = statement.query([])?;
            let mut held = HashSet::new();
            while let Some(row) = rows.next()? {
                held.insert(id(row, 0)?);
            }
            Ok(held)
        })
        .await
    }

    /// The newest message of a channel before `before`, deleted or not.
    ///
    /// # Errors
    /// If the query fails.
    pub async fn newest_before(
        &self,
        channel: ChannelId,
        before: MessageId,
    ) -> Result<Option<MessageId>, StoreError> {
        self.run_at_one_moment(move |connection| {
            let newest: Option<i64> = connection.query_row(
                &format!(
                    "SELECT max(message_id) FROM discord_messages \
                     WHERE channel_id = {} AND message_id < {}",
                    channel.as_i64(),
                    before.as_i64()
                ),
                [],
                |row| row.get(0),
            )?;
            Ok(newest.and_then(|newest| newest.try_into().ok()))
        })
        .await
    }
}
