//! Compiles the syntax tree into tantivy's queries. Only words are scored; filters have no score.

use std::ops::{Bound, Range};

use tantivy::query::{
    AllQuery, BooleanQuery, BoostQuery, ConstScoreQuery, DisjunctionMaxQuery, EmptyQuery,
    InvertedIndexRangeQuery, Occur, PhraseQuery, Query, RangeQuery, RegexPhraseQuery, TermQuery,
    TermSetQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{Searcher, Term};

use super::deadline::{Clock, MAX_IDS_OF_NAME};
use super::document::traits;
use super::exact::Exact;
use super::fields::{Fields, Place};
use super::prefix_phrase::PrefixPhrase;
use super::query::{Clause, Filter, Kind, Mentioned, Sought, State, Who};
use super::text::{TypedToken, fold_name};
use super::within::Within;
use super::{SearchError, text};
use crate::message::IdRange;

/// The weight of a hit by the stem of a word, relative to a hit by the word itself.
const STEM_WEIGHT: f32 = 0.5;

/// The weight of a word's other places, relative to its best place.
const TIE: f32 = 0.1;

/// The maximum number of terms that a prefix at the end of a phrase may match; each needs two kilobytes during
/// the search. It does not hold for limited readers: [`PrefixPhrase`].
const PREFIX_TERMS: u32 = 4_000;

/// The maximum number of prefixes in a query: each needs one bit per message in each place.
const MAX_PREFIXES: usize = 8;

/// The maximum number of words in a phrase.
const MAX_TOKENS: usize = 128;

/// The parts of a Boolean query.
pub(super) type Parts = Vec<(Occur, Box<dyn Query>)>;

/// Returns the ids of the channels within the reach with a name, which is folded.
pub type ChannelsNamed<'a> = dyn Fn(&str) -> Vec<u64> + 'a;

/// A part of the query that has no effect; the search continues without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The characters of the query concerned.
    pub at: Range<usize>,
    /// The reason, as a sentence.
    pub reason: String,
}

/// Compiles queries for one state of the index.
pub(super) struct Compiler<'a> {
    pub(super) fields: &'a Fields,
    pub(super) searcher: &'a Searcher,
    /// Warnings and names are of these documents only.
    pub(super) within: &'a Within,
    /// Whether words are also sought in the names of mentioned users.
    pub(super) names: bool,
    pub(super) channels_named: &'a ChannelsNamed<'a>,
    pub(super) clock: &'a Clock,
    pub(super) warnings: Vec<Warning>,
    pub(super) prefixes: usize,
}

