//! The deadline of a search, and walks over the index that check it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tantivy::Searcher;
use tantivy::TERMINATED;
use tantivy::TantivyError;
use tantivy::query::EnableScoring;
use tantivy::query::Query;

use super::error::{SearchError, TOO_LONG};
use super::fields::{Fields, column};

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

    /// A counter of steps that checks the deadline.
    pub(super) fn looks(&self) -> Looks<'_> {
        Looks {
            clock: self,
            unlooked: 0,
        }
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

    /// The authors of the messages that a query finds; if there are more than [`MAX_IDS_OF_NAME`], those with the
    /// smallest ids, so that it does not matter in which order the index has the messages.
    pub(super) fn distinct(
        &self,
        searcher: &Searcher,
        fields: &Fields,
        query: &dyn Query,
    ) -> Result<Vec<u64>, SearchError> {
        let weight = query.weight(EnableScoring::disabled_from_searcher(searcher))?;
        let mut values = BTreeSet::new();
        for segment in searcher.segment_readers() {
            let authors = column(fields, segment, fields.author)?;
            let mut docs = weight.scorer(segment, 1.0)?;
            let (mut doc, mut looks) = (docs.doc(), self.looks());
            while doc != TERMINATED {
                looks.count(1)?;
                // The replaced version of a message may have another author name.
                if !segment.is_deleted(doc) {
                    values.insert(authors.get_val(doc));
                    if values.len() > MAX_IDS_OF_NAME {
                        values.pop_last();
                    }
                }
                doc = docs.advance();
            }
        }
        Ok(values.into_iter().collect())
    }
}

/// Checks the deadline every [`LOOK_EVERY`] steps.
pub(super) struct Looks<'a> {
    clock: &'a Clock,
    unlooked: usize,
}

impl Looks<'_> {
    /// Counts steps.
    ///
    /// # Errors
    /// An error that becomes [`SearchError::TooLong`], if the deadline has passed or the caller has gone away.
    pub(super) fn count(&mut self, steps: usize) -> tantivy::Result<()> {
        self.unlooked += steps;
        if self.unlooked < LOOK_EVERY {
            return Ok(());
        }
        self.unlooked = 0;
        let looked = self.clock.look();
        looked.map_err(|_| TantivyError::SystemError(TOO_LONG.to_owned()))
    }
}
