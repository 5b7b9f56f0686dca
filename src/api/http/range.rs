//! The header `Range` (RFC 9110, section 14) for a single range of bytes. The existing parsers reject what the
//! standard allows: a suffix longer than the file, leading zeros, numbers above 64 bits, white space. Parquet
//! readers request the last 64 KiB of every file, even of a smaller one.

use std::ops::RangeInclusive;

use axum::http::HeaderMap;
use axum::http::header::{ETAG, RANGE};
use headers::{self, HeaderMapExt};

/// The part of a file that is requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The whole file: there is no `Range`, it is not valid, or it has several ranges.
    Whole,
    /// These bytes, which exist.
    Part(RangeInclusive<u64>),
    /// Bytes that do not exist.
    Nothing,
}

/// The requested part of a file of this length.
pub(crate) fn wanted(headers: &HeaderMap, length: u64) -> Wanted {
    let mut lines = headers.get_all(RANGE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return Wanted::Whole;
    };
    line.to_str()
        .ok()
        .and_then(single)
        .map_or(Wanted::Whole, |range| range.of(length))
}

/// A range as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Range {
    /// From one byte, optionally up to another.
    From(u64, Option<u64>),
    /// The last bytes of the file.
    Last(u64),
}

impl Range {
    fn of(self, length: u64) -> Wanted {
        match self {
            Self::From(first, last) if first < length => {
                Wanted::Part(first..=last.map_or(length - 1, |last| last.min(length - 1)))
            }
            Self::From(..) | Self::Last(0) => Wanted::Nothing,
            // A part of an empty file can't be expressed.
            Self::Last(_) if length == 0 => Wanted::Whole,
            Self::Last(count) => Wanted::Part(length.saturating_sub(count)..=length - 1),
        }
    }
}

/// The only range in the value of a header; none if there are several, or another unit than bytes.
fn single(value: &str) -> Option<Range> {
    let (unit, ranges) = value.split_once('=')?;
    if !trim(unit).eq_ignore_ascii_case("bytes") {
        return None;
    }
    let mut ranges = ranges
        .split(',')
        .map(trim)
        .filter(|range| !range.is_empty());
    let (range, None) = (ranges.next()?, ranges.next()) else {
        return None;
    };
    let (first, last) = range.split_once('-')?;
    match (trim(first), trim(last)) {
        ("", last) => number(last).map(Range::Last),
        (first, "") => number(first).map(|first| Range::From(first, None)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Range::From(first, Some(last)))
        }
    }
}

/// Removes the white space around an element of a header.
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Parses any number of digits; a number above 64 bits is larger than every file.
fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Whether a response has a strong entity tag, which identifies its exact bytes.
pub(crate) fn has_strong_entity_tag(headers: &HeaderMap) -> bool {
    headers.typed_get::<headers::ETag>().is_some_and(|_| {
        headers
            .get(ETAG)
            .is_some_and(|tag| !tag.as_bytes().starts_with(b"W/"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str, length: u64) -> Wanted {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, value.parse().expect("a header"));
        wanted(&headers, length)
    }

    #[test]
    fn a_range_is_cut_to_what_the_file_has() {
        for (value, expected) in [
            ("bytes=0-9", Wanted::Part(0..=9)),
            ("bytes=5-", Wanted::Part(5..=9)),
            ("bytes=-3", Wanted::Part(7..=9)),
            ("bytes=-30", Wanted::Part(0..=9)),
            ("bytes=-99999999999999999999999", Wanted::Part(0..=9)),
            ("bytes=9-99999999999999999999999", Wanted::Part(9..=9)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=99999999999999999999999-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=3-2", Wanted::Whole),
            ("bytes=0-1,2-3", Wanted::Whole),
            ("items=0-1", Wanted::Whole),
        ] {
            assert_eq!(of(value, 10), expected, "{value}");
        }
        assert_eq!(of("bytes=0-", 0), Wanted::Nothing);
        assert_eq!(of("bytes=-5", 0), Wanted::Whole);
        let mut two = HeaderMap::new();
        two.append(RANGE, "bytes=0-1".parse().expect("a header"));
        two.append(RANGE, "bytes=2-3".parse().expect("a header"));
        assert_eq!(wanted(&two, 10), Wanted::Whole);
    }
}
