//! Messages that an earlier process should have re-fetched and did not.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use duckdb::Connection;

use super::batch::Unsettled;
use super::{fragments, lookup};
use crate::message::State;
use crate::store::StoreError;
use crate::store::schema::levels::LEVELS;
use crate::store::schema::sql::{FoundAt, id};

/// How long before the last observation counts may have become uncertain. Each message is re-fetched after
/// `ASK_AGAIN` (40 s by default), so older ones were settled, or Discord did not show them. The limit also keeps
/// the rows few, because a start may not read the whole record.
const LATELY: TimeDelta = TimeDelta::hours(1);

/// The messages that waited for a re-fetch when the record was closed or the process died: those known only in
/// part, and those whose counts are uncertain.
pub(crate) fn left(
    connection: &Connection,
    observed_at: Option<DateTime<Utc>>,
) -> Result<Vec<Unsettled>, StoreError> {
    let mut unsettled = fragments::unsettled(connection)?;
    let Some(observed_at) = observed_at else {
        return Ok(unsettled);
    };
    for (level, table) in LEVELS.iter().enumerate() {
        let sql = format!(
            "SELECT channel_id, message_id, state_json FROM {table} \
             WHERE observed_at >= ? AND state_json IS NOT NULL AND NOT deleted"
        );
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([observed_at - LATELY])?;
        let mut candidates: Vec<FoundAt> = Vec::new();
        while let Some(row) = rows.next()? {
            let state: String = row.get(2)?;
            if serde_json::from_str::<State>(&state)?.may_be_unsettled() {
                candidates.push((id(row, 0)?, id(row, 1)?));
            }
        }
        // The payload decides, and only those of the candidates are read, because payloads are most of a row.
        let mut known = HashMap::new();
        lookup::read_rows(connection, level, &candidates, &mut known)?;
        let messages = known.values().map(|known| &known.row.message);
        let open = messages.filter(|message| message.is_unsettled(None));
        unsettled.extend(open.map(Unsettled::from));
    }
    Ok(unsettled)
}
