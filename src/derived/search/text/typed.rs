//! What somebody typed, as the terms to look for.

use super::scan::{Form, Scan};

/// A term, and where it stands relative to the others.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TypedToken {
    /// Its place in the phrase; the first is 0. There can be gaps: `:name:` spans its words.
    pub position: usize,
    /// The term, as it is indexed.
    pub text: String,
}

/// The terms that a typed word or phrase stands for: one for each position, the most exact.
///
/// A text that has `text` in it literally, between the bounds of words, has the phrase of these
/// terms. One term is a word; several are a phrase, whether or not the user typed quotes
/// (`snake_case`, `youtube.com`, `東京`). None, if nothing in it can be searched.
#[must_use]
pub fn typed(text: &str) -> Vec<TypedToken> {
    let scan = Scan::of(text);
    let mut typed: Vec<(Form, TypedToken)> = Vec::new();
    let mut covered = 0;
    for token in &scan.tokens {
        if token.range.start < covered || matches!(token.form, Form::Part | Form::LedByChance) {
            continue;
        }
        let found = TypedToken {
            position: token.position,
            text: scan.text(token).to_owned(),
        };
        if token.form == Form::Shortcode {
            covered = token.range.end;
        }
        match typed.last_mut() {
            Some((form, last)) if last.position == token.position => {
                if token.form > *form {
                    (*form, *last) = (token.form, found);
                }
            }
            _ => typed.push((token.form, found)),
        }
    }
    let first = typed.first().map_or(0, |(_, token)| token.position);
    typed
        .into_iter()
        .map(|(_, mut token)| {
            token.position -= first;
            token
        })
        .collect()
}

/// As [`typed()`], for a word or phrase that goes on: the last term is the beginning of one.
#[must_use]
pub fn typed_prefix(text: &str) -> Vec<TypedToken> {
    // A name between colons is whole only with its second colon; until then it is a word led by one.
    typed(text)
}
