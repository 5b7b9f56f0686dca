//! Outages: times in which no gateway session was followed, or whose records were lost. What came and went in
//! them is unknown, so the rows are kept for ever.

use chrono::{DateTime, Utc};
use duckdb::{Connection, params};

use crate::store::StoreError;

pub(crate) fn write(
    connection: &Connection,
    began_at: DateTime<Utc>,
    ended_at: DateTime<Utc>,
    reason: &str,
) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO outages VALUES (?, ?, ?)",
        params![began_at, ended_at, reason],
    )?;
    Ok(())
}