impl Compiler<'_> {
    /// The query for a condition; none if nothing in the condition is indexed, so that it can neither find nor
    /// exclude anything.
    pub(super) fn clause(
        &mut self,
        clause: &Clause,
    ) -> Result<Option<Box<dyn Query>>, SearchError> {
        Ok(match clause {
            Clause::All(clauses) => {
                let mut parts = Vec::with_capacity(clauses.len() + 1);
                for clause in clauses {
                    let (occur, inner) = match clause {
                        Clause::Not(inner) => (Occur::MustNot, &**inner),
                        other => (Occur::Must, other),
                    };
                    parts.extend(self.clause(inner)?.map(|query| (occur, query)));
                }
                (!parts.is_empty()).then(|| all(parts))
            }
            Clause::Any(clauses) => {
                let mut parts = Vec::with_capacity(clauses.len());
                for clause in clauses {
                    parts.extend(self.clause(clause)?.map(|query| (Occur::Should, query)));
                }
                (!parts.is_empty()).then(|| Box::new(BooleanQuery::new(parts)) as Box<dyn Query>)
            }
            Clause::Not(inner) => {
                let inner = self.clause(inner)?;
                inner.map(|query| all(vec![(Occur::MustNot, query)]))
            }
            Clause::Term(term) => match &term.sought {
                Sought::Word(word) => self.words(word, text::stems_of(word), &term.at)?,
                Sought::Phrase(phrase) => self.words(phrase, Vec::new(), &term.at)?,
                Sought::Prefix(prefix) => self.prefix(prefix, &term.at)?,
                Sought::Filter(filter) => {
                    let filter = self.filter(filter, &term.at)?;
                    Some(Box::new(ConstScoreQuery::new(filter, 0.0)))
                }
            },
        })
    }

    /// Finds these words in this order in any place, or one of the stems.
    fn words(
        &mut self,
        words: &str,
        stems: Vec<String>,
        at: &Range<usize>,
    ) -> Result<Option<Box<dyn Query>>, SearchError> {
        let Some(tokens) = self.tokens(text::typed(words), at)? else {
            return Ok(None);
        };
        let in_place = |place: Place| -> Box<dyn Query> {
            let terms = self.terms(place, &tokens);
            let query: Box<dyn Query> = match terms.as_slice() {
                [(_, term)] => Box::new(TermQuery::new(term.clone(), IndexRecordOption::WithFreqs)),
                _ => Box::new(PhraseQuery::new_with_offset(terms)),
            };
            exact(query, place.weight())
        };
        let of_stem = |stem: String| {
            let term = Term::from_field_text(self.fields.stems, &stem);
            let query = TermQuery::new(term, IndexRecordOption::WithFreqs);
            exact(Box::new(query), STEM_WEIGHT)
        };
        let places = self.places().map(in_place);
        let all = places.chain(stems.into_iter().map(of_stem)).collect();
        Ok(Some(best_of(all)))
    }

    /// The indexed tokens of a text; none if there are none.
    fn tokens(
        &mut self,
        tokens: Vec<TypedToken>,
        at: &Range<usize>,
    ) -> Result<Option<Vec<TypedToken>>, SearchError> {
        if tokens.len() > MAX_TOKENS {
            return Err(SearchError::refused(
                at,
                format!("A phrase can have at most {MAX_TOKENS} words: remove some."),
            ));
        }
        if tokens.is_empty() {
            self.warn(
                at,
                "This contains no letter, digit or emoji and was ignored.",
            );
            return Ok(None);
        }
        Ok(Some(tokens))
    }

    fn terms(&self, place: Place, tokens: &[TypedToken]) -> Vec<(usize, Term)> {
        let field = self.fields.text(place);
        let terms = tokens.iter();
        terms
            .map(|token| (token.position, Term::from_field_text(field, &token.text)))
            .collect()
    }

    fn prefix(
        &mut self,
        prefix: &str,
        at: &Range<usize>,
    ) -> Result<Option<Box<dyn Query>>, SearchError> {
        self.prefixes += 1;
        if self.prefixes > MAX_PREFIXES {
            return Err(SearchError::refused(
                at,
                format!("A query can have at most {MAX_PREFIXES} words with a star."),
            ));
        }
        let Some(tokens) = self.tokens(text::typed_prefix(prefix), at)? else {
            return Ok(None);
        };
        let in_place = |place: Place| -> Box<dyn Query> {
            let field = self.fields.text(place);
            let [words @ .., beginning] = tokens.as_slice() else {
                return Box::new(EmptyQuery);
            };
            if words.is_empty() {
                return begins_with(field, &beginning.text, place.weight());
            }
            if !self.within.is_everything() {
                let (within, clock) = (self.within.clone(), self.clock.clone());
                let query = PrefixPhrase::new(field, words, beginning, within, clock);
                return Box::new(ConstScoreQuery::new(Box::new(query), place.weight()));
            }
            let whole = words
                .iter()
                .map(|word| (word.position, regex::escape(&word.text)));
            let begun = format!("{}.*", regex::escape(&beginning.text));
            let begun = (beginning.position, begun);
            let mut query =
                RegexPhraseQuery::new_with_offset(field, whole.chain([begun]).collect());
            query.set_max_expansions(PREFIX_TERMS);
            Box::new(ConstScoreQuery::new(Box::new(query), place.weight()))
        };
        let places = self.places().map(in_place);
        Ok(Some(best_of(places.collect())))
    }

    /// The places in which words are sought.
    fn places(&self) -> impl Iterator<Item = Place> + use<> {
        let names = self.names;
        let places = Place::ALL.into_iter();
        places.filter(move |place| names || *place != Place::Mention)
    }

    fn filter(
        &mut self,
        filter: &Filter,
        at: &Range<usize>,
    ) -> Result<Box<dyn Query>, SearchError> {
        Ok(match filter {
            Filter::From(Who::Id(id)) => number(self.fields.author, *id),
            Filter::From(Who::Name(name)) => self.written_by(name, at)?,
            Filter::In(Who::Id(id)) => number(self.fields.channel, *id),
            Filter::In(Who::Name(name)) => {
                let channels = (self.channels_named)(&fold_name(name));
                if channels.is_empty() {
                    self.warn(at, "No channel or thread has this name.");
                }
                numbers(self.fields.channel, channels)
            }
            Filter::Mentions(Mentioned::Who(Who::Id(id)) | Mentioned::Role(id)) => {
                number(self.fields.mentioned, *id)
            }
            Filter::Mentions(Mentioned::Who(Who::Name(name))) => {
                let folded = fold_name(name);
                let authors = self.authors_named(&folded, at)?;
                let named = whole(self.fields.mentioned_name, &folded);
                if authors.is_empty() && !self.finds_any(&*named)? {
                    self.warn(
                        at,
                        "No user has this name. Use the id to search for a role.",
                    );
                }
                let known = numbers(self.fields.mentioned, authors);
                Box::new(BooleanQuery::union(vec![named, known]))
            }
            Filter::Mentions(Mentioned::Everyone) => self.has(traits::EVERYONE),
            Filter::Mentions(Mentioned::Here) => self.has(traits::HERE),
            Filter::Has(kind) => self.has(match kind {
                Kind::Link => traits::LINK,
                Kind::Embed => traits::EMBED,
                Kind::File => traits::FILE,
                Kind::Image => traits::IMAGE,
                Kind::Video => traits::VIDEO,
                Kind::Sound => traits::SOUND,
                Kind::Sticker => traits::STICKER,
                Kind::Poll => traits::POLL,
                Kind::Forward => traits::FORWARD,
                Kind::Reaction => traits::REACTION,
            }),
            Filter::Reaction(Who::Id(id)) => whole(self.fields.reaction, &id.to_string()),
            Filter::Reaction(Who::Name(name)) => self.reacted_with(name, at)?,
            Filter::Written { from, to } => ids(self.fields, IdRange::between(*from, *to)),
            Filter::Pinned(true) => self.has(traits::PINNED),
            Filter::Pinned(false) => all(vec![(Occur::MustNot, self.has(traits::PINNED))]),
            Filter::Is(state) => self.has(match state {
                State::Edited => traits::EDITED,
                State::Deleted => traits::DELETED,
                State::Reply => traits::REPLY,
                State::Bot => traits::BOT,
            }),
        })
    }

    /// Finds messages that were written under this name by any author. Old clients write `name#0` for an
    /// account and `name#0000` for a webhook, although these have no such number.
    fn written_by(&mut self, name: &str, at: &Range<usize>) -> Result<Box<dyn Query>, SearchError> {
        let folded = fold_name(name);
        let bare = ["#0", "#0000"]
            .iter()
            .find_map(|tag| folded.strip_suffix(tag));
        let names = bare.into_iter().chain([folded.as_str()]);
        let written = names.map(|name| whole(self.fields.author_name, name));
        let written = BooleanQuery::union(written.collect());
        if !self.finds_any(&written)? {
            self.warn(at, "No author has this name.");
        }
        Ok(Box::new(written))
    }

    /// Finds messages that have a reaction with this emoji, or with a custom emoji of this name.
    fn reacted_with(
        &mut self,
        name: &str,
        at: &Range<usize>,
    ) -> Result<Box<dyn Query>, SearchError> {
        let reacted = if text::is_emoji(name) {
            whole(self.fields.reaction, &text::bare_emoji(name))
        } else {
            whole(self.fields.reaction_name, &fold_name(name))
        };
        if !self.finds_any(&*reacted)? {
            self.warn(
                at,
                "No message has a reaction with this emoji. Type a Unicode emoji itself, and a custom emoji by its name or id.",
            );
        }
        Ok(reacted)
    }

    fn authors_named(&mut self, folded: &str, at: &Range<usize>) -> Result<Vec<u64>, SearchError> {
        let named = self.within.only(whole(self.fields.author_name, folded));
        let authors = self.clock.distinct(self.searcher, self.fields, &*named)?;
        if authors.len() >= MAX_IDS_OF_NAME {
            self.warn(
                at,
                "Too many users have this name, and some were left out: use an id.",
            );
        }
        Ok(authors)
    }

    /// Whether a query finds at least one message within the reach.
    fn finds_any(&self, query: &dyn Query) -> Result<bool, SearchError> {
        let query = self.within.only(query.box_clone());
        self.clock.finds_any(self.searcher, &*query)
    }

    pub(super) fn has(&self, what: &str) -> Box<dyn Query> {
        whole(self.fields.traits, what)
    }

    fn warn(&mut self, at: &Range<usize>, reason: &str) {
        self.warnings.push(Warning {
            at: at.clone(),
            reason: reason.to_owned(),
        });
    }
}

