//! The watermark of the index. It is a part of each commit of the index, so it can't claim more than the index
//! contains.

use serde::{Deserialize, Serialize};

use super::fields::VERSION;
use crate::message::{GuildId, Month};
use crate::store::{Change, RecordState};

/// The watermark of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The store id of the record: revisions of another record mean nothing here.
    pub store_id: String,
    /// The version of the fields and the text analysis.
    pub version: u32,
    /// Every change before this revision is in the index.
    pub revision: i64,
    /// Of the commit with this revision, every message up to this id is in the index.
    pub message_id: i64,
    /// For an index that does not contain all messages yet: how far the first fill got.
    pub filling: Option<Filling>,
}

/// How far the first fill got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filling {
    /// The last partition in the index, if there is one. Partitions are read in order. What changes meanwhile
    /// has a later revision than the watermark, and is applied afterwards.
    pub after: Option<(GuildId, Month)>,
}

impl Mark {
    /// The watermark of an empty index that will be filled from this state of the record.
    pub(super) fn beginning(record: &RecordState) -> Self {
        Self {
            store_id: record.store_id.clone(),
            version: VERSION,
            revision: record.revision,
            message_id: i64::MAX,
            filling: Some(Filling::default()),
        }
    }

    /// The watermark as the payload of a commit, with a checksum, because the file that contains it has none.
    pub(super) fn payload(&self) -> Result<String, serde_json::Error> {
        let mark = serde_json::to_string(self)?;
        Ok(format!("{:08x} {mark}", crc32fast::hash(mark.as_bytes())))
    }

    /// The watermark from the payload of a commit; none if it is not valid.
    pub(super) fn from_payload(payload: &str) -> Option<Self> {
        let (checksum, mark) = payload.split_once(' ')?;
        let is_sound = u32::from_str_radix(checksum, 16).ok()? == crc32fast::hash(mark.as_bytes());
        serde_json::from_str(mark).ok().filter(|_| is_sound)
    }

    /// The position in the change feed up to which the index contains everything.
    pub(super) fn change(&self) -> Change {
        Change {
            revision: self.revision,
            message_id: self.message_id,
        }
    }

    /// The last revision of the record that the index contains completely.
    #[must_use]
    pub fn whole_revision(&self) -> i64 {
        if self.message_id == i64::MAX {
            self.revision
        } else {
            self.revision - 1
        }
    }

    /// Why an index with this watermark can't be used for this record; none if it can.
    pub(super) fn misfit(&self, record: &RecordState) -> Option<&'static str> {
        if self.version != VERSION {
            Some("it has another version")
        } else if self.store_id != record.store_id {
            Some("it belongs to another database")
        } else if self.revision > record.revision {
            Some("it is newer than the database")
        } else {
            None
        }
    }
}
