//! Finds the words of a query in a text.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::scan::{Form, Scan};
use super::stems::of_folded;
use super::typed::TypedToken;

/// The maximum number of hits in a text, for texts that repeat a word for pages.
const MAX_HITS: usize = 200;

/// The words to find.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Words and phrases.
    pub phrases: Vec<Phrase>,
    /// Stems, as [`super::stems_of`] gives them.
    pub stems: Vec<String>,
}

/// A word (one token) or a phrase.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Phrase {
    /// The terms, as [`super::typed()`] returns them.
    pub tokens: Vec<TypedToken>,
    /// Whether the last term is a prefix.
    pub is_prefix: bool,
}

/// The ranges of the hits in bytes of `text`: ascending and disjoint.
///
/// Only about the first two hundred hits are searched. A phrase is one range, and only complete phrases count;
/// ranges that touch are merged.
#[must_use]
pub fn highlights(text: &str, wanted: &Wanted) -> Vec<Range<usize>> {
    let scan = Scan::of(text);
    let mut hits = Vec::new();
    let stems: HashSet<&str> = wanted.stems.iter().map(String::as_str).collect();
    let mut by_first: HashMap<&str, Vec<&Phrase>> = HashMap::new();
    let mut prefixes = Vec::new();
    for phrase in &wanted.phrases {
        match phrase.tokens.as_slice() {
            [] => {}
            [only] if phrase.is_prefix => prefixes.push(only.text.as_str()),
            [first, ..] => by_first.entry(&first.text).or_default().push(phrase),
        }
    }
    for token in &scan.tokens {
        if hits.len() >= MAX_HITS {
            break;
        }
        let word = scan.text(token);
        for phrase in by_first.get(word).into_iter().flatten() {
            if let Some(end) = end_of(&scan, token.position, phrase) {
                hits.push(token.range.start..end.max(token.range.end));
            }
        }
        let is_stem = !stems.is_empty()
            && token.form == Form::Whole
            && of_folded(word)
                .iter()
                .any(|stem| stems.contains(stem.as_str()));
        if is_stem || prefixes.iter().any(|prefix| word.starts_with(prefix)) {
            hits.push(token.range.clone());
        }
    }
    merged(hits)
}

/// How often these stems occur in a text, counted as the index counts them.
#[must_use]
pub fn count_stems(text: &str, stems: &[String]) -> i64 {
    if stems.is_empty() {
        return 0;
    }
    let scan = Scan::of(text);
    let whole = scan.tokens.iter().filter(|it| it.form == Form::Whole);
    let counts = whole.map(|token| {
        let known = of_folded(scan.text(token));
        known.iter().filter(|stem| stems.contains(stem)).count()
    });
    i64::try_from(counts.sum::<usize>()).unwrap_or(i64::MAX)
}

/// The end of a phrase whose first token is at position `start`, if the phrase is complete there.
fn end_of(scan: &Scan, start: usize, phrase: &Phrase) -> Option<usize> {
    let (last, rest) = phrase.tokens.split_last()?;
    let at = |token: &TypedToken, is_prefix: bool| {
        let position = start + token.position;
        let begin = scan
            .tokens
            .partition_point(|found| found.position < position);
        scan.tokens[begin..]
            .iter()
            .take_while(|found| found.position == position)
            .filter(|found| {
                let text = scan.text(found);
                text == token.text || is_prefix && text.starts_with(&token.text)
            })
            .map(|found| found.range.end)
            .max()
    };
    rest.iter()
        .all(|token| at(token, false).is_some())
        .then(|| at(last, phrase.is_prefix))?
}

fn merged(mut hits: Vec<Range<usize>>) -> Vec<Range<usize>> {
    hits.sort_unstable_by_key(|hit| (hit.start, hit.end));
    let mut merged: Vec<Range<usize>> = Vec::new();
    for hit in hits {
        match merged.last_mut() {
            Some(last) if hit.start <= last.end => last.end = last.end.max(hit.end),
            _ => merged.push(hit),
        }
    }
    merged
}
