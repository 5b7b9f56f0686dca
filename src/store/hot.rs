//! From the hot table to a sorted run. Rows arrive by time and are read by channel: the move sorts
//! them by (channel, id), so that a channel is contiguous inside each run and zone maps find it.

use duckdb::Connection;

use super::StoreError;

/// Moves all hot rows into the runs.
pub(super) fn move_to_run(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch(
        "INSERT INTO messages_runs SELECT * FROM messages_hot ORDER BY channel_id, message_id;
         DELETE FROM messages_hot;",
    )?;
    Ok(())
}
