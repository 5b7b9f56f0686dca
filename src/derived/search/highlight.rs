//! Highlights: where a message contains the words of a query.

use super::document::texts;
use super::fields::Place;
use super::query::{Clause, Sought};
use super::text::{Phrase, Wanted, fragment, highlights, stems_of, typed, typed_prefix};
use crate::store::FollowedMessage;

/// The approximate number of characters of a text that are shown around its hits.
const FRAGMENT: usize = 240;

/// Finds the words of a query in texts.
#[derive(Debug, Clone)]
pub struct Highlighter {
    pub(super) wanted: Wanted,
    /// Names of mentioned users are not searched by stems.
    in_names: Wanted,
}

/// The hits in one text of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Highlight {
    /// The place of the text.
    pub place: Place,
    /// An excerpt around the hits as HTML: escaped, with each hit in `<mark>`.
    pub html: String,
    /// The hits as ranges of characters in the whole text.
    pub offsets: Vec<(usize, usize)>,
}

impl Highlighter {
    /// A highlighter for the words of a condition; none if it contains no words.
    #[must_use]
    pub fn new(clause: &Clause) -> Option<Self> {
        let mut wanted = Wanted::default();
        collect(clause, &mut wanted);
        (wanted != Wanted::default()).then(|| Self {
            in_names: Wanted {
                phrases: wanted.phrases.clone(),
                stems: Vec::new(),
            },
            wanted,
        })
    }

    /// The same without hits in the names of mentioned users, for a caller that may not see names.
    #[must_use]
    pub fn without_names(self) -> Self {
        Self {
            in_names: Wanted::default(),
            ..self
        }
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
        let wanted = match place {
            Place::Mention => &self.in_names,
            _ => &self.wanted,
        };
        let ranges = highlights(text, wanted);
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

/// Collects the words to find; excluded words are in no hit.
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
