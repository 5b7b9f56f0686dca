//! Message rows as they are written: converted into columns and appended as one Arrow batch. Row-by-row INSERT
//! is thirty times slower.

use std::sync::Arc;

use arrow::datatypes::FieldRef;
use chrono::{DateTime, Utc};
use duckdb::Connection;
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::message::{Body, Gone, Message, Observed, State, UserId};
use crate::store::StoreError;
use crate::store::schema::columns::{Column, Kind, column};
use crate::store::schema::compact::CompactRow;
use crate::store::schema::message::{COLUMNS, MessageRow};
use crate::store::schema::tables::{PATCH, SOURCE};

/// A row to write: what is known of the message, and what the record adds.
pub(crate) struct StoredMessage {
    pub(crate) message: Message,
    /// When the record first stored the message; later changes of the row keep it.
    pub(crate) ingested_at: DateTime<Utc>,
    /// The redaction of the message, with what stays of it.
    pub(crate) removed: Option<Redaction>,
    /// The deletion through a missing channel, if the message has no deletion of its own.
    pub(crate) missing_channel: Option<Gone>,
    /// The commit that last changed what the row shows.
    pub(crate) revision: i64,
}

/// What stays of a redacted message.
#[derive(Clone, Copy)]
pub(crate) struct Redaction {
    pub(crate) at: DateTime<Utc>,
    pub(crate) author_id: UserId,
    pub(crate) author_is_bot: bool,
    pub(crate) message_type: i32,
    pub(crate) source: i8,
}

impl Redaction {
    /// The columns that a redacted message shows.
    fn body(self) -> Body {
        Body {
            author_id: self.author_id,
            author_name: String::new(),
            author_is_bot: self.author_is_bot,
            content: String::new(),
            edited_at: None,
            message_type: self.message_type,
            attachment_count: 0,
            embed_count: 0,
            reactions: Vec::new(),
            has_poll: false,
            votes: None,
        }
    }
}

impl StoredMessage {
    /// The deletion, if the message is deleted.
    pub(crate) fn gone(&self) -> Option<Gone> {
        self.message.gone().or(self.missing_channel)
    }

    /// Redacts a deleted message for good. The author and the time stay, so that counts stay true.
    pub(crate) fn remove_content(&mut self, at: DateTime<Utc>) {
        if self.removed.is_some() || self.gone().is_none() {
            return;
        }
        self.removed = self.message.versions.current().map(|version| Redaction {
            at,
            author_id: version.body.author_id,
            author_is_bot: version.body.author_is_bot,
            message_type: version.body.message_type,
            source: version.source as i8,
        });
        self.message.forget_content();
    }
}

/// The columns of a message that only the writer uses.
const INTERNAL: [Column; 5] = [
    SOURCE,
    PATCH,
    column(
        "observed_at",
        Kind::Time,
        true,
        "When Discord showed raw_json.",
    ),
    column(
        "observed_sequence",
        Kind::Revision,
        true,
        "The number of its frame.",
    ),
    column(
        "state_json",
        Kind::Json,
        true,
        "What else the merge rule needs.",
    ),
];

/// The columns of `messages_hot` in the order of the table, which an append has to follow.
pub(crate) struct Layout(Vec<FieldRef>);

impl Layout {
    /// Reads the order from the file.
    pub(crate) fn load(connection: &Connection) -> Result<Self, StoreError> {
        let sql = "SELECT column_name FROM duckdb_columns() WHERE table_name = 'messages_hot' \
                   AND database_name = current_database() ORDER BY column_index";
        let mut statement = connection.prepare(sql)?;
        let names = statement.query_map([], |row| row.get::<_, String>(0))?;
        let names = names.collect::<Result<Vec<_>, _>>()?;
        let ours: Vec<Column> = COLUMNS.into_iter().chain(INTERNAL).collect();
        let unknown = names.len() != ours.len();
        let fields = names.iter().map(|name| {
            let column = ours.iter().find(|column| column.name == *name);
            column.map(|column| Arc::new(column.field()))
        });
        let fields: Option<Vec<FieldRef>> = fields.collect();
        fields.filter(|_| !unknown).map(Self).ok_or_else(|| {
            StoreError::Damaged(format!("messages_hot has the columns {}", names.join(", ")))
        })
    }
}

