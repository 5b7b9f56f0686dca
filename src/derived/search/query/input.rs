//! The input of the parsers: the rest of the text with its position, and the state of the parse.

use std::ops::Range;

use winnow::error::{ErrMode, ParserError};
use winnow::prelude::*;
use winnow::stream::{LocatingSlice, Location, Stateful};
use winnow::token::take_while;

use super::{Context, Limits, Mistake};

/// The rest of the text, its position, and the state of the parse.
pub(super) type Input<'t> = Stateful<LocatingSlice<&'t str>, Progress<'t>>;
/// A mistake ends the parse, because there is only one way to parse a text.
pub(super) type Parsed<T> = Result<T, ErrMode<Mistake>>;

/// The state of a parse.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress<'t> {
    pub(super) text: &'t str,
    pub(super) context: &'t Context,
    pub(super) limits: Limits,
    pub(super) terms: usize,
    pub(super) depth: usize,
}

/// The position of the next byte.
pub(super) fn here(input: &Input<'_>) -> usize {
    input.current_token_start()
}

/// Converts a range of bytes into a range of characters.
pub(super) fn place(input: &Input<'_>, bytes: Range<usize>) -> Range<usize> {
    let before = input.state.text[..bytes.start].chars().count();
    before..before + input.state.text[bytes].chars().count()
}

/// Ends the parse with a mistake at these bytes.
pub(super) fn mistake(
    input: &Input<'_>,
    bytes: Range<usize>,
    reason: impl Into<String>,
) -> ErrMode<Mistake> {
    ErrMode::Cut(Mistake {
        at: place(input, bytes),
        reason: reason.into(),
    })
}

pub(super) fn space(input: &mut Input<'_>) -> Parsed<()> {
    take_while(0.., char::is_whitespace)
        .void()
        .parse_next(input)
}

/// The error of a failed attempt among several. It has no text, because nobody reads it and there are many.
impl ParserError<Input<'_>> for Mistake {
    type Inner = Self;

    fn from_input(_: &Input<'_>) -> Self {
        Self {
            at: 0..0,
            reason: String::new(),
        }
    }

    fn into_inner(self) -> Result<Self, Self> {
        Ok(self)
    }
}
