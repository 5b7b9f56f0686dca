//! Single emoji, as in reactions.

use super::class;
use super::class::Class;

/// Whether a text is a Unicode emoji, as opposed to the name of one.
#[must_use]
pub fn is_emoji(text: &str) -> bool {
    keycap(text).is_some() || text.chars().any(|c| class::of(c) == Class::Emoji)
}

/// An emoji without its presentation selector: some programs write `❤` with it, others without.
#[must_use]
pub fn bare_emoji(emoji: &str) -> String {
    emoji.chars().filter(|c| !is_presentation(*c)).collect()
}

/// An emoji without its presentation selector and its skin tones.
#[must_use]
pub fn plain_emoji(emoji: &str) -> String {
    let is_left_out = |c: char| is_presentation(c) || is_skin_tone(c);
    emoji.chars().filter(|c| !is_left_out(*c)).collect()
}

/// A presentation selector: text or colour.
pub(super) fn is_presentation(c: char) -> bool {
    matches!(c, '\u{fe0e}' | '\u{fe0f}')
}

pub(super) fn is_skin_tone(c: char) -> bool {
    matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
}

/// The length of a keycap (a digit, `#` or `*` in a frame) at the beginning of `text`.
pub(super) fn keycap(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    if !matches!(bytes.first()?, b'0'..=b'9' | b'#' | b'*') || bytes.get(1)?.is_ascii() {
        return None;
    }
    let rest = &text[1..];
    let frame = rest.strip_prefix('\u{fe0f}').unwrap_or(rest);
    frame
        .starts_with('\u{20e3}')
        .then(|| text.len() - frame.len() + '\u{20e3}'.len_utf8())
}
