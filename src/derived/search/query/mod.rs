//! The query language of the search: the typed text becomes a syntax tree, or a mistake that points
//! at its place. Pure: it reads no clock, asks no record and knows no index. What the language is
//! stands in `docs/search.md`, and as a table of examples in the tests.

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

/// The most characters (Unicode scalar values) of a query.
pub const MAX_CHARACTERS: usize = 1_000;
/// The most words, phrases and filters of a query, together.
pub const MAX_TERMS: usize = 64;
/// The most parentheses that can be open at one place; it also bounds the parser's stack.
pub const MAX_DEPTH: usize = 16;

/// What a query's days are relative to.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// The present moment.
    pub now: DateTime<Utc>,
    /// Where days, weeks, months and years begin.
    pub zone: Tz,
}

/// Why a text is no query, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("character {}: {reason}", at.start + 1)]
pub struct Mistake {
    /// The characters (Unicode scalar values, from 0) to point at; empty where something is missing.
    pub at: Range<usize>,
    /// A sentence that says what to type instead.
    pub reason: String,
}

/// Reads a query; none is the blank one, which asks for everything.
///
/// # Errors
/// The first mistake, with its place.
pub fn parse(text: &str, context: &Context) -> Result<Option<Clause>, Mistake> {
    parse_within(text, context, Limits::PUBLIC)
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

/// As one would type it, in one spelling: it reads as the same tree. It can be longer and deeper than
/// what was typed, and so beyond the limits of a query.
impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        canonical::write(self, f)
    }
}
