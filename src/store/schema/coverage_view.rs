//! The view `coverage` of a part of the record. What it says of a channel depends on others, because a channel that was
//! not read to its end reaches as far as any channel was read; so a part has to be worked out from its own channels.

use duckdb::Connection;

use crate::store::StoreError;

/// The query of the view `coverage` in the database of this connection.
pub(crate) fn query(connection: &Connection) -> Result<String, StoreError> {
    let sql: String = connection.query_row(
        "SELECT sql FROM duckdb_views() WHERE database_name = current_database() \
         AND schema_name = 'main' AND view_name = 'coverage'",
        [],
        |row| row.get(0),
    )?;
    let query = sql.split_once(" AS ").map(|(_, query)| query.trim());
    let query = query.and_then(|query| query.strip_suffix(';'));
    let query = query.ok_or_else(|| StoreError::Damaged("the view coverage is none".to_owned()))?;
    Ok(query.to_owned())
}

/// The query of the coverage of the channels that meet a condition; `record` is the schema of the tables. Names in the
/// view's query mean the tables of this query, which have the same names.
pub(crate) fn of_channels(record: &str, query: &str, condition: &str) -> String {
    format!(
        "WITH channels AS (FROM {record}.channels WHERE {condition}), \
         coverage_ranges AS (FROM {record}.coverage_ranges \
         WHERE channel_id IN (SELECT channel_id FROM channels)), \
         gateway_sessions AS (FROM {record}.gateway_sessions), \
         record_state AS (FROM {record}.record_state) \
         SELECT * FROM ({query})"
    )
}
