//! Redaction: removes the content of deleted messages. The row stays, with its author and time, so that counts
//! stay true and nothing that arrives later brings the content back.

use chrono::{DateTime, Utc};
use duckdb::{Connection, params};

use crate::store::StoreError;
use crate::store::schema::levels::LEVELS;

/// The condition for messages that are due to be redacted, with the time at which their delete was noticed at
/// the latest.
const DUE: &str = "deleted AND content_removed_at IS NULL AND deleted_before <= ?";

/// The ids of a level's messages that are due to be redacted.
pub(crate) fn due(
    connection: &Connection,
    table: &str,
    noticed_before: DateTime<Utc>,
) -> Result<Vec<i64>, StoreError> {
    let sql = format!("SELECT message_id FROM {table} WHERE {DUE}");
    let mut statement = connection.prepare(&sql)?;
    let ids = statement.query_map([noticed_before], |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// Redacts at most `most` deleted messages whose delete was noticed at this time or before, and deletes their
/// earlier versions. Returns the number of messages.
pub(crate) fn redact(
    connection: &Connection,
    noticed_before: DateTime<Utc>,
    now: DateTime<Utc>,
    revision: i64,
    most: usize,
) -> Result<usize, StoreError> {
    let mut removed = 0;
    for table in LEVELS {
        let left = most.saturating_sub(removed);
        let which =
            format!("message_id IN (SELECT message_id FROM {table} WHERE {DUE} LIMIT {left})");
        let these = connection.execute(
            &format!(
                "UPDATE {table} SET author_name = '', content = '', edited_at = NULL, \
                 attachment_count = 0, embed_count = 0, patch_json = NULL, raw_json = NULL, \
                 observed_at = NULL, observed_sequence = NULL, state_json = NULL, \
                 reaction_count = NULL, reactions = NULL, poll_votes = NULL, \
                 content_removed_at = ?, revision = {revision} WHERE {which}"
            ),
            params![now, noticed_before],
        )?;
        if these > 0 {
            connection.execute_batch(&format!(
                "DELETE FROM message_versions WHERE message_id IN (SELECT message_id FROM {table} \
                 WHERE revision = {revision} AND content_removed_at IS NOT NULL)"
            ))?;
        }
        removed += these;
    }
    connection.execute(
        "UPDATE message_fragments SET state_json = NULL \
         WHERE state_json IS NOT NULL AND deleted_before <= ?",
        [noticed_before],
    )?;
    Ok(removed)
}
