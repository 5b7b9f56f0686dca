//! A text's tokens, all of them: each word with its forms and parts, in one pass.

use std::ops::Range;

/// No token is longer, in bytes; what is longer is cut there, in a text as in a query.
pub const MOST_BYTES: usize = 256;

/// What a token is of what stands at its position. Of a query the greatest one is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    /// A part of a word (`server` of `HTTPServer`), or `email` of `e-mail`: never of a query.
    Part,
    /// A word with the sign before it (`.net`), which may stand there by chance: `=x`.
    LedByChance,
    /// A word, a character, an emoji, a mention.
    Whole,
    /// Two words around an apostrophe: `dont`.
    Elided,
    /// A word with the sign before it, meant so: `#42`, `_case` of `snake_case`.
    Led,
    /// A word with the signs after it: `c++`.
    Trailed,
    /// `:name:`, over all words of the name.
    Shortcode,
}

/// A token, with its text in [`Scan::arena`].
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) position: usize,
    pub(super) form: Form,
    /// In the original text.
    pub(super) range: Range<usize>,
    text: Range<usize>,
}

/// A text's tokens by ascending position and beginning, and all their text.
#[derive(Debug, Clone, Default)]
pub(super) struct Scan {
    pub(super) tokens: Vec<Found>,
    pub(super) arena: String,
    /// Where the next token stands.
    pub(super) position: usize,
    /// The last word: where its tokens begin, its own text and where it ends.
    pub(super) last: Option<(usize, Range<usize>, usize)>,
}

impl Scan {
    pub(super) fn text(&self, token: &Found) -> &str {
        &self.arena[token.text.clone()]
    }

    /// Keeps what was written into the arena from `start` on, cut to its bound.
    pub(super) fn kept(&mut self, start: usize) -> Range<usize> {
        while self.arena.len() - start > MOST_BYTES {
            self.arena.pop();
        }
        start..self.arena.len()
    }

    pub(super) fn write(&mut self, text: &str) -> Range<usize> {
        let start = self.arena.len();
        self.arena.push_str(text);
        self.kept(start)
    }

    /// A sign and what was already folded, joined.
    pub(super) fn join(&mut self, before: &str, word: Range<usize>, after: &str) -> Range<usize> {
        let start = self.arena.len();
        self.arena.push_str(before);
        self.arena.extend_from_within(word);
        self.arena.push_str(after);
        self.kept(start)
    }

    pub(super) fn push(&mut self, form: Form, range: Range<usize>, text: Range<usize>) {
        if !text.is_empty() {
            self.tokens.push(Found {
                position: self.position,
                form,
                range,
                text,
            });
        }
    }
}
