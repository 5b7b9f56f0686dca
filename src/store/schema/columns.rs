//! The public columns of `discord_messages`: their order, types and meanings, for everything that exports rows as
//! columns.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{RecordBatch, StructArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::report::{ColumnKind, ReportColumn};
use crate::store::StoreError;

/// The metadata key of a field with the meaning of the column.
pub const DESCRIPTION: &str = "description";
/// The metadata key of a field with the unit of the column.
pub const UNIT: &str = "unit";
/// The unit of Discord's ids.
pub const SNOWFLAKE: &str = "snowflake";
/// The unit of payloads.
pub const JSON: &str = "json";

/// A column of `discord_messages`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
    kind: Kind,
    is_nullable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Snowflake,
    Text,
    Json,
    Time,
    Boolean,
    Count,
    Small,
    Revision,
    /// A list or an object as JSON; unlike a payload it is one of the usual columns.
    Details,
}

pub(crate) const fn column(
    name: &'static str,
    kind: Kind,
    is_nullable: bool,
    meaning: &'static str,
) -> Column {
    Column {
        name,
        meaning,
        kind,
        is_nullable,
    }
}

/// The columns that every row about a message begins with.
pub(crate) const MESSAGE_ID: Column = column(
    "message_id",
    Kind::Snowflake,
    false,
    "Discord's id of the message.",
);
pub(crate) const GUILD_ID: Column = column(
    "guild_id",
    Kind::Snowflake,
    false,
    "Discord's id of the guild (server).",
);
pub(crate) const CHANNEL_ID: Column = column(
    "channel_id",
    Kind::Snowflake,
    false,
    "Discord's id of the channel or thread that contains the message.",
);

/// All public columns, in their order.
pub const COLUMNS: [Column; 22] = [
    MESSAGE_ID,
    GUILD_ID,
    CHANNEL_ID,
    column(
        "author_id",
        Kind::Snowflake,
        false,
        "Discord's id of the author: a user, a bot or a webhook.",
    ),
    column(
        "author_name",
        Kind::Text,
        false,
        "The author's user name; empty if the content was redacted.",
    ),
    column(
        "content",
        Kind::Text,
        false,
        "The message text as typed, with Discord's markup; empty if it was redacted.",
    ),
    column(
        "created_at",
        Kind::Time,
        false,
        "When the message was written (UTC): the time encoded in its id.",
    ),
    column(
        "edited_at",
        Kind::Time,
        true,
        "When the author last edited the message (UTC); null if never.",
    ),
    column(
        "deleted",
        Kind::Boolean,
        false,
        "Whether the message no longer exists on Discord.",
    ),
    column(
        "deleted_by",
        Kind::Text,
        true,
        "How the delete became known. Reported by Discord: gateway (a MESSAGE_DELETE event), bulk (a MESSAGE_DELETE_BULK event, as a moderator's purge sends it), channel (the channel or thread was deleted). Inferred, and reverted if the message appears again: rescan (two readings of the history did not contain the message), missing_channel (Discord answers that the channel does not exist). Null if the message is not deleted.",
    ),
    column(
        "deleted_after",
        Kind::Time,
        true,
        "The message still existed on Discord at this time (UTC); the delete happened later.",
    ),
    column(
        "deleted_before",
        Kind::Time,
        true,
        "When the delete was noticed (UTC); it happened at this time or earlier.",
    ),
    column(
        "content_removed_at",
        Kind::Time,
        true,
        "When the content of this deleted message was redacted (UTC); null if it was not.",
    ),
    column(
        "message_type",
        Kind::Count,
        false,
        "Discord's message type, for example 0 a normal message, 19 a reply.",
    ),
    column(
        "attachment_count",
        Kind::Count,
        false,
        "Number of attached files.",
    ),
    column(
        "embed_count",
        Kind::Count,
        false,
        "Number of embeds (link previews, bot cards).",
    ),
    column(
        "reaction_count",
        Kind::Count,
        true,
        "Number of reactions. Null if the number is not known, because only an edit or single reaction events of the message were received, or because its content was redacted.",
    ),
    column(
        "reactions",
        Kind::Details,
        true,
        "Reactions per emoji, as a JSON list of objects with count, emoji_id, emoji_name and super_count; null if they are not known.",
    ),
    column(
        "poll_votes",
        Kind::Details,
        true,
        "Votes per answer of the message's poll, as a JSON list of objects with answer_id and count; null if the message has no poll, or if its votes are not known.",
    ),
    column(
        "ingested_at",
        Kind::Time,
        false,
        "When this service first stored the message (UTC).",
    ),
    column(
        "revision",
        Kind::Revision,
        false,
        "Number of the database commit that last changed the row.",
    ),
    column(
        "raw_json",
        Kind::Json,
        true,
        "The payload exactly as Discord sent it, byte for byte; null if the content was redacted.",
    ),
];

