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
/// The unit of Discord ids.
pub const SNOWFLAKE: &str = "snowflake";
/// The unit of JSON texts.
pub const JSON: &str = "json";

/// A column of `discord_messages`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The column's name.
    pub name: &'static str,
    /// The meaning of the column, for documentation and exported files.
    pub meaning: &'static str,
    /// The kind of its values.
    pub kind: Kind,
    /// Whether a value can be null.
    pub is_nullable: bool,
}

/// The kind of values in a column; it determines the types in DuckDB and Arrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A Discord id.
    Snowflake,
    /// A text.
    Text,
    /// A payload, or a part of a payload, as JSON.
    Json,
    /// A time, to the microsecond.
    Time,
    /// True or false.
    Boolean,
    /// A number of things, of 32 bits.
    Count,
    /// A code with few values, of 8 bits.
    Small,
    /// The number of a commit.
    Revision,
    /// A list as JSON that belongs to the row's content: a download includes it by default, unlike a payload.
    Details,
}

impl Kind {
    /// Whether the text of a value is JSON.
    #[must_use]
    pub fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Details)
    }
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

impl Column {
    /// Whether the column contains payloads, which are most of a row.
    #[must_use]
    pub fn is_payload(self) -> bool {
        self.kind == Kind::Json
    }

    /// The type of the column in DuckDB.
    #[cfg(test)]
    pub(crate) fn sql_type(self) -> &'static str {
        match self.kind {
            Kind::Snowflake | Kind::Revision => "BIGINT",
            Kind::Text | Kind::Json | Kind::Details => "VARCHAR",
            Kind::Time => "TIMESTAMPTZ",
            Kind::Boolean => "BOOLEAN",
            Kind::Count => "INTEGER",
            Kind::Small => "TINYINT",
        }
    }

    pub(crate) fn field(self) -> Field {
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

/// Converts DuckDB's rows to this schema, because DuckDB names time zones differently and has no meanings. A
/// value that does not fit into the type of its column is an error.
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
