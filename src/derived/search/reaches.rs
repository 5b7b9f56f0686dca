//! The documents of the last reaches that were asked for, kept for one commit of the index.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::SearchError;
use super::within::Within;
use crate::guild::Reach;

/// The maximum number of reaches whose documents are kept: a bit for each message.
const MAX_KEPT: usize = 8;

/// The documents of the last reaches.
#[derive(Default)]
pub(super) struct KnownReaches(Mutex<VecDeque<(Reach, Arc<Within>)>>);

impl KnownReaches {
    /// The documents of a reach, by `read` if they are not kept.
    pub(super) fn get(
        &self,
        reach: &Reach,
        read: impl FnOnce() -> Result<Within, SearchError>,
    ) -> Result<Arc<Within>, SearchError> {
        let known = {
            let kept = self.0.lock();
            let known = kept.iter().find(|(known, _)| known == reach);
            known.map(|(_, within)| Arc::clone(within))
        };
        if let Some(known) = known {
            return Ok(known);
        }
        let read = Arc::new(read()?);
        let mut kept = self.0.lock();
        if kept.len() >= MAX_KEPT {
            kept.pop_front();
        }
        kept.push_back((reach.clone(), Arc::clone(&read)));
        Ok(read)
    }
}
