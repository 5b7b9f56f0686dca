//! Strict query parameters: everything that is wrong is named at once, and nothing is guessed,
//! clamped or ignored, because a caller who misspells a filter would take the answer for filtered.

use std::borrow::Cow;
use std::ops::Range;
use std::str::FromStr;

use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc};
use percent_encoding::percent_decode_str;

use super::problem::{FieldError, Problem};

/// Why a value was not accepted.
type Reason = Cow<'static, str>;

const ID_REASON: &str = "must be a Discord id: digits only, from 1 to 9223372036854775807";
const TIME_REASON: &str = "must be a time with an offset from UTC, such as 2025-01-01T00:00:00Z or 2025-01-01T01:00:00+01:00";
const LEAP_SECOND_REASON: &str = "must not be a leap second: Discord's clock has none";
const YEAR_REASON: &str = "must be within the years 0000 to 9999 in UTC";

/// The parameters of one request, taken out one by one.
pub(super) struct Parameters {
    /// Each with its value, or why it has none.
    pairs: Vec<(String, Result<String, Reason>)>,
    errors: Vec<FieldError>,
}

impl Parameters {
    /// Splits and decodes a query string, as HTML forms write it: `+` is a space.
    pub(super) fn parse(query: Option<&str>) -> Self {
        let pairs = query
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                match decode(name) {
                    Ok(name) => (name, decode(value)),
                    Err(reason) => (name.to_owned(), Err(reason)),
                }
            })
            .collect();
        Self {
            pairs,
            errors: Vec::new(),
        }
    }

    /// Takes out a parameter and reads it; none if it is absent or was not accepted.
    pub(super) fn take<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, Reason>,
    ) -> Option<T> {
        let mut values = self.pairs.extract_if(.., |(found, _)| found == name);
        let (_, value) = values.next()?;
        let read = if values.next().is_some() {
            Err("is given more than once".into())
        } else {
            value.and_then(|value| match value.as_str() {
                "" => Err("must not be empty".into()),
                value => read(value),
            })
        };
        drop(values);
        read.map_err(|reason| self.reject(name, reason)).ok()
    }

    /// Like [`Parameters::take`], for one that must be there.
    pub(super) fn require<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, Reason>,
    ) -> Option<T> {
        if !self.pairs.iter().any(|(found, _)| found == name) {
            self.reject(name, "is required");
        }
        self.take(name, read)
    }

    /// Takes out `from` and `to`, which are in order.
    pub(super) fn time_range(&mut self) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
        let from = self.take("from", time);
        let to = self.take("to", time);
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            self.reject("from", "must not be later than to");
        }
        (from, to)
    }

    /// Refuses one that another route takes, for a better reason than that it is unknown.
    pub(super) fn refuse(&mut self, name: &str, reason: &'static str) {
        let before = self.pairs.len();
        self.pairs.retain(|(found, _)| found != name);
        if self.pairs.len() < before {
            self.reject(name, reason);
        }
    }

    /// Adds what only two parameters together show.
    pub(super) fn reject(&mut self, name: &str, reason: impl Into<Reason>) {
        self.errors.push(FieldError {
            field: name.to_owned(),
            reason: reason.into(),
            at: None,
        });
    }

    /// Adds what is wrong with these characters of a value.
    pub(super) fn reject_at(&mut self, name: &str, at: Range<usize>, reason: impl Into<Reason>) {
        self.errors.push(FieldError {
            field: name.to_owned(),
            reason: reason.into(),
            at: Some([at.start, at.end]),
        });
    }

    /// The same for a route with required parameters: none is missing where nothing was wrong.
    pub(super) fn finish_with<T>(self, required: Option<T>) -> Result<T, Problem> {
        self.finish()?;
        required.ok_or_else(|| {
            Problem::internal("a required parameter is missing, but no error was reported")
        })
    }

    /// The end: what was not taken out is unknown, and an error like the others.
    pub(super) fn finish(mut self) -> Result<(), Problem> {
        for (name, _) in std::mem::take(&mut self.pairs) {
            if !self.errors.iter().any(|error| error.field == name) {
                self.reject(&name, "is not a parameter of this route");
            }
        }
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::parameters(self.errors))
        }
    }
}

/// For routes that take none.
pub(super) fn no_parameters(query: Option<&str>) -> Result<(), Problem> {
    Parameters::parse(query).finish()
}

fn decode(text: &str) -> Result<String, Reason> {
    let bytes = text.as_bytes();
    let is_escaped = |at: usize| {
        let digits = bytes.get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if (0..bytes.len()).any(|at| bytes[at] == b'%' && !is_escaped(at)) {
        return Err("contains a % without two hexadecimal digits after it".into());
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .map(Cow::into_owned)
        .map_err(|_| "must be UTF-8".into())
}

/// A Discord id in its one spelling: no sign, no leading zero. The types that ids are read into take more.
pub(super) fn id<T: FromStr>(text: &str) -> Result<T, Reason> {
    if text.starts_with('0') || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ID_REASON.into());
    }
    text.parse().map_err(|_| ID_REASON.into())
}

/// `true` or `false`.
pub(super) fn boolean(text: &str) -> Result<bool, Reason> {
    text.parse().map_err(|_| "must be true or false".into())
}

/// A whole number of a range.
pub(super) fn number(text: &str, low: usize, high: usize) -> Result<usize, Reason> {
    let is_canonical = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|number| is_canonical && (low..=high).contains(number))
        .ok_or_else(|| format!("must be a whole number from {low} to {high}").into())
}

/// Of a second; chrono gives a leap second more.
const NANOSECONDS: u32 = 1_000_000_000;
const NANOSECONDS_OF_MICROSECOND: u32 = 1_000;

/// A time with its offset, as exact as the record's times are. A `+01:00` that was not escaped arrives with a space for its `+`;
/// nothing else can be meant, so it is taken.
pub(super) fn time(text: &str) -> Result<DateTime<Utc>, Reason> {
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
    // What follows reads and writes times in more than one way, and these mean another thing in each.
    if time.nanosecond() >= NANOSECONDS {
        return Err(LEAP_SECOND_REASON.into());
    }
    let is_writable = |time: &DateTime<Utc>| (0..=9999).contains(&time.year());
    if !is_writable(&time) {
        return Err(YEAR_REASON.into());
    }
    // A message is written at a whole millisecond: what lies between two microseconds is the later one, for
    // `from` as for `to`; beyond the last there is none, and no message either.
    let beyond = i64::from(time.nanosecond() % NANOSECONDS_OF_MICROSECOND);
    if beyond == 0 {
        return Ok(time);
    }
    let earlier = time - TimeDelta::nanoseconds(beyond);
    Ok(Some(earlier + TimeDelta::microseconds(1))
        .filter(is_writable)
        .unwrap_or(earlier))
}
