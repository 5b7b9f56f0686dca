//! How far the index is: written into each of its commits, so that it can't say more than what it has.

use serde::{Deserialize, Serialize};

use super::fields::VERSION;
use crate::message::{GuildId, Month};
use crate::store::{Change, RecordState};

/// How far an index is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Of which record it is: revisions of another one mean nothing here.
    pub store_id: String,
    /// What is indexed, and how.
    pub version: u32,
    /// Everything up to this change is in it,
    pub revision: i64,
    /// and of its commit everything up to this message.
    pub message_id: i64,
    /// Of an index that has not all messages yet: how far the first reading got.
    pub filling: Option<Filling>,
}

/// How far the first reading got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filling {
    /// The last partition that is in the index, if there is one. They come in order; what changes
    /// meanwhile has a later revision than the mark, and comes afterwards.
    pub after: Option<(GuildId, Month)>,
}

impl Mark {
    /// That of an empty index which is to be filled from this state of the record on.
    pub(super) fn beginning(record: &RecordState) -> Self {
        Self {
            store_id: record.store_id.clone(),
            version: VERSION,
            revision: record.revision,
            message_id: i64::MAX,
            filling: Some(Filling::default()),
        }
    }

    /// As it stands in a commit, with a checksum: the file that holds it has none.
    pub(super) fn payload(&self) -> Result<String, serde_json::Error> {
        let mark = serde_json::to_string(self)?;
        Ok(format!("{:08x} {mark}", crc32fast::hash(mark.as_bytes())))
    }

    /// What stands in a commit; none if it is no mark.
    pub(super) fn from_payload(payload: &str) -> Option<Self> {
        let (checksum, mark) = payload.split_once(' ')?;
        let is_sound = u32::from_str_radix(checksum, 16).ok()? == crc32fast::hash(mark.as_bytes());
        serde_json::from_str(mark).ok().filter(|_| is_sound)
    }

    /// Up to which change everything is in.
    pub(super) fn change(&self) -> Change {
        Change {
            revision: self.revision,
            message_id: self.message_id,
        }
    }

    /// The last commit of the record that is in it whole.
    #[must_use]
    pub fn whole_revision(&self) -> i64 {
        if self.message_id == i64::MAX {
            self.revision
        } else {
            self.revision - 1
        }
    }

    /// Why an index of this mark is of no use for this record; none if it is.
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
