//! Dead letters: payloads that could not be understood, exactly as they were received.

use chrono::{DateTime, Utc};
use duckdb::{Connection, ToSql, params_from_iter};

use super::batch::Parked;
use crate::message::ChannelId;
use crate::store::StoreError;

/// The maximum number of payloads in one statement.
const AT_A_TIME: usize = 500;

/// Stores dead letters, each once however often it was received.
pub(crate) fn append(
    connection: &Connection,
    payloads: &[Parked],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    for payloads in payloads.chunks(AT_A_TIME) {
        // DuckDB scans the stored payloads once for all of these.
        let rows = vec!["(?::TIMESTAMPTZ, ?::TINYINT, ?, ?::BIGINT, ?, ?)"; payloads.len()];
        let sql = format!(
            "INSERT INTO parked_payloads BY NAME SELECT DISTINCT ON (event, payload) * \
             FROM (VALUES {}) AS came(received_at, source, event, channel_id, reason, payload) \
             ANTI JOIN parked_payloads AS kept USING (event, payload)",
            rows.join(", ")
        );
        let values = payloads.iter().flat_map(|parked| -> [Box<dyn ToSql>; 6] {
            [
                Box::new(now),
                Box::new(parked.source as u8),
                Box::new(parked.event.clone()),
                Box::new(parked.channel_id.map(ChannelId::as_i64)),
                Box::new(parked.reason.clone()),
                Box::new(parked.payload.clone()),
            ]
        });
        connection.execute(&sql, params_from_iter(values))?;
    }
    Ok(())
}
