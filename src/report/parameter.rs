//! A parameter of a report: its type, and the values that it accepts.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

/// A parameter of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Name of the parameter.
    pub name: String,
    /// Type of the parameter.
    pub kind: Kind,
    /// Whether the parameter is required.
    pub is_required: bool,
    /// The value that is used if the parameter is not given; none if there is none.
    pub default: Option<Value>,
    /// Meaning of the parameter.
    pub description: String,
}

/// The types of parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A Discord id.
    Id,
    /// A time with an offset from UTC.
    Time,
    /// A day, such as 2026-03-01.
    Day,
    /// A whole number within a range.
    Integer(i64, i64),
    /// `true` or `false`.
    Boolean,
    /// An IANA time zone.
    Zone,
    /// Any text that is not empty.
    Text,
    /// One of these words.
    OneOf(Vec<String>),
}

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// An id or a number.
    Integer(i64),
    /// `true` or `false`.
    Boolean(bool),
    /// A time.
    Time(DateTime<Utc>),
    /// A day.
    Day(NaiveDate),
    /// A text, a word, or the name of a time zone.
    Text(String),
}

impl Kind {
    /// Parses a value, except for ids and times, which have no default and are parsed by the API.
    ///
    /// # Errors
    /// What the value must be, as a phrase that follows the name of the parameter. Whether a time zone exists
    /// is checked by the API.
    pub fn read(&self, text: &str) -> Result<Value, Cow<'static, str>> {
        match self {
            Self::Id | Self::Time => Err("of an id or a time is not supported".into()),
            Self::Day => NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .ok()
                // The only accepted form: four digits, two, and two.
                .filter(|day| text.len() == 10 && day.format("%Y-%m-%d").to_string() == text)
                .map(Value::Day)
                .ok_or("must be a day, such as 2025-01-31".into()),
            Self::Integer(low, high) => {
                let number = text.parse().ok();
                number
                    .filter(|number: &i64| {
                        number.to_string() == text && (low..=high).contains(&number)
                    })
                    .map(Value::Integer)
                    .ok_or_else(|| format!("must be a whole number from {low} to {high}").into())
            }
            Self::Boolean => text
                .parse()
                .map(Value::Boolean)
                .map_err(|_| "must be true or false".into()),
            Self::Zone | Self::Text if text.contains('\0') => {
                Err("must not contain a NUL character".into())
            }
            Self::Zone | Self::Text => Ok(Value::Text(text.to_owned())),
            Self::OneOf(words) if words.iter().any(|word| word == text) => {
                Ok(Value::Text(text.to_owned()))
            }
            Self::OneOf(words) => Err(format!("must be one of {}", words.join(", ")).into()),
        }
    }
}

/// The form in which a client writes the value.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(f),
            Self::Boolean(yes) => yes.fmt(f),
            Self::Time(time) => f.write_str(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            Self::Day(day) => day.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}
