//! Phrases whose last word is a prefix, for limited readers. tantivy's own query for them refuses prefixes with many
//! words, and counts the words of all messages for that: it would tell how many words begin so outside of the reach.
//! This one looks at one word after the other, which takes longer but has no limit other than the deadline.

use tantivy::postings::{Postings, SegmentPostings};
use tantivy::query::{
    BitSetDocSet, ConstScorer, EnableScoring, Explanation, Query, Scorer, Weight,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{BitSet, DocId, DocSet, InvertedIndexReader, Score, SegmentReader, TERMINATED, Term};

use super::deadline::{Clock, Looks};
use super::text::TypedToken;
use super::within::Within;

/// A phrase of one or more words and the beginning of a word. Its hits have the score 1.
#[derive(Debug, Clone)]
pub(super) struct PrefixPhrase {
    field: Field,
    /// The words, and how far each is before the beginning.
    words: Vec<(u32, Term)>,
    beginning: String,
    within: Within,
    clock: Clock,
}

impl PrefixPhrase {
    pub(super) fn new(
        field: Field,
        words: &[TypedToken],
        beginning: &TypedToken,
        within: Within,
        clock: Clock,
    ) -> Self {
        let words = words.iter().map(|word| {
            let before = beginning.position.saturating_sub(word.position);
            let before = u32::try_from(before).unwrap_or(u32::MAX);
            (before, Term::from_field_text(field, &word.text))
        });
        Self {
            field,
            words: words.collect(),
            beginning: beginning.text.clone(),
            within,
            clock,
        }
    }

    /// The documents of a segment with the phrase.
    fn documents(&self, segment: &SegmentReader) -> tantivy::Result<BitSet> {
        let mut found = BitSet::with_max_value(segment.max_doc());
        let mut looks = self.clock.looks();
        let index = segment.inverted_index(self.field)?;
        let candidates = self.candidates(segment, &index, &mut looks)?;
        if candidates.len() == 0 {
            return Ok(found);
        }
        let beginning = self.beginning.as_bytes();
        let mut terms = index.terms().range().ge(beginning).into_stream()?;
        while terms.advance() && terms.key().starts_with(beginning) {
            let positions = IndexRecordOption::WithFreqsAndPositions;
            let mut last = index.read_postings_from_terminfo(terms.value(), positions)?;
            // The words before it, from their first document on. They are opened only if they are needed.
            let mut before: Option<Vec<(u32, SegmentPostings)>> = None;
            let mut document = last.doc();
            while document != TERMINATED {
                looks.count(1)?;
                if candidates.contains(document) && !found.contains(document) {
                    let before = match &mut before {
                        Some(before) => before,
                        None => before.insert(self.words(&index, positions)?),
                    };
                    if follows(&mut last, before, document) {
                        found.insert(document);
                    }
                }
                document = last.advance();
            }
            looks.count(1)?;
        }
        Ok(found)
    }

    /// The documents within the reach with all of the words.
    fn candidates(
        &self,
        segment: &SegmentReader,
        index: &InvertedIndexReader,
        looks: &mut Looks<'_>,
    ) -> tantivy::Result<BitSet> {
        let mut candidates = BitSet::with_max_value(segment.max_doc());
        let mut words = self.words(index, IndexRecordOption::Basic)?;
        if words.len() < self.words.len() {
            return Ok(candidates);
        }
        let mut document = 0;
        while document != TERMINATED {
            looks.count(1)?;
            let furthest = words.iter_mut().map(|(_, word)| seek(word, document)).max();
            let furthest = furthest.unwrap_or(TERMINATED);
            if furthest > document {
                document = furthest;
                continue;
            }
            if self.within.has(segment, document) {
                candidates.insert(document);
            }
            document += 1;
        }
        Ok(candidates)
    }

    /// The postings of the words that the segment has.
    fn words(
        &self,
        index: &InvertedIndexReader,
        option: IndexRecordOption,
    ) -> tantivy::Result<Vec<(u32, SegmentPostings)>> {
        let words = self.words.iter().map(|(before, word)| {
            let postings = index.read_postings(word, option)?;
            Ok(postings.map(|postings| (*before, postings)))
        });
        words.filter_map(Result::transpose).collect()
    }
}

/// Whether in a document the last word stands behind the words before it.
fn follows(
    last: &mut SegmentPostings,
    before: &mut [(u32, SegmentPostings)],
    document: DocId,
) -> bool {
    let mut places = Vec::new();
    last.positions(&mut places);
    let mut of_word = Vec::new();
    for (distance, word) in before {
        if seek(word, document) != document {
            return false;
        }
        word.positions_with_offset(*distance, &mut of_word);
        places.retain(|place| of_word.binary_search(place).is_ok());
    }
    !places.is_empty()
}

/// The first document from `target` on. Postings are read forwards only.
fn seek(postings: &mut SegmentPostings, target: DocId) -> DocId {
    if postings.doc() < target {
        postings.seek(target);
    }
    postings.doc()
}

impl Query for PrefixPhrase {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for PrefixPhrase {
    fn scorer(&self, segment: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let documents = BitSetDocSet::from(self.documents(segment)?);
        Ok(Box::new(ConstScorer::new(documents, boost)))
    }

    fn explain(&self, _: &SegmentReader, _: DocId) -> tantivy::Result<Explanation> {
        Ok(Explanation::new("a phrase with a prefix", 1.0))
    }
}
