//! What is there to be searched now, for the API.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use tantivy::columnar::ColumnValues;
use tantivy::schema::Field;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet, Searcher, SegmentReader, TERMINATED, TantivyError, Term};
use tokio::sync::{Notify, watch};

use super::SearchError;
use super::fields::Fields;
use crate::message::{ChannelId, MessageId};

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

    /// The channel of a message, if the index has it. For a thread that may wait.
    #[must_use]
    pub fn channel_of(&self, id: MessageId) -> Option<ChannelId> {
        let index = self.now()?;
        // tantivy panics on files that are not what they were written as.
        let found = panic::catch_unwind(AssertUnwindSafe(|| index.channel_of(id)));
        let Ok(Ok(channel)) = found else {
            self.doubt();
            return None;
        };
        channel
    }

    /// Has the files compared with their checksums: a search failed as it can't on sound ones.
    pub fn doubt(&self) {
        self.doubted.notify_one();
    }
}

impl Searchable {
    /// A message never leaves its channel, so a document that was replaced tells it too.
    fn channel_of(&self, id: MessageId) -> Result<Option<ChannelId>, SearchError> {
        let id = Term::from_field_u64(self.fields.id, id.as_i64().cast_unsigned());
        for segment in self.searcher.segment_readers() {
            if let Some(channel) = self.channel_in(segment, &id)? {
                return Ok(Some(channel));
            }
        }
        Ok(None)
    }

    fn channel_in(
        &self,
        segment: &SegmentReader,
        id: &Term,
    ) -> Result<Option<ChannelId>, SearchError> {
        let ids = segment.inverted_index(self.fields.id)?;
        let documents = ids.read_postings(id, IndexRecordOption::Basic);
        let Some(documents) = documents.map_err(TantivyError::from)? else {
            return Ok(None);
        };
        let document = documents.doc();
        if document == TERMINATED {
            return Ok(None);
        }
        let channel = column(&self.fields, segment, self.fields.channel)?.get_val(document);
        known(channel).map(Some)
    }
}

/// A column of numbers.
pub(super) fn column(
    fields: &Fields,
    segment: &SegmentReader,
    field: Field,
) -> Result<Arc<dyn ColumnValues<u64>>, SearchError> {
    let column = segment
        .fast_fields()
        .u64(fields.schema.get_field_name(field))?;
    Ok(column.first_or_default_col(0))
}

/// An id of the index.
pub(super) fn known<T: TryFrom<u64>>(id: u64) -> Result<T, SearchError> {
    T::try_from(id).map_err(|_| SearchError::Damaged(format!("{id} is not a valid snowflake")))
}
