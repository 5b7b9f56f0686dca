//! The watermark of the row store. It is a part of each batch, so it can't claim more than the row store contains.

use serde::{Deserialize, Serialize};

use crate::store::{Moment, StoreError, compact_form};

/// The watermark of a row store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The store id of the record: revisions of another record mean nothing here.
    pub store_id: String,
    /// The epoch of the record in which `reached` was issued: it tells whether the record went back since.
    pub epoch: String,
    /// Every change up to this revision is in the row store.
    pub revision: i64,
    /// No change after this revision is in the row store. It is greater than `revision` while the row store catches up
    /// in several batches.
    pub reached: i64,
    /// Whether rows were redacted since the row store was filled, so that earlier versions of them are in its files.
    pub is_redacted: bool,
    /// The form of the rows.
    pub form: u32,
}

impl Mark {
    /// The watermark of a row store that is filled from this moment.
    pub(super) fn at(moment: &Moment<'_>) -> Result<Self, StoreError> {
        let revision = moment.state().revision;
        Ok(Self {
            store_id: moment.state().store_id.clone(),
            epoch: moment.epoch()?,
            revision,
            reached: revision,
            is_redacted: false,
            form: compact_form(),
        })
    }

    /// Why a row store with this watermark can't be used for the record; none if it can.
    pub(super) fn misfit(&self, moment: &Moment<'_>) -> Result<Option<&'static str>, StoreError> {
        let record = moment.state();
        Ok(if self.form != compact_form() {
            Some("it has another version")
        } else if self.store_id != record.store_id {
            Some("it belongs to another database")
        } else if self.reached > record.revision {
            Some("it is newer than the database")
        } else if !moment.knows(&self.epoch, self.reached)? {
            Some("the database was restored to an earlier state")
        } else {
            None
        })
    }
}
