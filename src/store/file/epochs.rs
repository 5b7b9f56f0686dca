//! Epochs: one for each time that the record was opened and changed. A follower that knows a revision of one
//! epoch can find out whether the record was restored to an earlier state since, because revisions were then
//! counted again.

use chrono::{DateTime, Utc};
use duckdb::{Connection, params};

use crate::store::StoreError;

/// The number of epochs that are kept. A revision of an older epoch counts as unknown.
const KEPT: i64 = 1_000;

/// Begins an epoch after this revision.
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

/// The current epoch.
pub(crate) fn present(connection: &Connection) -> Result<String, StoreError> {
    let sql = "SELECT CAST(arg_max(epoch, number) AS VARCHAR) FROM epochs";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// Whether a revision of this epoch still means the same commit.
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
