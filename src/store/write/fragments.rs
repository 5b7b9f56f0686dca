//! Message fragments: what is known of messages without a payload, for example a delete or a partial update
//! that came first. A fragment makes no row, because that would invent a message; it waits for the payload.

use duckdb::{Connection, Row, params};

use super::batch::Unsettled;
use crate::message::{DeletedBy, Gone, Message, State};
use crate::store::StoreError;
use crate::store::schema::sql::id;

/// The columns that [`read`] expects, which the message tables have too.
pub(crate) const COLUMNS: &str =
    "message_id, guild_id, channel_id, deleted_by, deleted_after, deleted_before, state_json";

/// What is stored of a message besides its payload.
pub(crate) struct Stored {
    /// The message with its ids, and nothing else.
    pub(crate) message: Message,
    /// The deletion through a missing channel, if that is what the row shows.
    pub(crate) missing_channel: Option<Gone>,
    gone: Option<Gone>,
    state: State,
}

impl Stored {
    /// The message with everything that is stored, once its payload is read.
    pub(crate) fn restored(self) -> Message {
        let mut message = self.message;
        self.state.restore(&mut message, self.gone);
        message
    }
}

pub(crate) fn read(row: &Row<'_>) -> Result<Stored, StoreError> {
    let message = Message::unknown(id(row, 0)?, id(row, 1)?, id(row, 2)?);
    let by: Option<String> = row.get(3)?;
    let mut gone = None;
    if let (Some(by), Some(after), Some(before)) = (by, row.get(4)?, row.get(5)?) {
        let by: DeletedBy = by
            .parse()
            .map_err(|_| StoreError::Damaged(format!("{}: deleted by {by:?}", message.id)))?;
        gone = Some(Gone::new(message.id, after, before, by));
    }
    let state: Option<String> = row.get(6)?;
    let state = state.map(|state| serde_json::from_str(&state));
    // A missing channel is stored with the channel and is applied to each row when it is written.
    let is_missing = |gone: &Gone| gone.by == DeletedBy::MissingChannel;
    Ok(Stored {
        message,
        missing_channel: gone.filter(is_missing),
        gone: gone.filter(|gone| !is_missing(gone)),
        state: state.transpose()?.unwrap_or_default(),
    })
}

/// Writes fragments.
pub(crate) fn append(
    connection: &Connection,
    fragments: &[Message],
    revision: i64,
) -> Result<(), StoreError> {
    if fragments.is_empty() {
        return Ok(());
    }
    let mut insert =
        connection.prepare("INSERT INTO message_fragments VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
    for fragment in fragments {
        let gone = fragment.gone();
        insert.execute(params![
            fragment.id.as_i64(),
            fragment.guild_id.as_i64(),
            fragment.channel_id.as_i64(),
            gone.map(|gone| gone.by.as_str()),
            gone.map(|gone| gone.before),
            State::of(fragment).to_json()?,
            revision,
            gone.map(|gone| gone.after),
        ])?;
    }
    Ok(())
}

/// The fragments that a re-fetch can settle.
pub(crate) fn unsettled(connection: &Connection) -> Result<Vec<Unsettled>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM message_fragments WHERE state_json IS NOT NULL");
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut unsettled = Vec::new();
    while let Some(row) = rows.next()? {
        let message = read(row)?.restored();
        if message.is_unsettled(None) {
            unsettled.push((&message).into());
        }
    }
    Ok(unsettled)
}
