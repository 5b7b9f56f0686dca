//! One message by its id, as the record answers it. An id contains a time but no channel, so DuckDB scans every row
//! group of that time. The row store knows the channel of each message, and answers faster.

use super::reader::Reader;
use crate::message::MessageId;
use crate::store::StoreError;
use crate::store::schema::message::{MessageRow, Shape};

impl Reader {
    /// One message, deleted or not.
    ///
    /// # Errors
    /// If the query fails.
    pub async fn message(
        &self,
        id: MessageId,
        include_raw: bool,
    ) -> Result<Option<MessageRow>, StoreError> {
        self.run_at_one_moment(move |connection| {
            let shape = Shape {
                with_raw: include_raw,
                ..Shape::WHOLE
            };
            let mut statement = connection.prepare(&format!(
                "SELECT {} FROM discord_messages WHERE message_id = {}",
                shape.columns(),
                id.as_i64()
            ))?;
            let mut rows = statement.query([])?;
            let row = rows.next()?;
            row.map(|row| MessageRow::read(row, shape)).transpose()
        })
        .await
    }
}