impl Column {
    /// The column with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        COLUMNS.into_iter().find(|column| column.name == name)
    }

    /// The columns of a download without `columns`: all but the payload.
    #[must_use]
    pub fn usual() -> Vec<Self> {
        let all = COLUMNS.into_iter();
        all.filter(|column| !column.is_payload()).collect()
    }

    /// Whether the column contains payloads, which are most of a row.
    #[must_use]
    pub fn is_payload(self) -> bool {
        self.kind == Kind::Json
    }

    fn field(self) -> Field {
        let (data_type, unit) = match self.kind {
            Kind::Snowflake => (DataType::Int64, Some(SNOWFLAKE)),
            Kind::Text => (DataType::Utf8, None),
            Kind::Json | Kind::Details => (DataType::Utf8, Some(JSON)),
            Kind::Time => time(),
            Kind::Boolean => (DataType::Boolean, None),
            Kind::Count => (DataType::Int32, None),
            Kind::Small => (DataType::Int8, None),
            Kind::Revision => (DataType::Int64, Some("commits")),
        };
        Field::new(self.name, data_type, self.is_nullable).with_metadata(told(self.meaning, unit))
    }
}

/// The Arrow type and the unit of times.
fn time() -> (DataType, Option<&'static str>) {
    (
        DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Some("microseconds since 1970-01-01T00:00:00Z"),
    )
}

/// The metadata of a field: its meaning and its unit.
fn told(meaning: &str, unit: Option<&str>) -> HashMap<String, String> {
    let meaning = (DESCRIPTION.to_owned(), meaning.to_owned());
    let unit = unit.map(|unit| (UNIT.to_owned(), unit.to_owned()));
    std::iter::once(meaning).chain(unit).collect()
}

/// The Arrow schema of these columns, with the meaning of each.
pub(crate) fn schema(columns: &[Column]) -> SchemaRef {
    let fields: Vec<Field> = columns.iter().map(|column| column.field()).collect();
    Arc::new(Schema::new(fields))
}

/// The Arrow schema of a report's result, with the meaning of each column.
#[must_use]
pub fn report_schema(columns: &[ReportColumn]) -> SchemaRef {
    let fields = columns.iter().map(|column| {
        let (data_type, unit) = match column.kind {
            ColumnKind::Id => (DataType::Int64, Some(SNOWFLAKE)),
            ColumnKind::Integer => (DataType::Int64, None),
            ColumnKind::Number => (DataType::Float64, None),
            ColumnKind::Boolean => (DataType::Boolean, None),
            ColumnKind::Text => (DataType::Utf8, None),
            ColumnKind::Day => (DataType::Date32, None),
            ColumnKind::Time => time(),
            ColumnKind::Timestamp => (DataType::Timestamp(TimeUnit::Microsecond, None), None),
        };
        Field::new(&column.name, data_type, true).with_metadata(told(&column.description, unit))
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Converts DuckDB's rows to our schema, because DuckDB names time zones differently and has no meanings. A value
/// that does not fit into the type of its column is an error.
pub(crate) fn shape(rows: &StructArray, schema: &SchemaRef) -> Result<RecordBatch, StoreError> {
    let strict = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let columns = rows.columns().iter().zip(schema.fields());
    let columns =
        columns.map(|(column, field)| cast_with_options(column, field.data_type(), &strict));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    Ok(RecordBatch::try_new(schema.clone(), columns)?)
}
