//! Excerpts: the part of a text that shows why it was found.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// A part of a text with its hits marked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fragment {
    /// Safe HTML: everything is escaped, hits are in `<mark>`, and `…` marks omitted text.
    pub html: String,
    /// All hits of the text, in Unicode characters (scalar values) of the original.
    pub offsets: Vec<Range<usize>>,
}

/// About `most_chars` characters of `text` around the place with the most hits.
///
/// `ranges` come from [`super::highlights`]; invalid ranges are ignored.
#[must_use]
pub fn fragment(text: &str, ranges: &[Range<usize>], most_chars: usize) -> Fragment {
    let mut end = 0;
    let ranges: Vec<_> = ranges
        .iter()
        .filter(|range| {
            let is_next = range.start >= end && range.start < range.end;
            let is_good = is_next && text.get((*range).clone()).is_some();
            if is_good {
                end = range.end;
            }
            is_good
        })
        .cloned()
        .collect();
    let offsets = in_chars(text, &ranges);
    let window = window(text, &ranges, &offsets, most_chars);
    let mut html = String::with_capacity(window.len() + 16);
    let mut at = window.start;
    if at > 0 {
        html.push('…');
    }
    for range in &ranges {
        let (start, end) = (range.start.max(window.start), range.end.min(window.end));
        if start < end {
            escape(&text[at..start], &mut html);
            html.push_str("<mark>");
            escape(&text[start..end], &mut html);
            html.push_str("</mark>");
            at = end;
        }
    }
    escape(&text[at..window.end], &mut html);
    if window.end < text.len() {
        html.push('…');
    }
    Fragment { html, offsets }
}

/// The bytes of the excerpt.
fn window(
    text: &str,
    ranges: &[Range<usize>],
    offsets: &[Range<usize>],
    most_chars: usize,
) -> Range<usize> {
    let count = text.chars().count();
    if count <= most_chars {
        return 0..text.len();
    }
    // For each hit, the number of hits that fit from it on; the first maximum wins.
    let (mut best, mut best_size, mut last) = (0..0, 0, 0);
    for first in 0..offsets.len() {
        last = last.max(first);
        while offsets
            .get(last + 1)
            .is_some_and(|next| next.end - offsets[first].start <= most_chars)
        {
            last += 1;
        }
        if last + 1 - first > best_size {
            (best, best_size) = (first..last, last + 1 - first);
        }
    }
    let Some((first, last)) = offsets.get(best.start).zip(offsets.get(best.end)) else {
        return 0..to_word(text, byte_at(text, most_chars), 0);
    };
    // A third of the spare characters goes before the hits and the rest after them, because the following text
    // says more.
    let spare = most_chars.saturating_sub(last.end - first.start);
    let mut start = first.start.saturating_sub(spare / 3);
    let end = (start + most_chars).min(count);
    start = start.min(end.saturating_sub(most_chars)).min(first.start);
    let (start, end) = (byte_at(text, start), byte_at(text, end));
    let start = from_word(text, start, ranges[best.start].start);
    let hit_end = ranges[best.end].end;
    let end = if hit_end > end {
        // A single hit is longer than the excerpt.
        end
    } else {
        to_word(text, end, hit_end)
    };
    start..end
}

/// The maximum distance in bytes by which a cut is moved to the edge of a word.
const MAX_MOVED: usize = 48;

/// The first beginning of a word from `cut` on, at most `bound`.
fn from_word(text: &str, cut: usize, bound: usize) -> usize {
    if cut == 0 || cut >= bound {
        return cut.min(bound);
    }
    let low = boundary_before(text, cut.saturating_sub(MAX_MOVED));
    let high = boundary_after(text, (bound + MAX_MOVED).min(text.len()));
    text[low..high]
        .split_word_bound_indices()
        .map(|(index, word)| (low + index, word))
        .find(|(index, word)| *index >= cut && !word.chars().all(char::is_whitespace))
        .map_or(cut, |(index, _)| index)
        .min(bound)
}

/// The last end of a word up to `cut`, at least `bound`.
fn to_word(text: &str, cut: usize, bound: usize) -> usize {
    if cut >= text.len() || cut <= bound {
        return cut.clamp(bound, text.len());
    }
    let low = boundary_before(text, cut.saturating_sub(MAX_MOVED)).max(bound);
    let high = boundary_after(text, (cut + MAX_MOVED).min(text.len()));
    text[low..high]
        .split_word_bound_indices()
        .filter(|(_, word)| !word.chars().all(char::is_whitespace))
        .map(|(index, word)| low + index + word.len())
        .take_while(|end| *end <= cut)
        .last()
        .unwrap_or(if low == bound && bound > 0 {
            bound
        } else {
            cut
        })
}

fn boundary_before(text: &str, at: usize) -> usize {
    let is_boundary = |at: &usize| text.is_char_boundary(*at);
    (0..=at).rev().find(is_boundary).unwrap_or(0)
}

fn boundary_after(text: &str, at: usize) -> usize {
    let is_boundary = |at: &usize| text.is_char_boundary(*at);
    (at..text.len()).find(is_boundary).unwrap_or(text.len())
}

fn byte_at(text: &str, chars: usize) -> usize {
    text.char_indices()
        .nth(chars)
        .map_or(text.len(), |(index, _)| index)
}

fn in_chars(text: &str, ranges: &[Range<usize>]) -> Vec<Range<usize>> {
    let (mut byte, mut chars) = (0, 0);
    let mut to = |end: usize| {
        chars += text[byte..end].chars().count();
        byte = end;
        chars
    };
    ranges
        .iter()
        .map(|range| to(range.start)..to(range.end))
        .collect()
}

fn escape(text: &str, html: &mut String) {
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(c),
        }
    }
}
