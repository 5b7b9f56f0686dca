//! Excerpts of values for messages about them.

/// The beginning of a value, short enough for a sentence; the position in the mistake covers the whole value.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 40;
    match text.char_indices().nth(MOST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
