//! The parts of a compound word: `http` and `server` of `HTTPServer`.

use std::ops::Range;

/// A word with more parts is noise, not a name.
const MAX_PARTS: usize = 12;

/// The parts of `word` as ranges of bytes; empty if it has only one.
pub(super) fn of(word: &str) -> Vec<Range<usize>> {
    let mut cuts = vec![];
    let mut before = [Shape::None; 2];
    let mut last_start = 0;
    for (index, c) in word.char_indices() {
        let shape = Shape::of(c);
        if shape == Shape::None {
            continue;
        }
        let cut = match (before[1], shape) {
            (Shape::None, _) | (Shape::Digit, Shape::Digit) => None,
            (Shape::Digit, _) | (_, Shape::Digit) | (Shape::Lower, Shape::Upper) => Some(index),
            // The last capital begins the next word: HTTP|Server.
            (Shape::Upper, Shape::Lower) if before[0] == Shape::Upper => Some(last_start),
            _ => None,
        };
        cuts.extend(cut);
        if cuts.len() == MAX_PARTS {
            return Vec::new();
        }
        before = [
            if cut == Some(index) {
                Shape::None
            } else {
                before[1]
            },
            shape,
        ];
        last_start = index;
    }
    if cuts.is_empty() || is_hex(word) {
        return Vec::new();
    }
    let starts = std::iter::once(0).chain(cuts.iter().copied());
    let ends = cuts.iter().copied().chain([word.len()]);
    starts.zip(ends).map(|(start, end)| start..end).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    None,
    Upper,
    Lower,
    Digit,
}

impl Shape {
    fn of(c: char) -> Self {
        if c.is_numeric() {
            Self::Digit
        } else if c.is_uppercase() {
            Self::Upper
        } else if c.is_alphabetic() {
            Self::Lower
        } else {
            Self::None
        }
    }
}

/// Whether a word looks like a hash, whose digits and letters are no parts.
fn is_hex(word: &str) -> bool {
    word.len() >= 6
        && word.bytes().all(|byte| byte.is_ascii_hexdigit())
        && word.bytes().any(|byte| byte.is_ascii_digit())
}