/// Whether a condition asks for deleted messages.
#[must_use]
pub fn asks_for_deleted(clause: &Clause) -> bool {
    match clause {
        Clause::All(clauses) | Clause::Any(clauses) => clauses.iter().any(asks_for_deleted),
        Clause::Not(_) => false,
        Clause::Term(term) => {
            matches!(&term.sought, Sought::Filter(Filter::Is(State::Deleted)))
        }
    }
}

/// Whether a condition contains words, by which messages can be ranked.
#[must_use]
pub fn has_words(clause: &Clause) -> bool {
    match clause {
        Clause::All(clauses) | Clause::Any(clauses) => clauses.iter().any(has_words),
        Clause::Not(_) => false,
        Clause::Term(term) => !matches!(&term.sought, Sought::Filter(_)),
    }
}

/// The characters of the first term by which a condition matches on the text of messages, also where it excludes: a
/// word, a prefix or a phrase. Filters match on what a message is and has (a link, a file, a mention), not on what it
/// says.
#[must_use]
pub fn reads_content(clause: &Clause) -> Option<Range<usize>> {
    first(clause, |sought| match sought {
        Sought::Word(_) | Sought::Prefix(_) | Sought::Phrase(_) => true,
        Sought::Filter(_) => false,
    })
}

/// The characters of the first term by which a condition matches on the name of a user, also where it excludes:
/// `from:` and `mentions:` with a name. A channel's and an emoji's name are none.
#[must_use]
pub fn reads_names(clause: &Clause) -> Option<Range<usize>> {
    first(clause, |sought| match sought {
        Sought::Word(_) | Sought::Prefix(_) | Sought::Phrase(_) => false,
        Sought::Filter(filter) => match filter {
            Filter::From(who) | Filter::Mentions(Mentioned::Who(who)) => match who {
                Who::Id(_) => false,
                Who::Name(_) => true,
            },
            Filter::Mentions(Mentioned::Role(_) | Mentioned::Everyone | Mentioned::Here)
            | Filter::In(Who::Id(_) | Who::Name(_))
            | Filter::Reaction(Who::Id(_) | Who::Name(_))
            | Filter::Has(_)
            | Filter::Written { .. }
            | Filter::Pinned(_)
            | Filter::Is(_) => false,
        },
    })
}

