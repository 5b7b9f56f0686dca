//! The part of the index that can be searched now, for the API.

use std::sync::Arc;

use tantivy::Searcher;
use tokio::sync::{Notify, watch};

use super::fields::Fields;
use super::within::Reaches;

/// Access to the index. Cheap to clone.
#[derive(Clone)]
pub struct Search {
    pub(super) view: watch::Receiver<View>,
    pub(super) doubted: Arc<Notify>,
}

/// Whether there is an index to search.
#[derive(Clone, Default)]
pub(super) enum View {
    /// The index is not ready yet, or not at the moment.
    #[default]
    NotReady,
    /// A commit of the index.
    Ready(Arc<Searchable>),
}

/// A commit of the index.
pub struct Searchable {
    pub(super) searcher: Searcher,
    pub(super) fields: Fields,
    pub(super) reaches: Reaches,
    /// The last revision of the record that the commit contains completely.
    pub revision: i64,
}

impl Search {
    /// An index that is never ready, for a service without search.
    #[must_use]
    pub fn off() -> Self {
        Self {
            view: watch::Sender::new(View::NotReady).subscribe(),
            doubted: Arc::default(),
        }
    }

    /// The present commit of the index; none while the index is checked or built.
    #[must_use]
    pub fn now(&self) -> Option<Arc<Searchable>> {
        match &*self.view.borrow() {
            View::NotReady => None,
            View::Ready(searchable) => Some(Arc::clone(searchable)),
        }
    }

    /// Has all files compared with their checksums, after a search failed in a way that intact files exclude.
    pub fn doubt(&self) {
        self.doubted.notify_one();
    }
}
