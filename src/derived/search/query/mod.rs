//! The query language of the search: parses typed text into a syntax tree, or into a mistake with its position.
//! Pure: it knows neither the clock, the record nor the index. The language is described in `docs/search.md`,
//! and as a table of examples in the tests.

mod bare;
mod canonical;
mod day;
mod excerpt;
mod filter;
mod grammar;
mod input;
mod term;
mod tree;
mod when;

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

pub use tree::{Clause, Filter, Kind, Mentioned, Sought, State, Term, Who};

/// The maximum number of characters (Unicode scalar values) in a query.
pub const MAX_CHARACTERS: usize = 1_000;
/// The maximum number of words, phrases and filters in a query, together.
pub const MAX_TERMS: usize = 64;
/// The maximum depth of parentheses, which also bounds the parser's stack.
pub const MAX_DEPTH: usize = 16;

/// The context that determines the days of a query.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// The present time.
    pub now: DateTime<Utc>,
    /// The time zone in which days, weeks, months and years begin.
    pub zone: Tz,
}

/// Why a text is not a valid query, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("character {}: {reason}", at.start + 1)]
pub struct Mistake {
    /// The characters (Unicode scalar values, from 0) concerned; empty if something is missing there.
    pub at: Range<usize>,
    /// A sentence that says what to type instead.
    pub reason: String,
}

/// Parses a query; none for a blank one, which finds everything.
///
/// # Errors
/// The first mistake, with its position.
pub fn parse(text: &str, context: &Context) -> Result<Option<Clause>, Mistake> {
    parse_within(text, context, Limits::PUBLIC)
}

/// Parses a canonical text, which can exceed the limits of a query.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn parse_canonical(text: &str, context: &Context) -> Result<Option<Clause>, Mistake> {
    let limits = Limits {
        characters: 1_000_000,
        terms: 100_000,
        depth: 100,
    };
    parse_within(text, context, limits)
}

/// The limits of one parse. A tree's canonical text can exceed the public ones.
#[derive(Debug, Clone, Copy)]
struct Limits {
    characters: usize,
    terms: usize,
    depth: usize,
}

impl Limits {
    const PUBLIC: Self = Self {
        characters: MAX_CHARACTERS,
        terms: MAX_TERMS,
        depth: MAX_DEPTH,
    };
}

fn parse_within(text: &str, context: &Context, limits: Limits) -> Result<Option<Clause>, Mistake> {
    let characters = text.chars().count();
    if characters > limits.characters {
        return Err(Mistake {
            at: limits.characters..characters,
            reason: format!(
                "A query has at most {} characters: leave out what begins here.",
                limits.characters
            ),
        });
    }
    grammar::query(text, context, limits)
}

/// The canonical spelling of the tree, which is parsed to the same tree. It can be longer and deeper than the
/// typed text, and so exceed the limits of a query.
impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        canonical::write(self, f)
    }
}
