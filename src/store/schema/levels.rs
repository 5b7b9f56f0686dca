//! The levels: the three tables that contain messages. Rows arrive in the order of time and are read by
//! channel, so compaction moves them from each level to the next, sorted by channel.

use duckdb::Connection;

use crate::store::StoreError;

/// The tables, from the newest rows to the oldest; each message is in one of them.
pub(crate) const LEVELS: [&str; 3] = ["messages_hot", "messages_small_runs", "messages_runs"];

/// The rows of a DuckDB row group. DuckDB writes whole row groups to disk, compressed, before the COMMIT of a
/// compaction.
pub(crate) const ROW_GROUP: usize = 122_880;

/// How many rows a table has.
pub(crate) fn count(connection: &Connection, table: &str) -> Result<usize, StoreError> {
    let rows: i64 = connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
        row.get(0)
    })?;
    Ok(usize::try_from(rows).unwrap_or(0))
}
