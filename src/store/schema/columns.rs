//! The columns of `discord_messages` that are shown: their order, types and meaning, for everything
//! that hands rows on in columns.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{RecordBatch, StructArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::report::{ColumnKind, ReportColumn};
use crate::store::StoreError;

/// The key of a field's metadata that says what the column means.
pub const DESCRIPTION: &str = "description";
/// The key that says in what the column counts.
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
    /// A list or an object as JSON: a part of what the row says, unlike a payload.
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

/// What every row about a message begins with.
pub(crate) const MESSAGE_ID: Column = column("message_id", Kind::Snowflake, false, "The message.");
pub(crate) const GUILD_ID: Column = column(
    "guild_id",
    Kind::Snowflake,
    false,
    "The guild it belongs to.",
);
pub(crate) const CHANNEL_ID: Column = column(
    "channel_id",
    Kind::Snowflake,
    false,
    "The channel or thread it stands in.",
);

/// All of them, in their order.
pub const COLUMNS: [Column; 22] = [
    MESSAGE_ID,
    GUILD_ID,
    CHANNEL_ID,
    column(
        "author_id",
        Kind::Snowflake,
        false,
        "Who wrote it: a user, a bot or a webhook.",
    ),
    column("author_name", Kind::Text, false, "The author's user name."),
    column(
        "content",
        Kind::Text,
        false,
        "The text as typed, with Discord's markup.",
    ),
    column(
        "created_at",
        Kind::Time,
        false,
        "When it was written: the time in its id.",
    ),
    column(
        "edited_at",
        Kind::Time,
        true,
        "When its author last edited it.",
    ),
    column(
        "deleted",
        Kind::Boolean,
        false,
        "Whether it is gone from Discord.",
    ),
    column(
        "deleted_by",
        Kind::Text,
        true,
        "How that became known. Discord said so: gateway (MESSAGE_DELETE), bulk (a purge), channel (it went with its channel). Inferred, and taken back if it shows up again: rescan (two readings of the history did not show it), missing_channel (Discord does not know its channel any more).",
    ),
    column(
        "deleted_after",
        Kind::Time,
        true,
        "It was still there at this time.",
    ),
    column(
        "deleted_before",
        Kind::Time,
        true,
        "When the delete was noticed.",
    ),
    column(
        "content_removed_at",
        Kind::Time,
        true,
        "When the content of this deleted message was taken out of the record.",
    ),
    column(
        "message_type",
        Kind::Count,
        false,
        "Discord's message type: 0 text, 19 reply.",
    ),
    column(
        "attachment_count",
        Kind::Count,
        false,
        "How many files hang on it.",
    ),
    column(
        "embed_count",
        Kind::Count,
        false,
        "How many embeds hang on it.",
    ),
    column(
        "reaction_count",
        Kind::Count,
        true,
        "How many reactions it has; none if that is not known: only an edit or single reactions of it were heard.",
    ),
    column(
        "reactions",
        Kind::Details,
        true,
        "The reactions by emoji, as a JSON list of count, emoji_id, emoji_name and super_count; none if they are not known.",
    ),
    column(
        "poll_votes",
        Kind::Details,
        true,
        "The votes of its poll by answer, as a JSON list of answer_id and count; none without a poll, or if they are not known.",
    ),
    column(
        "ingested_at",
        Kind::Time,
        false,
        "When this service first had it.",
    ),
    column(
        "revision",
        Kind::Revision,
        false,
        "The commit that last changed the row.",
    ),
    column(
        "raw_json",
        Kind::Json,
        true,
        "The payload as Discord sent it, byte for byte.",
    ),
];

impl Column {
    /// The column of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        COLUMNS.into_iter().find(|column| column.name == name)
    }

    /// Those of a download that names none: all but the payload.
    #[must_use]
    pub fn usual() -> Vec<Self> {
        let all = COLUMNS.into_iter();
        all.filter(|column| !column.is_payload()).collect()
    }

    /// Whether it holds payloads, which are most of a row.
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

/// The type and unit of times.
fn time() -> (DataType, Option<&'static str>) {
    (
        DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Some("microseconds since 1970-01-01T00:00:00Z"),
    )
}

/// What a field says of itself.
fn told(meaning: &str, unit: Option<&str>) -> HashMap<String, String> {
    let meaning = (DESCRIPTION.to_owned(), meaning.to_owned());
    let unit = unit.map(|unit| (UNIT.to_owned(), unit.to_owned()));
    std::iter::once(meaning).chain(unit).collect()
}

/// The schema of these columns, each with its meaning.
pub(crate) fn schema(columns: &[Column]) -> SchemaRef {
    let fields: Vec<Field> = columns.iter().map(|column| column.field()).collect();
    Arc::new(Schema::new(fields))
}

/// What a report answers, each column with its meaning.
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

/// DuckDB's rows with a schema of ours: its names of time zones differ, and it knows no meanings. A
/// value that its column's type can't hold is an error.
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