/// Appends rows to level 0, and returns them as readers see them.
pub(crate) fn append(
    connection: &Connection,
    layout: &Layout,
    rows: &[StoredMessage],
) -> Result<Vec<CompactRow>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let rows = rows.iter().map(HotRow::of).collect::<Result<Vec<_>, _>>()?;
    let batch = serde_arrow::to_record_batch(&layout.0, &rows)?;
    let mut appender = connection.appender("messages_hot")?;
    appender.append_record_batch(batch)?;
    // The appender's drop would lose an error.
    appender.flush()?;
    Ok(rows.iter().map(|row| CompactRow::of(&row.shown)).collect())
}

/// A row of `messages_hot`.
struct HotRow {
    shown: MessageRow,
    source: i8,
    changed_fields: Option<String>,
    /// The observation of the payload; none once the message was redacted.
    observed: Option<Observed>,
    state: Option<String>,
}

impl HotRow {
    fn of(stored: &StoredMessage) -> Result<Self, StoreError> {
        let message = &stored.message;
        let gone = stored.gone();
        let payload = stored.removed.is_none().then(|| message.shown()).flatten();
        let (body, source) = match (&payload, stored.removed) {
            (Some(payload), _) => (payload.body.clone(), payload.version.source as i8),
            (None, Some(removed)) => (removed.body(), removed.source),
            (None, None) => {
                let reason = format!("{} has no payload", message.id);
                return Err(StoreError::Damaged(reason));
            }
        };
        let payload = payload.as_ref();
        let reactions = payload.and_then(|payload| payload.reaction_count);
        Ok(Self {
            shown: MessageRow {
                message_id: message.id,
                guild_id: message.guild_id,
                channel_id: message.channel_id,
                author_id: body.author_id,
                author_name: body.author_name,
                author_is_bot: body.author_is_bot,
                content: body.content,
                created_at: message.id.created_at(),
                edited_at: body.edited_at,
                deleted: gone.is_some(),
                deleted_by: gone.map(|gone| gone.by.as_str().to_owned()),
                deleted_after: gone.map(|gone| gone.after),
                deleted_before: gone.map(|gone| gone.before),
                content_removed_at: stored.removed.map(|removed| removed.at),
                message_type: body.message_type,
                attachment_count: body.attachment_count,
                embed_count: body.embed_count,
                reaction_count: reactions.map(|count| i32::try_from(count).unwrap_or(i32::MAX)),
                reactions: payload.and_then(|payload| payload.reactions.clone()),
                poll_votes: payload.and_then(|payload| payload.poll_votes.clone()),
                ingested_at: stored.ingested_at,
                revision: stored.revision,
                raw_json: payload.map(|payload| payload.version.raw.to_string()),
            },
            source,
            changed_fields: payload.and_then(|payload| payload.changed_fields.clone()),
            observed: payload.map(|payload| payload.version.observed),
            state: State::of(message).to_json()?,
        })
    }
}

impl Serialize for HotRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let columns = COLUMNS.len() + INTERNAL.len();
        let mut row = serializer.serialize_struct("HotRow", columns)?;
        for (column, cell) in COLUMNS.iter().zip(self.shown.cells()) {
            row.serialize_field(column.name, &cell)?;
        }
        let observed_at = self.observed.map(|observed| observed.at.timestamp_micros());
        row.serialize_field("source", &self.source)?;
        row.serialize_field("patch_json", &self.changed_fields)?;
        row.serialize_field("observed_at", &observed_at)?;
        row.serialize_field("observed_sequence", &self.observed.and_then(sequence))?;
        row.serialize_field("state_json", &self.state)?;
        row.end()
    }
}

/// A sequence number for its column; none if the observation is not from a session.
pub(crate) fn sequence(observed: Observed) -> Option<i64> {
    (observed.sequence > 0).then_some(observed.sequence.cast_signed())
}
