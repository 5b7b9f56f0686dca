//! Reports: each one is an SQL file with a header that declares its parameters and columns. This module finds
//! and parses the built-in reports and those of the user; the database runs them
//! ([`crate::store::Reader::report`]), and the API serves them.

mod header;
mod library;
mod parameter;

pub use header::HeaderError;
pub use library::{BrokenReport, Library, Stamp, built_in_macros, command_line_init};
pub use parameter::{Kind, Parameter, Value};

/// A report as its file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The file's name without `.sql`: lower-case letters, digits and `_`.
    pub name: String,
    /// The title, in one line.
    pub title: String,
    /// What the report counts.
    pub description: String,
    /// Whether the result depends on messages before `from`.
    pub reads_history: bool,
    /// Whether the result can't be told without the content of messages.
    pub needs_content: bool,
    /// The parameters, in the order of the header.
    pub parameters: Vec<Parameter>,
    /// The columns of the result, in their order.
    pub columns: Vec<ReportColumn>,
    /// The whole file: a single query.
    pub sql: String,
}

/// A column of a report's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportColumn {
    /// Name of the column.
    pub name: String,
    /// Type of the column.
    pub kind: ColumnKind,
    /// Meaning of the column.
    pub description: String,
}

/// The types of a report's columns.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString, strum::VariantNames,
)]
#[strum(serialize_all = "snake_case")]
pub enum ColumnKind {
    /// A Discord id: BIGINT, and a string in JSON.
    Id,
    /// BIGINT.
    Integer,
    /// DOUBLE.
    Number,
    /// BOOLEAN.
    Boolean,
    /// VARCHAR.
    Text,
    /// DATE.
    Day,
    /// TIMESTAMPTZ, in UTC.
    Time,
    /// TIMESTAMP: a local time in the requested time zone.
    Timestamp,
}

impl ColumnKind {
    /// The name of the type in a header.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
