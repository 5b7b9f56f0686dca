//! The deadline of a search, and walks over the index that check it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tantivy::Searcher;
use tantivy::TERMINATED;
use tantivy::query::EnableScoring;
use tantivy::query::Query;

use super::column::column;
use super::error::SearchError;
use super::fields::Fields;

/// The number of messages between two checks of the deadline.
pub(super) const LOOK_EVERY: usize = 4_096;

/// The maximum number of users that one name can stand for.
pub(super) const MAX_IDS_OF_NAME: usize = 1_000;

/// Ends a search at a time, or when its caller goes away.
#[derive(Debug, Clone)]
pub struct Clock {
    deadline: Instant,
    left: Arc<AtomicBool>,
}

/// Ends the search when dropped.
#[must_use]
pub struct LeaveOnDrop(Arc<AtomicBool>);

impl Drop for LeaveOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Clock {
    /// A deadline, and a guard that ends the search earlier when it is dropped.
    pub fn until(deadline: Instant) -> (Self, LeaveOnDrop) {
        let left = Arc::new(AtomicBool::new(false));
        let clock = Self {
            deadline,
            left: Arc::clone(&left),
        };
        (clock, LeaveOnDrop(left))
    }

    /// Checks the deadline.
    ///
    /// # Errors
    /// [`SearchError::TooLong`] if the deadline has passed or the caller has gone away.
    pub fn look(&self) -> Result<(), SearchError> {
        if self.left.load(Ordering::Relaxed) || Instant::now() >= self.deadline {
            return Err(SearchError::TooLong);
        }
        Ok(())
    }

    /// Whether a query finds at least one message.
    pub(super) fn finds_any(
        &self,
        searcher: &Searcher,
        query: &dyn Query,
    ) -> Result<bool, SearchError> {
        let weight = query.weight(EnableScoring::disabled_from_searcher(searcher))?;
        for segment in searcher.segment_readers() {
            self.look()?;
            let mut docs = weight.scorer(segment, 1.0)?;
            while docs.doc() != TERMINATED {
                if !segment.is_deleted(docs.doc()) {
                    return Ok(true);
                }
                docs.advance();
            }
        }
        Ok(false)
    }

    /// The authors of the messages that a query finds, at most [`MAX_IDS_OF_NAME`].
    pub(super) fn distinct(
        &self,
        searcher: &Searcher,
        fields: &Fields,
        query: &dyn Query,
    ) -> Result<Vec<u64>, SearchError> {
        let weight = query.weight(EnableScoring::disabled_from_searcher(searcher))?;
        let mut values = HashSet::new();
        for segment in searcher.segment_readers() {
            let authors = column(fields, segment, fields.author)?;
            let mut docs = weight.scorer(segment, 1.0)?;
            let (mut doc, mut seen) = (docs.doc(), 0_usize);
            while doc != TERMINATED && values.len() < MAX_IDS_OF_NAME {
                seen += 1;
                if seen.is_multiple_of(LOOK_EVERY) {
                    self.look()?;
                }
                // The replaced version of a message may have another author name.
                if !segment.is_deleted(doc) {
                    values.insert(authors.get_val(doc));
                }
                doc = docs.advance();
            }
        }
        Ok(values.into_iter().collect())
    }
}
