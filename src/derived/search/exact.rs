//! Scores that can be added in any order. tantivy adds the scores of a query's parts in an order that differs
//! from segment to segment, and with 32-bit floats another order gives another sum: a merge between two pages
//! would change ranks. Scores rounded to multiples of 1/1,024 have exact sums up to 16,384.

use tantivy::query::{EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::{DocId, DocSet, Score, SegmentReader, Term};

const PARTS: Score = 1_024.0;

/// A query whose scores are rounded.
#[derive(Debug)]
pub(super) struct Exact(pub(super) Box<dyn Query>);

impl Clone for Exact {
    fn clone(&self) -> Self {
        Self(self.0.box_clone())
    }
}

impl Query for Exact {
    fn weight(&self, scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        let weight = self.0.weight(scoring)?;
        if scoring.is_scoring_enabled() {
            Ok(Box::new(ExactWeight(weight)))
        } else {
            Ok(weight)
        }
    }

    fn query_terms<'a>(&'a self, visitor: &mut dyn FnMut(&'a Term, bool)) {
        self.0.query_terms(visitor);
    }
}

struct ExactWeight(Box<dyn Weight>);

impl Weight for ExactWeight {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        Ok(Box::new(ExactScorer(self.0.scorer(reader, boost)?)))
    }

    fn explain(&self, reader: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        self.0.explain(reader, doc)
    }
}

struct ExactScorer(Box<dyn Scorer>);

impl DocSet for ExactScorer {
    fn advance(&mut self) -> DocId {
        self.0.advance()
    }

    fn seek(&mut self, target: DocId) -> DocId {
        self.0.seek(target)
    }

    fn doc(&self) -> DocId {
        self.0.doc()
    }

    fn size_hint(&self) -> u32 {
        self.0.size_hint()
    }

    fn cost(&self) -> u64 {
        self.0.cost()
    }
}

impl Scorer for ExactScorer {
    fn score(&mut self) -> Score {
        rounded(self.0.score())
    }
}

/// The nearest multiple of a part. `f32::round` would be a call of a function for each score, which was a fifth of
/// the time of a search for a common word.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "no score is negative or above 16,384; the cast saturates"
)]
fn rounded(score: Score) -> Score {
    ((score * PARTS + 0.5) as u32) as Score / PARTS
}
