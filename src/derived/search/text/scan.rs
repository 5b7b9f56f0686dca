//! The tokens of a text: each word with its forms and parts, in one pass.

use std::ops::Range;

/// The maximum length of a token in bytes; longer ones are cut there, in texts and in queries alike.
pub const MAX_BYTES: usize = 256;

/// The kind of a token at its position. For a query, the greatest kind at each position is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    /// A part of a word (`server` of `HTTPServer`), or `email` of `e-mail`; never used for a query.
    Part,
    /// A word with a sign before it (`.net`) that may be there by chance: `=x`.
    LedByChance,
    /// A word, a character, an emoji or a mention.
    Whole,
    /// Two words joined at an apostrophe: `dont`.
    Elided,
    /// A word with a sign before it that belongs to it: `#42`, `_case` of `snake_case`.
    Led,
    /// A word with the signs after it: `c++`.
    Trailed,
    /// `:name:`, which spans all words of the name.
    Shortcode,
}

/// A token, with its text in [`Scan::arena`].
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) position: usize,
    pub(super) form: Form,
    /// The bytes in the original text.
    pub(super) range: Range<usize>,
    text: Range<usize>,
}

/// The tokens of a text by ascending position and beginning, and their texts.
#[derive(Debug, Clone, Default)]
pub(super) struct Scan {
    pub(super) tokens: Vec<Found>,
    pub(super) arena: String,
    /// The position of the next token.
    pub(super) position: usize,
    /// The last word: the index of its first token, its text, and its end.
    pub(super) last: Option<(usize, Range<usize>, usize)>,
}

impl Scan {
    pub(super) fn text(&self, token: &Found) -> &str {
        &self.arena[token.text.clone()]
    }

    /// Keeps the text that was written into the arena from `start` on, cut to the maximum length.
    pub(super) fn kept(&mut self, start: usize) -> Range<usize> {
        while self.arena.len() - start > MAX_BYTES {
            self.arena.pop();
        }
        start..self.arena.len()
    }

    pub(super) fn write(&mut self, text: &str) -> Range<usize> {
        let start = self.arena.len();
        self.arena.push_str(text);
        self.kept(start)
    }

    /// Joins a word that is folded already with the signs around it.
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
