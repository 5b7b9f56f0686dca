//! The three tables that messages are in. Rows arrive by time and are read by channel, so they move from the first table
//! to the next, sorted by channel.

use duckdb::Connection;

use crate::store::StoreError;

/// The tables, from the youngest rows to the oldest; each message is in one of them.
pub(crate) const LEVELS: [&str; 3] = ["messages_hot", "messages_small_runs", "messages_runs"];

/// Rows of a row group of DuckDB's: those of a move of so many are on disk, compressed, before its commit.
pub(crate) const ROW_GROUP: usize = 122_880;

/// How many rows a table has.
pub(crate) fn count(connection: &Connection, table: &str) -> Result<usize, StoreError> {
    let rows: i64 = connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
        row.get(0)
    })?;
    Ok(usize::try_from(rows).unwrap_or(0))
}
