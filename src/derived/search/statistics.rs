//! The statistics from which scores are computed: how many messages there are, how long they are, and how often
//! each term occurs. They change with every commit. A walk over pages keeps those of its first page, so that
//! the rank of a message does not change in between.
//!
//! A limited reader's statistics count the messages within the reach only, or a score would tell how often others use a
//! word. All three numbers are counted, also the length: with a constant, a hit in a place that few messages have
//! (embeds, polls) would rank otherwise than for an unlimited reader. Unlike tantivy's, these numbers leave out what was
//! replaced, because when that is removed depends on the messages of others.

use std::cell::RefCell;
use std::collections::BTreeMap;

use tantivy::query::Bm25StatisticsProvider;
use tantivy::schema::Field;
use tantivy::{Searcher, Term};

use super::deadline::Clock;
use super::within::Within;

/// The subject of a number, in an order that is always the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    Documents,
    Tokens(u32),
    Frequency(Term),
}

/// The number of rounded values per doubling: a number is rounded by at most 5.1 %, which moves no score by
/// more than a twentieth of a rare word's.
const STEPS: f64 = 7.0;

/// The numbers that a query used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Statistics(BTreeMap<Of, Rounded>);

/// A rounded number. Rounding keeps the order: a greater number is never less when rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rounded(u8);

impl Rounded {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rounding is what it is for; the cast saturates"
    )]
    fn new(number: u64) -> Self {
        match number {
            0 => Self(0),
            number => Self((((number as f64).log2() * STEPS).round() + 1.0) as u8),
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "no more than 2^37"
    )]
    fn number(self) -> u64 {
        match self.0 {
            0 => 0,
            level => (f64::from(level - 1) / STEPS).exp2().round() as u64,
        }
    }
}

/// Reads the numbers from an index, and records them.
pub(super) struct Recorder<'a> {
    searcher: &'a Searcher,
    within: &'a Within,
    clock: &'a Clock,
    /// Whether the numbers matter, and not only what they are of.
    is_counting: bool,
    asked: RefCell<Statistics>,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(searcher: &'a Searcher, within: &'a Within, clock: &'a Clock) -> Self {
        Self {
            searcher,
            within,
            clock,
            is_counting: true,
            asked: RefCell::default(),
        }
    }

    /// A recorder for a later page, which has the numbers of the first: it answers with zeros.
    pub(super) fn of_later_page(self) -> Self {
        Self {
            is_counting: false,
            ..self
        }
    }

    pub(super) fn statistics(self) -> Statistics {
        self.asked.into_inner()
    }

    /// A number, counted once.
    fn answer(&self, of: Of, count: impl FnOnce() -> tantivy::Result<u64>) -> tantivy::Result<u64> {
        let known = self.asked.borrow().0.get(&of).copied();
        let rounded = match known {
            Some(known) => known,
            None if self.is_counting => Rounded::new(count()?),
            None => Rounded(0),
        };
        self.asked.borrow_mut().0.insert(of, rounded);
        Ok(rounded.number())
    }
}

impl Bm25StatisticsProvider for Recorder<'_> {
    fn total_num_tokens(&self, field: Field) -> tantivy::Result<u64> {
        self.answer(Of::Tokens(field.field_id()), || {
            let within = self.within.tokens(self.searcher, field, self.clock);
            within.unwrap_or_else(|| self.searcher.total_num_tokens(field))
        })
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        self.answer(Of::Documents, || match self.within.documents() {
            Some(within) => Ok(within),
            None => self.searcher.total_num_docs(),
        })
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        self.answer(Of::Frequency(term.clone()), || {
            let within = self.within.doc_freq(self.searcher, term, self.clock);
            within.unwrap_or_else(|| self.searcher.doc_freq(term))
        })
    }
}

impl Statistics {
    /// The numbers alone, in their order.
    pub(super) fn numbers(&self) -> Vec<u8> {
        self.0.values().map(|number| number.0).collect()
    }

    /// Replaces the numbers by those of an earlier page; `false` if these belong to another query or are not
    /// valid.
    pub(super) fn replace(&mut self, numbers: &[u8]) -> bool {
        let documents = numbers.first().copied().unwrap_or(0);
        let is_sound = |(of, number): (&Of, &u8)| match of {
            Of::Documents => *number > 0,
            // No message may have a text in this place.
            Of::Tokens(_) => true,
            Of::Frequency(_) => *number <= documents,
        };
        if numbers.len() != self.0.len() || !self.0.keys().zip(numbers).all(is_sound) {
            return false;
        }
        for (kept, number) in self.0.values_mut().zip(numbers) {
            *kept = Rounded(*number);
        }
        true
    }

    fn get(&self, of: &Of) -> tantivy::Result<u64> {
        let known = self.0.get(of).map(|number| number.number());
        known.ok_or_else(|| tantivy::TantivyError::InvalidArgument("an unknown number".to_owned()))
    }
}

impl Bm25StatisticsProvider for Statistics {
    fn total_num_tokens(&self, field: Field) -> tantivy::Result<u64> {
        self.get(&Of::Tokens(field.field_id()))
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        self.get(&Of::Documents)
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        self.get(&Of::Frequency(term.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_keeps_the_order_and_changes_little() {
        let mut last = Rounded(0);
        for number in (1..10_000).chain((1..600).map(|n| n * 100_000_007)) {
            let rounded = Rounded::new(number);
            assert!(rounded >= last, "{number}");
            last = rounded;
            let back = rounded.number();
            assert!(
                back.abs_diff(number) * 19 <= number + 10,
                "{number} became {back}"
            );
            assert_eq!(Rounded::new(back), rounded, "{number}");
        }
        assert_eq!(Rounded::new(0).number(), 0);
    }
}
