//! Where the words of a query stand in a message.

use super::document::texts;
use super::fields::Place;
use super::query::{Clause, Sought};
use super::text::{Phrase, Wanted, fragment, highlights, stems_of, typed, typed_prefix};
use crate::store::FollowedMessage;

/// About so many characters of a text are shown around its hits.
const FRAGMENT: usize = 240;

/// Finds the words of a query in texts.
#[derive(Debug, Clone)]
pub struct Highlighter {
    wanted: Wanted,
}

/// The hits in one text of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Highlight {
    /// Where the text stands.
    pub place: Place,
    /// The text around the hits as HTML: escaped, each hit in `<mark>`.
    pub html: String,
    /// Each hit, from and up to which character of the whole text.
    pub offsets: Vec<(usize, usize)>,
}

impl Highlighter {
    /// For the words that are asked for; none where none are.
    #[must_use]
    pub fn new(clause: &Clause) -> Option<Self> {
        let mut wanted = Wanted::default();
        collect(clause, &mut wanted);
        (wanted != Wanted::default()).then_some(Self { wanted })
    }

    /// The hits in a message.
    #[must_use]
    pub fn in_message(&self, message: &FollowedMessage) -> Vec<Highlight> {
        let texts = texts(message);
        let highlights = texts.iter().map(|(place, text)| self.in_text(place, text));
        highlights.flatten().collect()
    }

    /// The hits in a text.
    #[must_use]
    pub fn in_text(&self, place: Place, text: &str) -> Option<Highlight> {
        let ranges = highlights(text, &self.wanted);
        if ranges.is_empty() {
            return None;
        }
        let fragment = fragment(text, &ranges, FRAGMENT);
        let offsets = fragment.offsets.into_iter();
        Some(Highlight {
            place,
            html: fragment.html,
            offsets: offsets.map(|hit| (hit.start, hit.end)).collect(),
        })
    }
}

/// What is looked for; what is ruled out stands nowhere.
fn collect(clause: &Clause, wanted: &mut Wanted) {
    match clause {
        Clause::All(clauses) | Clause::Any(clauses) => {
            clauses.iter().for_each(|clause| collect(clause, wanted));
        }
        Clause::Not(_) => {}
        Clause::Term(term) => {
            let (tokens, is_prefix) = match &term.sought {
                Sought::Word(word) => {
                    wanted.stems.extend(stems_of(word));
                    (typed(word), false)
                }
                Sought::Phrase(phrase) => (typed(phrase), false),
                Sought::Prefix(prefix) => (typed_prefix(prefix), true),
                Sought::Filter(_) => return,
            };
            if !tokens.is_empty() {
                wanted.phrases.push(Phrase { tokens, is_prefix });
            }
        }
    }
}
