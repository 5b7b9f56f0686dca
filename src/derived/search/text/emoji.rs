//! One emoji by itself, as it stands in a reaction.

use super::class::{self, Class};
use super::scanner::keycap;

/// Whether a text is an emoji of Unicode, and not the name of one.
#[must_use]
pub fn is_emoji(text: &str) -> bool {
    keycap(text).is_some() || text.chars().any(|c| class::of(c) == Class::Emoji)
}

/// An emoji without the wish for text or colour: some programs write `❤` with it, others without.
#[must_use]
pub fn bare_emoji(emoji: &str) -> String {
    emoji.chars().filter(|c| !is_presentation(*c)).collect()
}

/// An emoji without its skin tones, too.
#[must_use]
pub fn plain_emoji(emoji: &str) -> String {
    let is_left_out = |c: char| is_presentation(c) || is_skin_tone(c);
    emoji.chars().filter(|c| !is_left_out(*c)).collect()
}

/// A selector of the form that is shown: text or colour.
pub(super) fn is_presentation(c: char) -> bool {
    matches!(c, '\u{fe0e}' | '\u{fe0f}')
}

pub(super) fn is_skin_tone(c: char) -> bool {
    matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
}
