//! Times in which nobody listened, or of which the record was lost. What came and went in them is
//! not known to anybody, so they are kept for ever.

use chrono::{DateTime, Utc};
use duckdb::{Connection, params};

use super::StoreError;

/// A time in which nobody listened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// When the last was heard before it.
    pub began_at: DateTime<Utc>,
    /// When the next was heard.
    pub ended_at: DateTime<Utc>,
    /// `offline`: the service did not run. `session_lost`: it ran, and Discord could not be
    /// followed. `record_damaged`: what was recorded in that time was lost.
    pub reason: String,
}

pub(super) fn write(
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
