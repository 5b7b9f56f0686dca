//! Epochs: one for each time that the record was opened, from its first change on. Who keeps a copy, and
//! learned of a revision in one of them, learns whether the record was put back to an earlier state since,
//! after which revisions mean something else.

use chrono::{DateTime, Utc};
use duckdb::{Connection, params};

use crate::store::StoreError;

/// How many are kept. What was seen in an older one is not known.
const KEPT: i64 = 1_000;

/// Begins one, after this revision.
pub(crate) fn begin(
    connection: &Connection,
    now: DateTime<Utc>,
    revision: i64,
) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO epochs SELECT coalesce(max(number), 0) + 1, uuid(), ?, ? FROM epochs",
        params![now, revision],
    )?;
    connection.execute(
        "DELETE FROM epochs WHERE number <= (SELECT max(number) FROM epochs) - ?",
        params![KEPT],
    )?;
    Ok(())
}

/// The present one.
pub(crate) fn present(connection: &Connection) -> Result<String, StoreError> {
    let sql = "SELECT CAST(arg_max(epoch, number) AS VARCHAR) FROM epochs";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// Whether a revision that was seen in this epoch is still what it was.
pub(crate) fn knows(
    connection: &Connection,
    epoch: &str,
    revision: i64,
) -> Result<bool, StoreError> {
    let sql = "WITH seen AS (SELECT number FROM epochs WHERE CAST(epoch AS VARCHAR) = ?) \
               SELECT EXISTS (FROM seen) AND NOT EXISTS ( \
                   FROM epochs WHERE number > (FROM seen) AND revision < ?)";
    Ok(connection.query_row(sql, params![epoch, revision], |row| row.get(0))?)
}
