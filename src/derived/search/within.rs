//! The messages that a limited reader may see, as sets of documents. Whatever a search counts or warns of is worked out
//! within them, so that nothing of it depends on other messages.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tantivy::index::SegmentId;
use tantivy::query::{
    BitSetDocSet, ConstScorer, EnableScoring, Explanation, Occur, Query, Scorer, Weight,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, DocSet, Score, Searcher, SegmentReader, TERMINATED, TantivyError, Term};
use tantivy_common::BitSet;

use super::compile::{all, numbers};
use super::deadline::{Clock, LOOK_EVERY};
use super::fields::{Fields, Place};
use super::{SearchError, Searchable};
use crate::guild::Reach;

/// The maximum number of reaches whose documents are kept for one commit of the index: a bit for each message.
const MAX_KEPT: usize = 8;

/// The documents of a reach.
#[derive(Debug)]
pub(super) struct Within {
    segments: HashMap<SegmentId, BitSet>,
    /// How many there are, without those that were replaced.
    pub(super) documents: u64,
    /// How many tokens they have in each field with scores.
    tokens: HashMap<Field, u64>,
}

/// The documents of the last reaches that were asked for.
#[derive(Default)]
pub(super) struct KnownReaches(Mutex<VecDeque<(Reach, Arc<Within>)>>);

impl Searchable {
    /// The documents of a reach; none if it has all.
    pub(super) fn within(
        &self,
        reach: &Reach,
        clock: &Clock,
    ) -> Result<Option<Arc<Within>>, SearchError> {
        if reach.is_everything() {
            return Ok(None);
        }
        let known = |kept: &VecDeque<(Reach, Arc<Within>)>| {
            let found = kept.iter().find(|(known, _)| known == reach)?;
            Some(Arc::clone(&found.1))
        };
        if let Some(known) = known(&self.reaches.0.lock()) {
            return Ok(Some(known));
        }
        let read = Arc::new(Within::read(&self.searcher, &self.fields, reach, clock)?);
        let mut kept = self.reaches.0.lock();
        if kept.len() >= MAX_KEPT {
            kept.pop_front();
        }
        kept.push_back((reach.clone(), Arc::clone(&read)));
        Ok(Some(read))
    }
}

impl Within {
    fn read(
        searcher: &Searcher,
        fields: &Fields,
        reach: &Reach,
        clock: &Clock,
    ) -> Result<Self, SearchError> {
        let ids = |ids: Vec<i64>| ids.into_iter().map(i64::cast_unsigned).collect();
        let guilds = reach.guilds().map(|guilds| {
            let guilds = guilds.iter().map(|id| id.as_i64()).collect();
            numbers(fields.guild, ids(guilds))
        });
        let channels = reach.channels().map(|channels| {
            let channels = channels.iter().map(|id| id.as_i64()).collect();
            numbers(fields.channel, ids(channels))
        });
        let parts = guilds.into_iter().chain(channels);
        let query = all(parts.map(|query| (Occur::Must, query)).collect());
        let weight = query.weight(EnableScoring::disabled_from_searcher(searcher))?;
        let scored: Vec<Field> = Place::ALL
            .into_iter()
            .map(|place| fields.text(place))
            .chain([fields.stems])
            .collect();
        let mut within = Self {
            segments: HashMap::new(),
            documents: 0,
            tokens: scored.iter().map(|field| (*field, 0)).collect(),
        };
        for segment in searcher.segment_readers() {
            let mut documents = BitSet::with_max_value(segment.max_doc());
            let lengths = scored
                .iter()
                .map(|field| segment.get_fieldnorms_reader(*field));
            let lengths = lengths.collect::<Result<Vec<_>, _>>()?;
            let mut found = weight.scorer(segment, 1.0)?;
            let (mut doc, mut seen) = (found.doc(), 0_usize);
            while doc != TERMINATED {
                seen += 1;
                if seen.is_multiple_of(LOOK_EVERY) {
                    clock.look()?;
                }
                if !segment.is_deleted(doc) {
                    documents.insert(doc);
                    within.documents += 1;
                    for (field, lengths) in scored.iter().zip(&lengths) {
                        let length = u64::from(lengths.fieldnorm(doc));
                        *within.tokens.entry(*field).or_default() += length;
                    }
                }
                doc = found.advance();
            }
            within.segments.insert(segment.segment_id(), documents);
        }
        Ok(within)
    }

    /// How many tokens these documents have in a field, by the rounded lengths from which scores are computed.
    pub(super) fn tokens(&self, field: Field) -> u64 {
        self.tokens.get(&field).copied().unwrap_or_default()
    }

    /// How many of these documents have a term.
    pub(super) fn doc_freq(
        &self,
        searcher: &Searcher,
        term: &Term,
        clock: &Clock,
    ) -> Result<u64, SearchError> {
        let mut count = 0;
        for segment in searcher.segment_readers() {
            let Some(documents) = self.segments.get(&segment.segment_id()) else {
                continue;
            };
            let index = segment.inverted_index(term.field())?;
            let postings = index
                .read_postings(term, IndexRecordOption::Basic)
                .map_err(TantivyError::from)?;
            let Some(mut postings) = postings else {
                continue;
            };
            let (mut doc, mut seen) = (postings.doc(), 0_usize);
            while doc != TERMINATED {
                seen += 1;
                if seen.is_multiple_of(LOOK_EVERY) {
                    clock.look()?;
                }
                count += u64::from(documents.contains(doc));
                doc = postings.advance();
            }
        }
        Ok(count)
    }
}

/// Finds the documents of a reach. It has no score.
#[derive(Debug, Clone)]
pub(super) struct IsWithin(pub(super) Arc<Within>);

impl Query for IsWithin {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for IsWithin {
    fn scorer(&self, segment: &SegmentReader, _: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let documents = self.0.segments.get(&segment.segment_id());
        let documents = documents.cloned();
        let documents = documents.unwrap_or_else(|| BitSet::with_max_value(segment.max_doc()));
        Ok(Box::new(ConstScorer::new(
            BitSetDocSet::from(documents),
            0.0,
        )))
    }

    fn explain(&self, segment: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        let documents = self.0.segments.get(&segment.segment_id());
        if documents.is_some_and(|documents| documents.contains(doc)) {
            return Ok(Explanation::new("a document of the reach", 0.0));
        }
        let reason = format!("the document {doc} is outside of the reach");
        Err(TantivyError::InvalidArgument(reason))
    }
}
