//! What is known of messages without a payload: a delete or a partial update that came first. It
//! makes no row, because that would invent a message; it waits for the payload.

use duckdb::{Connection, Row, params};

use super::batch::Unsettled;
use crate::message::{DeletedBy, Gone, Message, State};
use crate::store::StoreError;
use crate::store::schema::sql::id;

/// The columns that [`read`] takes, which rows have too.
pub(crate) const COLUMNS: &str =
    "message_id, guild_id, channel_id, deleted_by, deleted_after, deleted_before, state_json";

/// What the columns tell beside a payload.
pub(crate) struct Stored {
    /// Its place, and nothing else.
    pub(crate) message: Message,
    gone: Option<Gone>,
    state: State,
}

impl Stored {
    /// The message with what is known beside its payload, once that was read.
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
    Ok(Stored {
        message,
        // That its channel is missing is known of the channel, and laid over each row that is written.
        gone: gone.filter(|gone| gone.by != DeletedBy::MissingChannel),
        state: state.transpose()?.unwrap_or_default(),
    })
}

/// Writes what is known of messages without a payload.
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

/// Messages of which a part came, and no whole payload.
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
