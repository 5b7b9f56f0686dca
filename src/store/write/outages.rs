//! Times in which nobody listened, or of which the record was lost. What came and went in them is
//! not known to anybody, so they are kept for ever.

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
