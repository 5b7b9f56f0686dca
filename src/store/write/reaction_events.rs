//! Reaction and vote events: who, on what, and when; one row for each gateway event. Kept only with
//! `REACTIONS=full`; the counts are in the rows of the messages.

use duckdb::{Connection, params};

use crate::message::{ReactionEvent, UserId};
use crate::store::StoreError;

/// Stores events.
pub(crate) fn append(connection: &Connection, events: &[ReactionEvent]) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let mut insert =
        connection.prepare("INSERT INTO reaction_events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
    for event in events {
        let kind: &'static str = event.kind.into();
        insert.execute(params![
            event.happened_at,
            event.message_id.as_i64(),
            event.guild_id.as_i64(),
            event.channel_id.as_i64(),
            event.user_id.map(UserId::as_i64),
            kind,
            event.emoji_id,
            event.emoji_name,
            event.answer_id,
            event.is_super,
        ])?;
    }
    Ok(())
}
