//! Payloads that could not be understood, kept as they came.

use chrono::{DateTime, Utc};
use duckdb::{Connection, params};

use super::{Parked, StoreError};
use crate::message::ChannelId;

/// Keeps payloads that could not be understood, each once however often it came.
pub(super) fn append(
    connection: &Connection,
    payloads: &[Parked],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    for parked in payloads {
        connection.execute(
            "INSERT INTO parked_payloads SELECT ?, ?, ?, ?, ?, ? \
             WHERE NOT EXISTS (FROM parked_payloads WHERE payload = ? AND event = ?)",
            params![
                now,
                parked.source as u8,
                parked.event,
                parked.channel_id.map(ChannelId::as_i64),
                parked.reason,
                parked.payload,
                parked.payload,
                parked.event,
            ],
        )?;
    }
    Ok(())
}