/// The characters of the first term of which `is` is true.
fn first(clause: &Clause, is: fn(&Sought) -> bool) -> Option<Range<usize>> {
    match clause {
        Clause::All(clauses) | Clause::Any(clauses) => {
            // Terms of a kind are put side by side, so the first in the tree is not always the first that was typed.
            let places = clauses.iter().filter_map(|clause| first(clause, is));
            places.min_by_key(|place| place.start)
        }
        Clause::Not(inner) => first(inner, is),
        Clause::Term(term) => is(&term.sought).then(|| term.at.clone()),
    }
}

/// Whether a condition contains names of channels, so that the caller has to load these names.
#[must_use]
pub fn names_channels(clause: &Clause) -> bool {
    match clause {
        Clause::All(clauses) | Clause::Any(clauses) => clauses.iter().any(names_channels),
        Clause::Not(inner) => names_channels(inner),
        Clause::Term(term) => {
            matches!(&term.sought, Sought::Filter(Filter::In(Who::Name(_))))
        }
    }
}

/// The score of the best query, plus a small part of the others.
fn best_of(queries: Vec<Box<dyn Query>>) -> Box<dyn Query> {
    let best = DisjunctionMaxQuery::with_tie_breaker(queries, TIE);
    Box::new(Exact(Box::new(best)))
}

