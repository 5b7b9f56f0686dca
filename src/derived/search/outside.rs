//! Tells which hits may have words of the query outside of their content, so that only the payloads of these
//! are read for highlights: reading one payload takes longer than everything else that a hit needs.

use tantivy::postings::Postings;
use tantivy::query::EnableScoring;
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, DocSet, SegmentReader, TantivyError, Term};

use super::compile::{begins_with, whole};
use super::fields::Place;
use super::find::Hit;
use super::highlight::Highlighter;
use super::text::{Phrase, count_stems};
use super::{SearchError, Searchable};

/// A hit in a segment: its document, its place in the list of hits, and its content.
type Here<'a> = (DocId, usize, &'a str);

impl Searchable {
    /// For each hit, which comes with its content: whether another text of the message may have highlights.
    /// Never false if one has. Blocks the calling thread.
    ///
    /// # Errors
    /// If the index can't be read.
    pub fn outside_content(
        &self,
        hits: &[(Hit, String)],
        highlighter: &Highlighter,
    ) -> Result<Vec<bool>, SearchError> {
        let wanted = &highlighter.wanted;
        let mut outside = vec![false; hits.len()];
        for (ordinal, segment) in self.searcher.segment_readers().iter().enumerate() {
            let of_segment = hits.iter().enumerate();
            let of_segment =
                of_segment.filter(|(_, (hit, _))| hit.address.segment_ord as usize == ordinal);
            let mut here: Vec<Here<'_>> = of_segment
                .map(|(at, (hit, content))| (hit.address.doc_id, at, content.as_str()))
                .collect();
            if here.is_empty() {
                continue;
            }
            // Postings are read forwards only.
            here.sort_unstable();
            self.words_outside(segment, &here, &wanted.phrases, &mut outside)?;
            self.stems_outside(segment, &here, &wanted.stems, &mut outside)?;
        }
        Ok(outside)
    }

    fn words_outside(
        &self,
        segment: &SegmentReader,
        here: &[Here<'_>],
        phrases: &[Phrase],
        outside: &mut [bool],
    ) -> Result<(), SearchError> {
        let others = Place::ALL.into_iter().filter(|it| *it != Place::Content);
        for field in others.map(|place| self.fields.text(place)) {
            for phrase in phrases {
                let mut words = self.words(segment, field, phrase)?;
                for (doc, at, _) in here {
                    outside[*at] |= words.iter_mut().all(|word| has(&mut **word, *doc));
                }
            }
        }
        Ok(())
    }

    /// Stems are not indexed by place: they are outside if all texts together have more of them than the content.
    fn stems_outside(
        &self,
        segment: &SegmentReader,
        here: &[Here<'_>],
        stems: &[String],
        outside: &mut [bool],
    ) -> Result<(), SearchError> {
        let in_content = here.iter();
        let mut surplus: Vec<i64> = in_content
            .map(|(_, _, content)| -count_stems(content, stems))
            .collect();
        for stem in stems {
            let term = Term::from_field_text(self.fields.stems, stem);
            let postings = segment
                .inverted_index(self.fields.stems)?
                .read_postings(&term, IndexRecordOption::WithFreqs)
                .map_err(TantivyError::from)?;
            let Some(mut postings) = postings else {
                continue;
            };
            for ((doc, _, _), surplus) in here.iter().zip(&mut surplus) {
                if has(&mut postings, *doc) {
                    *surplus += i64::from(postings.term_freq());
                }
            }
        }
        for ((_, at, _), surplus) in here.iter().zip(surplus) {
            outside[*at] |= surplus > 0;
        }
        Ok(())
    }

    /// The documents of each word of a phrase, in a field of a segment.
    fn words(
        &self,
        segment: &SegmentReader,
        field: Field,
        phrase: &Phrase,
    ) -> Result<Vec<Box<dyn DocSet>>, SearchError> {
        let last = phrase.tokens.len().saturating_sub(1);
        let words = phrase.tokens.iter().enumerate().map(|(at, token)| {
            let query = if phrase.is_prefix && at == last {
                begins_with(field, &token.text, 0.0)
            } else {
                whole(field, &token.text)
            };
            let weight = query.weight(EnableScoring::disabled_from_searcher(&self.searcher))?;
            let scorer: Box<dyn DocSet> = weight.scorer(segment, 1.0)?;
            Ok(scorer)
        });
        words.collect()
    }
}

/// Whether a document is one of these. Documents have to be asked for in ascending order.
fn has(docs: &mut dyn DocSet, doc: DocId) -> bool {
    if docs.doc() < doc {
        docs.seek(doc);
    }
    docs.doc() == doc
}
