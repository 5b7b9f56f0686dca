//! Reports: each is one SQL file with a header that says what it is asked and what it answers. Here
//! they are found and read, the built-in ones and a user's own; the record answers them
//! ([`crate::store::Reader::report`]), the API offers them.

mod header;
mod library;
mod parameter;

pub use header::HeaderError;
pub use library::{BrokenReport, Library, built_in_macros, command_line_init};
pub use parameter::{Kind, Parameter, Value};

/// A report as its file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The file's name without `.sql`: lower-case letters, digits and `_`.
    pub name: String,
    /// One line.
    pub title: String,
    /// What it tells.
    pub description: String,
    /// Whether its answer depends on what was before `from`.
    pub reads_history: bool,
    /// What it is asked, in the header's order.
    pub parameters: Vec<Parameter>,
    /// What it answers, in its order.
    pub columns: Vec<ReportColumn>,
    /// The whole file: one query.
    pub sql: String,
}

/// A column of a report's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: ColumnKind,
    /// What it means.
    pub description: String,
}

/// The types of a report's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// TIMESTAMP: what a clock in the time zone asked for showed.
    Timestamp,
}

impl ColumnKind {
    const NAMES: [(&'static str, Self); 8] = [
        ("id", Self::Id),
        ("integer", Self::Integer),
        ("number", Self::Number),
        ("boolean", Self::Boolean),
        ("text", Self::Text),
        ("day", Self::Day),
        ("time", Self::Time),
        ("timestamp", Self::Timestamp),
    ];

    /// As the header writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let found = Self::NAMES.iter().find(|(_, kind)| *kind == self);
        found.map_or("", |(name, _)| name)
    }

    fn from_name(name: &str) -> Option<Self> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, kind)| *kind)
    }
}