fn exact(query: Box<dyn Query>, weight: f32) -> Box<dyn Query> {
    Box::new(Exact(Box::new(BoostQuery::new(query, weight))))
}

/// All of these queries; without a required one, all messages except the excluded ones.
pub(super) fn all(mut parts: Parts) -> Box<dyn Query> {
    if parts.iter().all(|(occur, _)| *occur == Occur::MustNot) {
        parts.push((Occur::Must, everything()));
    }
    Box::new(BooleanQuery::new(parts))
}

pub(super) fn everything() -> Box<dyn Query> {
    Box::new(ConstScoreQuery::new(Box::new(AllQuery), 0.0))
}

pub(super) fn number(field: Field, number: u64) -> Box<dyn Query> {
    let term = Term::from_field_u64(field, number);
    Box::new(TermQuery::new(term, IndexRecordOption::Basic))
}

fn numbers(field: Field, numbers: Vec<u64>) -> Box<dyn Query> {
    if numbers.is_empty() {
        return Box::new(EmptyQuery);
    }
    let terms = numbers.into_iter();
    Box::new(TermSetQuery::new(
        terms.map(|number| Term::from_field_u64(field, number)),
    ))
}

pub(super) fn whole(field: Field, text: &str) -> Box<dyn Query> {
    let term = Term::from_field_text(field, text);
    Box::new(TermQuery::new(term, IndexRecordOption::Basic))
}

/// Finds terms with this prefix.
pub(super) fn begins_with(field: Field, prefix: &str, score: f32) -> Box<dyn Query> {
    let term = |text: &str| Term::from_field_text(field, text);
    let end = match after_all(prefix) {
        Some(end) => Bound::Excluded(term(&end)),
        None => Bound::Unbounded,
    };
    let range = InvertedIndexRangeQuery::new(Bound::Included(term(prefix)), end);
    Box::new(ConstScoreQuery::new(Box::new(range), score))
}

/// The first text in order after all texts with this prefix; none if there is none.
fn after_all(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        // The next character; the surrogates between are no characters.
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

/// Finds messages with ids of this range.
pub(super) fn ids(fields: &Fields, range: IdRange) -> Box<dyn Query> {
    let term = |id: i64| Term::from_field_u64(fields.id, id.cast_unsigned());
    Box::new(RangeQuery::new(
        Bound::Included(term(range.low)),
        Bound::Excluded(term(range.high)),
    ))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use chrono_tz::Tz;

    use super::super::query::{Context, parse};
    use super::*;

    #[test]
    fn what_a_condition_reads_of_a_message_is_found_wherever_it_stands() {
        let context = Context {
            now: DateTime::UNIX_EPOCH,
            zone: Tz::UTC,
        };
        // The text that reads the content, and the one that reads a name.
        for (q, content, name) in [
            ("has:link is:edited before:2025", None, None),
            ("from:5 mentions:5 mentions:<@&5> mentions:here", None, None),
            ("in:general in:5 reaction:custom pinned:true", None, None),
            ("word", Some("word"), None),
            ("-word has:link", Some("word"), None),
            (
                "has:link -(from:5 OR \"a phrase\")",
                Some("\"a phrase\""),
                None,
            ),
            ("(has:link OR pre*) other", Some("pre*"), None),
            ("=>", Some("=>"), None),
            ("from:ada", None, Some("from:ada")),
            ("-from:ada", None, Some("from:ada")),
            (
                "has:link (is:bot OR -mentions:\"a b\")",
                None,
                Some("mentions:\"a b\""),
            ),
            // The parser puts both authors in one place, before the mention.
            (
                "from:5 mentions:bob word from:ada",
                Some("word"),
                Some("mentions:bob"),
            ),
        ] {
            let clause = parse(q, &context).unwrap().unwrap();
            let text = |at: Option<Range<usize>>| at.map(|at| &q[at]);
            assert_eq!(text(reads_content(&clause)), content, "{q}");
            assert_eq!(text(reads_names(&clause)), name, "{q}");
        }
    }
}
