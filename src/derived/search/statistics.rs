//! The numbers that scores are made of: how many messages there are, how long, and how often each term
//! comes. They change with every commit; a walk over pages keeps those of its first page, so that the
//! rank of a message does not change under it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use tantivy::query::Bm25StatisticsProvider;
use tantivy::schema::Field;
use tantivy::{Searcher, Term};

/// What a number is of, in an order that is always the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    Documents,
    Tokens(u32),
    Frequency(Term),
}

/// The numbers that a query asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Statistics(BTreeMap<Of, u64>);

/// Asks an index, and remembers the answers.
pub(super) struct Recorder<'a> {
    searcher: &'a Searcher,
    asked: RefCell<Statistics>,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(searcher: &'a Searcher) -> Self {
        Self {
            searcher,
            asked: RefCell::default(),
        }
    }

    pub(super) fn statistics(self) -> Statistics {
        self.asked.into_inner()
    }

    fn answer(&self, of: Of, answer: u64) -> tantivy::Result<u64> {
        self.asked.borrow_mut().0.insert(of, answer);
        Ok(answer)
    }
}

impl Bm25StatisticsProvider for Recorder<'_> {
    fn total_num_tokens(&self, field: Field) -> tantivy::Result<u64> {
        let answer = self.searcher.total_num_tokens(field)?;
        self.answer(Of::Tokens(field.field_id()), answer)
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        let answer = self.searcher.total_num_docs()?;
        self.answer(Of::Documents, answer)
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        let answer = self.searcher.doc_freq(term)?;
        self.answer(Of::Frequency(term.clone()), answer)
    }
}

impl Statistics {
    /// The numbers alone, in their order.
    pub(super) fn numbers(&self) -> Vec<u64> {
        self.0.values().copied().collect()
    }

    /// Puts the numbers of an earlier page in the place of these; `false` if they are not of the same
    /// query, or make no sense.
    pub(super) fn replace(&mut self, numbers: &[u64]) -> bool {
        let documents = numbers.first().copied().unwrap_or(0);
        let is_sound = |(of, number): (&Of, &u64)| match of {
            Of::Documents => *number > 0,
            // A place that no message has.
            Of::Tokens(_) => true,
            Of::Frequency(_) => *number <= documents,
        };
        if numbers.len() != self.0.len() || !self.0.keys().zip(numbers).all(is_sound) {
            return false;
        }
        for (kept, number) in self.0.values_mut().zip(numbers) {
            *kept = *number;
        }
        true
    }

    fn get(&self, of: &Of) -> tantivy::Result<u64> {
        let known = self.0.get(of).copied();
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
