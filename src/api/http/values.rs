//! Ids and times as every request and every response writes them: an id is a string, because a JavaScript number loses
//! the last digits of a snowflake; a time is RFC 3339 in UTC, always with microseconds.

use std::borrow::Cow;
use std::ops::Range;
use std::str::FromStr;

use chrono::{DateTime, Datelike, SecondsFormat, TimeDelta, Timelike, Utc};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::parameters::Reason;

const ID_REASON: &str = "must be a Discord id: digits only, from 1 to 9223372036854775807";
const TIME_REASON: &str = "must be a time with an offset from UTC, such as 2025-01-01T00:00:00Z or 2025-01-01T01:00:00+01:00";
const LEAP_SECOND_REASON: &str = "must not be a leap second: Discord's clock has none";
const YEAR_REASON: &str = "must be within the years 0000 to 9999 in UTC";

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
        serializer.serialize_str(itoa::Buffer::new().format(self.0))
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
        match digits(self.0)
            .as_ref()
            .map(|digits| std::str::from_utf8(digits))
        {
            Some(Ok(text)) => serializer.serialize_str(text),
            // Years that have no four digits.
            _ => serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::Micros, true)),
        }
    }
}

/// A time as [`Time`] writes it; none if its year does not have four digits. A page has hundreds of times, and chrono's
/// own formatting takes a quarter of the page.
fn digits(at: DateTime<Utc>) -> Option<[u8; 27]> {
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let mut write = |range: Range<usize>, mut number: u32| {
        for digit in text[range].iter_mut().rev() {
            // One digit: the cast loses nothing.
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
    };
    let year = u32::try_from(at.year()).ok().filter(|year| *year <= 9999)?;
    // A leap second would be written as 60.
    let micros = Some(at.nanosecond() / NANOSECONDS_OF_MICROSECOND);
    let micros = micros.filter(|micros| *micros < 1_000_000)?;
    write(0..4, year);
    write(5..7, at.month());
    write(8..10, at.day());
    write(11..13, at.hour());
    write(14..16, at.minute());
    write(17..19, at.second());
    write(20..26, micros);
    Some(text)
}

/// Reads a Discord id in its canonical form, without a sign or leading zeros; the parsers of the id types
/// accept more.
pub(crate) fn read_id<T: FromStr>(text: &str) -> Result<T, Reason> {
    if text.starts_with('0') || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ID_REASON.into());
    }
    text.parse().map_err(|_| ID_REASON.into())
}

/// Nanoseconds per second; chrono represents a leap second with more.
const NANOSECONDS: u32 = 1_000_000_000;
const NANOSECONDS_OF_MICROSECOND: u32 = 1_000;

/// Reads a time with an offset, with the precision of the database. An unescaped `+01:00` arrives with a space
/// instead of the `+`; the meaning is unambiguous, so it is accepted.
pub(crate) fn read_time(text: &str) -> Result<DateTime<Utc>, Reason> {
    let mut text = Cow::Borrowed(text);
    let sign = text.len().checked_sub("+hh:mm".len());
    if let Some(sign) = sign.filter(|&sign| sign > 10 && text.as_bytes()[sign] == b' ') {
        text.to_mut().replace_range(sign..=sign, "+");
    }
    if text.as_bytes().get(10) == Some(&b' ') {
        return Err(TIME_REASON.into());
    }
    let time = DateTime::parse_from_rfc3339(&text).map_err(|_| TIME_REASON)?;
    let time = time.to_utc();
    // Later code formats and parses times in several ways, which treat leap seconds and other years
    // differently.
    if time.nanosecond() >= NANOSECONDS {
        return Err(LEAP_SECOND_REASON.into());
    }
    let is_writable = |time: &DateTime<Utc>| (0..=9999).contains(&time.year());
    if !is_writable(&time) {
        return Err(YEAR_REASON.into());
    }
    // Messages have whole milliseconds. A time between two microseconds counts as the later one, for `from` as
    // for `to`; after the last one there are no messages.
    let beyond = i64::from(time.nanosecond() % NANOSECONDS_OF_MICROSECOND);
    if beyond == 0 {
        return Ok(time);
    }
    let earlier = time - TimeDelta::nanoseconds(beyond);
    Ok(Some(earlier + TimeDelta::microseconds(1))
        .filter(is_writable)
        .unwrap_or(earlier))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn times_are_written_as_chrono_writes_them(micros in -99_999_999_999_999_999..999_999_999_999_999_999_i64) {
            let at = DateTime::from_timestamp_micros(micros).expect("a time");
            let expected = at.to_rfc3339_opts(SecondsFormat::Micros, true);
            let written = serde_json::to_string(&Time(at)).expect("JSON");
            prop_assert_eq!(written, format!("\"{expected}\""));
        }
    }
}
