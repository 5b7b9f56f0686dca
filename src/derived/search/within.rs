//! The documents within a reach. A limited reader's search walks over these only, and everything that it counts is
//! counted in them: what lies outside of the reach must not show, neither by a number, nor by a score or a warning.
//!
//! The documents of a reach in a segment are a bit for each document. Segments never change, except that documents are
//! marked as replaced, so these bits are kept from search to search and from commit to commit.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tantivy::fieldnorm::FieldNormReader;
use tantivy::index::SegmentId;
use tantivy::postings::Postings;
use tantivy::query::{
    BooleanQuery, ConstScorer, EnableScoring, Explanation, Query, Scorer, Weight,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{
    BitSet, DocId, DocSet, InvertedIndexReader, Score, Searcher, SegmentReader, TERMINATED, Term,
};

use super::SearchError;
use super::deadline::Clock;
use super::deadline::Looks;
use super::fields::Fields;
use crate::guild::Reach;

/// The maximum size of all kept bits. A reach needs an eighth of a byte per message, whether it contains the message or
/// not.
const MAX_KEPT_BYTES: usize = 64 * 1024 * 1024;

/// The number of documents per bit of a reach from which on postings are read one after the other; with fewer bits,
/// the documents between two bits are skipped.
const DENSE: usize = 64;

/// The documents of a commit within a reach. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Within(Option<Arc<HashMap<SegmentId, Seen>>>);

/// The documents of a segment within a reach.
#[derive(Debug, Clone)]
struct Seen {
    of_segment: Arc<InSegment>,
    /// Those that were not replaced.
    alive: Arc<BitSet>,
}

/// The documents of a segment within a reach, replaced ones too.
#[derive(Debug)]
struct InSegment {
    documents: BitSet,
    /// The number of tokens of all of these documents, by field.
    tokens: Mutex<HashMap<Field, u64>>,
}

/// What is kept of the last reaches. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Reaches(Arc<Mutex<VecDeque<(Reach, Segments)>>>);

type Segments = HashMap<SegmentId, Arc<InSegment>>;

impl Reaches {
    /// The documents of a commit within a reach.
    pub(super) fn within(
        &self,
        reach: &Reach,
        searcher: &Searcher,
        fields: &Fields,
        clock: &Clock,
    ) -> Result<Within, SearchError> {
        if reach.is_everything() {
            return Ok(Within(None));
        }
        let known = self.take(reach);
        let mut segments = Segments::new();
        let mut seen = HashMap::new();
        for segment in searcher.segment_readers() {
            let id = segment.segment_id();
            let of_segment = match known.get(&id) {
                Some(known) => Arc::clone(known),
                None => Arc::new(InSegment::find(reach, segment, fields, clock)?),
            };
            segments.insert(id, Arc::clone(&of_segment));
            let mut alive = of_segment.documents.clone();
            if let Some(of_all) = segment.alive_bitset() {
                alive.intersect_update(of_all.bitset());
            }
            let alive = Arc::new(alive);
            seen.insert(id, Seen { of_segment, alive });
        }
        self.keep(reach, segments);
        Ok(Within(Some(Arc::new(seen))))
    }

    /// What is kept of a reach.
    fn take(&self, reach: &Reach) -> Segments {
        let kept = self.0.lock();
        let known = kept.iter().find(|(of, _)| of == reach);
        known.map(|(_, known)| known.clone()).unwrap_or_default()
    }

    /// Keeps what was found for a reach, without segments that no longer exist.
    fn keep(&self, reach: &Reach, segments: Segments) {
        let bytes = |segments: &Segments| segments.values().map(|it| it.bytes()).sum::<usize>();
        let mut kept = self.0.lock();
        kept.retain(|(of, _)| of != reach);
        kept.push_back((reach.clone(), segments));
        while kept.len() > 1 && kept.iter().map(|(_, it)| bytes(it)).sum::<usize>() > MAX_KEPT_BYTES
        {
            kept.pop_front();
        }
    }
}

impl Within {
    /// Whether these are all documents.
    pub(super) fn is_everything(&self) -> bool {
        self.0.is_none()
    }

    /// Finds these documents; none if they are all documents.
    pub(super) fn query(&self) -> Option<Box<dyn Query>> {
        let query = self.0.is_some().then(|| self.clone());
        query.map(|query| Box::new(query) as Box<dyn Query>)
    }

    /// A query that finds only these documents.
    pub(super) fn only(&self, query: Box<dyn Query>) -> Box<dyn Query> {
        match self.query() {
            None => query,
            Some(within) => Box::new(BooleanQuery::intersection(vec![within, query])),
        }
    }

    /// Whether a document that was not replaced is one of these.
    pub(super) fn has(&self, segment: &SegmentReader, document: DocId) -> bool {
        match self.seen(segment) {
            None => self.is_everything(),
            Some(seen) => seen.alive.contains(document),
        }
    }

    /// The number of these documents; none if they are all documents.
    pub(super) fn documents(&self) -> Option<u64> {
        let seen = self.0.as_ref()?.values();
        Some(seen.map(|seen| seen.alive.len() as u64).sum())
    }

    /// The number of these documents with a term; none if they are all documents.
    pub(super) fn doc_freq(
        &self,
        searcher: &Searcher,
        term: &Term,
        clock: &Clock,
    ) -> Option<tantivy::Result<u64>> {
        self.sum(searcher, |segment, seen| {
            let index = segment.inverted_index(term.field())?;
            let postings = index.read_postings(term, IndexRecordOption::Basic)?;
            postings.map_or(Ok(0), |postings| {
                common(postings, &seen.alive, &mut clock.looks())
            })
        })
    }

    /// The number of tokens in a field of these documents; none if they are all documents. A document's number is as
    /// exact as its score knows it, which is up to 40 tokens exactly and then in steps.
    pub(super) fn tokens(
        &self,
        searcher: &Searcher,
        field: Field,
        clock: &Clock,
    ) -> Option<tantivy::Result<u64>> {
        self.sum(searcher, |segment, seen| {
            let Some(norms) = segment.fieldnorms_readers().get_field(field)? else {
                return Ok(0);
            };
            let mut looks = clock.looks();
            let documents = &seen.of_segment.documents;
            let known = seen.of_segment.tokens.lock().get(&field).copied();
            let of_all = match known {
                Some(known) => known,
                None => {
                    let found = tokens(&norms, documents, |word, _| word, &mut looks)?;
                    seen.of_segment.tokens.lock().insert(field, found);
                    found
                }
            };
            // Few documents are replaced, so they are counted each time.
            let replaced = |of_all, bucket| of_all & !word(&seen.alive, bucket);
            Ok(of_all - tokens(&norms, documents, replaced, &mut looks)?)
        })
    }

    fn sum(
        &self,
        searcher: &Searcher,
        of: impl Fn(&SegmentReader, &Seen) -> tantivy::Result<u64>,
    ) -> Option<tantivy::Result<u64>> {
        self.0.as_ref()?;
        let segments = searcher.segment_readers().iter();
        let known = segments.filter_map(|segment| Some((segment, self.seen(segment)?)));
        Some(known.map(|(segment, seen)| of(segment, seen)).sum())
    }

    fn seen(&self, segment: &SegmentReader) -> Option<&Seen> {
        self.0.as_ref()?.get(&segment.segment_id())
    }
}

impl InSegment {
    fn find(
        reach: &Reach,
        segment: &SegmentReader,
        fields: &Fields,
        clock: &Clock,
    ) -> Result<Self, SearchError> {
        let mut looks = clock.looks();
        let of_guilds = reach.guilds().map(|guilds| {
            let guilds = guilds.iter().map(|id| id.as_i64().cast_unsigned());
            with_any(segment, fields.guild, guilds, None, &mut looks)
        });
        let of_guilds = of_guilds.transpose()?;
        let of_channels = reach.channels().map(|channels| {
            let channels = channels.iter().map(|id| id.as_i64().cast_unsigned());
            let of_guilds = of_guilds.as_ref();
            with_any(segment, fields.channel, channels, of_guilds, &mut looks)
        });
        let documents = match of_channels.transpose()?.or(of_guilds) {
            Some(documents) => documents,
            None => BitSet::with_max_value_and_full(segment.max_doc()),
        };
        let tokens = Mutex::default();
        Ok(Self { documents, tokens })
    }

    fn bytes(&self) -> usize {
        self.documents.max_value() as usize / 8
    }
}

/// The documents of a segment with any of these values, among `others` if there are any.
fn with_any(
    segment: &SegmentReader,
    field: Field,
    values: impl Iterator<Item = u64>,
    others: Option<&BitSet>,
    looks: &mut Looks<'_>,
) -> Result<BitSet, SearchError> {
    let mut documents = BitSet::with_max_value(segment.max_doc());
    let index: Arc<InvertedIndexReader> = segment.inverted_index(field)?;
    for value in values {
        looks.count(1)?;
        let term = Term::from_field_u64(field, value);
        let postings = index.read_postings(&term, IndexRecordOption::Basic);
        let Some(mut postings) = postings.map_err(tantivy::TantivyError::from)? else {
            continue;
        };
        let mut document = postings.doc();
        while document != TERMINATED {
            looks.count(1)?;
            if others.is_none_or(|others| others.contains(document)) {
                documents.insert(document);
            }
            document = postings.advance();
        }
    }
    Ok(documents)
}

/// The number of documents that are in both.
fn common(
    mut postings: impl Postings,
    documents: &BitSet,
    looks: &mut Looks<'_>,
) -> tantivy::Result<u64> {
    let is_dense = documents.len() * DENSE > documents.max_value() as usize;
    let mut count = 0;
    let mut document = postings.doc();
    while document != TERMINATED {
        looks.count(1)?;
        let next = first_from(documents, document);
        count += u64::from(next == document);
        document = if is_dense || next == document {
            postings.advance()
        } else if next == TERMINATED {
            break;
        } else {
            postings.seek(next)
        };
    }
    Ok(count)
}

/// The tokens of the documents that `of` leaves of the words of a set of documents.
fn tokens(
    norms: &FieldNormReader,
    documents: &BitSet,
    of: impl Fn(u64, u32) -> u64,
    looks: &mut Looks<'_>,
) -> tantivy::Result<u64> {
    let mut tokens = 0;
    for bucket in 0..documents.max_value().div_ceil(u64::BITS) {
        let mut left = of(word(documents, bucket), bucket);
        looks.count(1 + left.count_ones() as usize)?;
        while left != 0 {
            let document = bucket * u64::BITS + left.trailing_zeros();
            tokens += u64::from(norms.fieldnorm(document));
            left &= left - 1;
        }
    }
    Ok(tokens)
}

/// The bits of 64 documents.
fn word(documents: &BitSet, bucket: u32) -> u64 {
    u64::from_le_bytes(documents.tinyset(bucket).into_bytes())
}

/// The first of these documents from `target` on.
fn first_from(documents: &BitSet, target: DocId) -> DocId {
    if target >= documents.max_value() {
        return TERMINATED;
    }
    let bucket = target / u64::BITS;
    let here = word(documents, bucket) >> (target % u64::BITS);
    if here != 0 {
        return target + here.trailing_zeros();
    }
    let bucket = documents.first_non_empty_bucket(bucket + 1);
    bucket.map_or(TERMINATED, |bucket| {
        bucket * u64::BITS + word(documents, bucket).trailing_zeros()
    })
}

/// Finds the documents within the reach. They have no score.
impl Query for Within {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for Within {
    fn scorer(&self, segment: &SegmentReader, _: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let documents = match self.seen(segment) {
            Some(seen) => Arc::clone(&seen.alive),
            None if self.is_everything() => {
                Arc::new(BitSet::with_max_value_and_full(segment.max_doc()))
            }
            // A segment of another commit.
            None => Arc::new(BitSet::with_max_value(segment.max_doc())),
        };
        Ok(Box::new(ConstScorer::new(Documents::new(documents), 0.0)))
    }

    fn explain(&self, _: &SegmentReader, _: DocId) -> tantivy::Result<Explanation> {
        Ok(Explanation::new("within the reach", 0.0))
    }
}

/// A set of documents in their order.
struct Documents {
    documents: Arc<BitSet>,
    count: u32,
    document: DocId,
}

impl Documents {
    fn new(documents: Arc<BitSet>) -> Self {
        Self {
            count: u32::try_from(documents.len()).unwrap_or(u32::MAX),
            document: first_from(&documents, 0),
            documents,
        }
    }
}

impl DocSet for Documents {
    fn advance(&mut self) -> DocId {
        if self.document != TERMINATED {
            self.document = first_from(&self.documents, self.document + 1);
        }
        self.document
    }

    fn seek(&mut self, target: DocId) -> DocId {
        self.document = first_from(&self.documents, target);
        self.document
    }

    fn doc(&self) -> DocId {
        self.document
    }

    fn size_hint(&self) -> u32 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_over_the_documents_of_a_set_finds_each_and_skips_to_any() {
        for count in [1, 63, 64, 65, 129, 500] {
            for step in [1, 7, 64, 100] {
                let mut documents = BitSet::with_max_value(count);
                let expected: Vec<_> = (0..count).step_by(step).collect();
                for document in &expected {
                    documents.insert(*document);
                }
                let documents = Arc::new(documents);
                let mut walk = Documents::new(Arc::clone(&documents));
                let mut found = Vec::new();
                while walk.doc() != TERMINATED {
                    found.push(walk.doc());
                    walk.advance();
                }
                assert_eq!(found, expected, "{count} {step}");
                assert_eq!(walk.advance(), TERMINATED);
                for target in 0..=count {
                    let next = expected.iter().find(|document| **document >= target);
                    let mut walk = Documents::new(Arc::clone(&documents));
                    assert_eq!(walk.seek(target), next.copied().unwrap_or(TERMINATED));
                }
                assert_eq!(walk.seek(TERMINATED), TERMINATED);
            }
        }
    }
}
