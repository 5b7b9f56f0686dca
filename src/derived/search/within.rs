//! The messages that a limited reader may see, as sets of documents. Whatever a search counts or warns of is worked out
//! within them, so that nothing of it depends on other messages.

use std::collections::HashMap;
use std::sync::Arc;

use tantivy::index::SegmentId;
use tantivy::query::{
    BitSetDocSet, BooleanQuery, ConstScorer, EnableScoring, Explanation, Occur, Query, Scorer,
    TermSetQuery, Weight,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, DocSet, Score, Searcher, SegmentReader, TERMINATED, TantivyError, Term};
use tantivy_common::BitSet;

use super::SearchError;
use super::deadline::{Clock, LOOK_EVERY};
use super::fields::{Fields, Place};
use crate::guild::Reach;

/// The documents of a reach.
#[derive(Debug)]
pub(super) struct Within {
    segments: HashMap<SegmentId, BitSet>,
    /// How many there are, without those that were replaced.
    pub(super) documents: u64,
    /// How many tokens they have in each field with scores.
    tokens: HashMap<Field, u64>,
}

impl Within {
    /// Reads the documents of a reach, which does not have all.
    pub(super) fn read(
        searcher: &Searcher,
        fields: &Fields,
        reach: &Reach,
        clock: &Clock,
    ) -> Result<Self, SearchError> {
        let one_of = |field: Field, ids: Vec<i64>| -> (Occur, Box<dyn Query>) {
            let terms = ids.into_iter();
            let terms = terms.map(|id| Term::from_field_u64(field, id.cast_unsigned()));
            (Occur::Must, Box::new(TermSetQuery::new(terms)))
        };
        let guilds = reach.guilds().map(|guilds| {
            let ids = guilds.iter().map(|id| id.as_i64());
            one_of(fields.guild, ids.collect())
        });
        let channels = reach.channels().map(|channels| {
            let ids = channels.iter().map(|id| id.as_i64());
            one_of(fields.channel, ids.collect())
        });
        let query = BooleanQuery::new(guilds.into_iter().chain(channels).collect());
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
