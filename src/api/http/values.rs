//! Ids and times as every request and every response writes them: an id is a string, because a JavaScript number loses
//! the last digits of a snowflake; a time is RFC 3339 in UTC, always with microseconds.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// A Discord id (snowflake): decimal digits, sent as a string.
#[derive(Debug, ToSchema)]
#[schema(
    value_type = String,
    pattern = r"^([1-9][0-9]{0,17}|[1-8][0-9]{18})$",
    example = "1201234567890123457"
)]
pub(crate) struct Snowflake(u64);

impl Serialize for Snowflake {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

pub(crate) fn snowflake(id: i64) -> Snowflake {
    Snowflake(id.cast_unsigned())
}

/// A time in RFC 3339, in UTC with microseconds.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2025-01-01T12:34:56.789000Z")]
pub(crate) struct Time(pub(crate) DateTime<Utc>);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}
