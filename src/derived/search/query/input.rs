//! What the parsers read from: the text with its place, and what a parse has to remember.

use std::ops::Range;

use winnow::error::{ErrMode, ParserError};
use winnow::prelude::*;
use winnow::stream::{LocatingSlice, Location, Stateful};
use winnow::token::take_while;

use super::{Context, Limits, Mistake};

/// The text that is left, its place, and how far the limits are used up.
pub(super) type Input<'t> = Stateful<LocatingSlice<&'t str>, Progress<'t>>;
/// A mistake ends the parse: there is one way to read a text.
pub(super) type Parsed<T> = Result<T, ErrMode<Mistake>>;

/// What a parse has to remember.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress<'t> {
    pub(super) text: &'t str,
    pub(super) context: &'t Context,
    pub(super) limits: Limits,
    pub(super) terms: usize,
    pub(super) depth: usize,
}

/// The byte that comes next.
pub(super) fn here(input: &Input<'_>) -> usize {
    input.current_token_start()
}

/// Bytes of the text as characters.
pub(super) fn place(input: &Input<'_>, bytes: Range<usize>) -> Range<usize> {
    let before = input.state.text[..bytes.start].chars().count();
    before..before + input.state.text[bytes].chars().count()
}

/// The end of the parse, because of these bytes.
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

/// What winnow says where one attempt of several fails. Nobody reads it, and there are many.
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
