//! The part of the index that can be searched now, for the API.

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

    /// The channel of a message, if the index contains the message. Blocks the calling thread.
    #[must_use]
    pub fn channel_of(&self, id: MessageId) -> Option<ChannelId> {
        let index = self.now()?;
        // tantivy panics on files with unexpected contents.
        let found = panic::catch_unwind(AssertUnwindSafe(|| index.channel_of(id)));
        let Ok(Ok(channel)) = found else {
            self.doubt();
            return None;
        };
        channel
    }

    /// Has all files compared with their checksums, after a search failed in a way that intact files exclude.
    pub fn doubt(&self) {
        self.doubted.notify_one();
    }
}

impl Searchable {
    /// A message never changes its channel, so a replaced document has the right channel too.
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

/// The values of a numeric field in a segment.
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

/// Converts an id of the index.
pub(super) fn known<T: TryFrom<u64>>(id: u64) -> Result<T, SearchError> {
    T::try_from(id).map_err(|_| SearchError::Damaged(format!("{id} is not a valid snowflake")))
}
