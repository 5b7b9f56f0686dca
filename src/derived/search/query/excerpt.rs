//! What of a value is repeated in a sentence about it.

/// As much of a value as a sentence bears; the place points at the whole of it.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 40;
    match text.char_indices().nth(MOST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
