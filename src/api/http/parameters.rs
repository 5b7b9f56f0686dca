//! Strict query parameters: all errors are reported at once, and nothing is guessed, clamped or ignored,
//! because a client that misspells a filter would take the response for filtered.

use std::borrow::Cow;
use std::ops::Range;
use std::str::FromStr;

use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc};
use percent_encoding::percent_decode_str;

use crate::api::http::problem::{FieldError, Problem};

/// Why a value was rejected.
type Reason = Cow<'static, str>;

const ID_REASON: &str = "must be a Discord id: digits only, from 1 to 9223372036854775807";
const TIME_REASON: &str = "must be a time with an offset from UTC, such as 2025-01-01T00:00:00Z or 2025-01-01T01:00:00+01:00";
const LEAP_SECOND_REASON: &str = "must not be a leap second: Discord's clock has none";
const YEAR_REASON: &str = "must be within the years 0000 to 9999 in UTC";

/// The parameters of a request, which are taken out one by one.
pub(crate) struct Parameters {
    /// Each name with its value, or with the reason why it could not be decoded.
    pairs: Vec<(String, Result<String, Reason>)>,
    errors: Vec<FieldError>,
}

impl Parameters {
    /// Splits and decodes a query string in the form of HTML forms, where `+` is a space.
    pub(crate) fn parse(query: Option<&str>) -> Self {
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

    /// Takes a parameter and parses it; none if it is absent or rejected.
    pub(crate) fn take<T>(
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

    /// Like [`Parameters::take`], for a required parameter.
    pub(crate) fn require<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, Reason>,
    ) -> Option<T> {
        if !self.pairs.iter().any(|(found, _)| found == name) {
            self.reject(name, "is required");
        }
        self.take(name, read)
    }

    /// Takes `from` and `to`, and rejects them if they are in the wrong order.
    pub(crate) fn time_range(&mut self) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
        let from = self.take("from", time);
        let to = self.take("to", time);
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            self.reject("from", "must not be later than to");
        }
        (from, to)
    }

    /// Rejects a parameter that only another route has, with a more helpful reason than that it is unknown.
    pub(crate) fn refuse(&mut self, name: &str, reason: &'static str) {
        let before = self.pairs.len();
        self.pairs.retain(|(found, _)| found != name);
        if self.pairs.len() < before {
            self.reject(name, reason);
        }
    }

    /// Adds an error that concerns a whole parameter.
    pub(crate) fn reject(&mut self, name: &str, reason: impl Into<Reason>) {
        self.errors.push(FieldError {
            field: name.to_owned(),
            reason: reason.into(),
            at: None,
        });
    }

    /// Adds an error that concerns these characters of a value.
    pub(crate) fn reject_at(&mut self, name: &str, at: Range<usize>, reason: impl Into<Reason>) {
        self.errors.push(FieldError {
            field: name.to_owned(),
            reason: reason.into(),
            at: Some([at.start, at.end]),
        });
    }

    /// Like [`Parameters::finish`], for a route with required parameters, which are present if there are no
    /// errors.
    pub(crate) fn finish_with<T>(self, required: Option<T>) -> Result<T, Problem> {
        self.finish()?;
        required.ok_or_else(|| {
            Problem::internal("a required parameter is missing, but no error was reported")
        })
    }

    /// Finishes the parsing: parameters that were not taken are unknown, which is an error too.
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
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

/// Rejects all parameters, for routes without any.
pub(crate) fn no_parameters(query: Option<&str>) -> Result<(), Problem> {
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

/// Parses a Discord id in its canonical form, without a sign or leading zeros; the parsers of the id types
/// accept more.
pub(crate) fn id<T: FromStr>(text: &str) -> Result<T, Reason> {
    if text.starts_with('0') || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ID_REASON.into());
    }
    text.parse().map_err(|_| ID_REASON.into())
}

/// Parses `true` or `false`.
pub(crate) fn boolean(text: &str) -> Result<bool, Reason> {
    text.parse().map_err(|_| "must be true or false".into())
}

/// Parses a whole number within a range.
pub(crate) fn number(text: &str, low: usize, high: usize) -> Result<usize, Reason> {
    let is_canonical = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|number| is_canonical && (low..=high).contains(number))
        .ok_or_else(|| format!("must be a whole number from {low} to {high}").into())
}

/// Nanoseconds per second; chrono represents a leap second with more.
const NANOSECONDS: u32 = 1_000_000_000;
const NANOSECONDS_OF_MICROSECOND: u32 = 1_000;

/// Parses a time with an offset, with the precision of the database. An unescaped `+01:00` arrives with a space
/// instead of the `+`; the meaning is unambiguous, so it is accepted.
pub(crate) fn time(text: &str) -> Result<DateTime<Utc>, Reason> {
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
