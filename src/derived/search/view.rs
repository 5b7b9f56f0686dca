//! What is there to be searched now, for the API.

use std::sync::Arc;

use tantivy::Searcher;
use tokio::sync::{Notify, watch};

use super::fields::Fields;

/// The index for those who ask it. Cheap to clone.
#[derive(Clone)]
pub struct Search {
    pub(super) view: watch::Receiver<View>,
    pub(super) doubted: Arc<Notify>,
}

/// Whether there is anything to be searched.
#[derive(Clone, Default)]
pub(super) enum View {
    /// Not yet, or not now.
    #[default]
    NotReady,
    /// A commit of the index.
    Ready(Arc<Searchable>),
}

/// A commit of the index.
pub struct Searchable {
    pub(super) searcher: Searcher,
    pub(super) fields: Fields,
    /// The last revision of the record that is in it whole.
    pub revision: i64,
}

impl Search {
    /// One that is never ready: where there is no index.
    #[must_use]
    pub fn off() -> Self {
        Self {
            view: watch::Sender::new(View::NotReady).subscribe(),
            doubted: Arc::default(),
        }
    }

    /// What can be searched now; none while the index is checked or made.
    #[must_use]
    pub fn now(&self) -> Option<Arc<Searchable>> {
        match &*self.view.borrow() {
            View::NotReady => None,
            View::Ready(searchable) => Some(Arc::clone(searchable)),
        }
    }

    /// Has the files compared with their checksums: a search failed as it can't on sound ones.
    pub fn doubt(&self) {
        self.doubted.notify_one();
    }
}
