//! Converts what somebody typed into terms.

use super::scan::{Form, Scan};

/// A term, and its position relative to the others.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TypedToken {
    /// The position in the phrase, from 0. There can be gaps: `:name:` spans its words.
    pub position: usize,
    /// The term as it is indexed.
    pub text: String,
}

/// The terms of a typed word or phrase: for each position the most exact one.
///
/// A text that contains `text` literally, between the edges of words, contains the phrase of these terms. One
/// term is a word; several are a phrase, whether or not the user typed quotes (`snake_case`, `youtube.com`,
/// `東京`). Empty if `text` contains nothing that is indexed.
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

/// Like [`typed()`], for a text whose last term is a prefix.
#[must_use]
pub fn typed_prefix(text: &str) -> Vec<TypedToken> {
    // A name between colons is complete only with its second colon; until then it is a word with a leading
    // colon.
    typed(text)
}
