//! A report to run, and its parameters as SQL.

use arrow::datatypes::SchemaRef;
use chrono::SecondsFormat;

use super::reach::within;
use crate::guild::Reach;
use crate::report::Value;

/// A report to run.
#[derive(Debug, Clone)]
pub struct ReportRequest {
    /// The report's one query.
    pub sql: String,
    /// The columns that the query has to return.
    pub schema: SchemaRef,
    /// The parameters by name; the others have their defaults.
    pub parameters: Vec<(String, Value)>,
    /// The length of its periods, as given or by its default, if it has such a parameter.
    pub unit: Option<String>,
    /// What the caller may see.
    pub reach: Reach,
    /// Whether the caller may see the names of authors.
    pub names: bool,
    /// Whether the report reads all history, so that its coverage counts from the beginning of the record.
    pub reads_history: bool,
}

impl ReportRequest {
    /// The condition on guild and channel of the rows that the report may read, and the columns of a message that it
    /// shows; none if it may read and show everything.
    pub(super) fn part(&self) -> Option<(String, &'static str)> {
        let within = within(&self.reach);
        if within.is_none() && self.names {
            return None;
        }
        let shown = match self.names {
            true => "*",
            false => "* REPLACE (CAST(NULL AS VARCHAR) AS author_name)",
        };
        Some((within.unwrap_or_else(|| "true".to_owned()), shown))
    }
}

/// A value as an SQL literal, because variables take no bound parameters.
pub(super) fn literal(value: &Value) -> String {
    match value {
        Value::Integer(number) => format!("CAST({number} AS BIGINT)"),
        Value::Boolean(yes) => yes.to_string(),
        Value::Time(time) => {
            let time = time.to_rfc3339_opts(SecondsFormat::Micros, true);
            format!("TIMESTAMPTZ '{time}'")
        }
        Value::Day(day) => format!("DATE '{day}'"),
        Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
    }
}
