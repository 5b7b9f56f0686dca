//! The whole payloads of one message, one for each edit: Discord stamps an edit, so its time is
//! its key. The newest is the message as it is; the others are its history.
//! What differs within one edit is no edit (a pin, an unfurled link, another source): the last observation stays.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::payload::Version;

/// The payloads of a message by the edit that they show; the original has no time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Versions(BTreeMap<Option<DateTime<Utc>>, Version>);

impl Versions {
    /// The message as it is now, if any payload was seen.
    #[must_use]
    pub fn current(&self) -> Option<&Version> {
        self.0.last_key_value().map(|(_, version)| version)
    }

    /// What it was before, oldest first.
    pub fn earlier(&self) -> impl Iterator<Item = &Version> {
        let all_but_one = self.0.len().saturating_sub(1);
        self.iter().take(all_but_one)
    }

    /// All, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Version> {
        self.0.values()
    }

    /// Whether no payload was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each edit of either, and of the same edit the payload that was observed last.
    #[must_use]
    pub fn join(mut self, other: Self) -> Self {
        for (edit, version) in other.0 {
            let later = match self.0.remove(&edit) {
                Some(known) => known.latest(version),
                None => version,
            };
            self.0.insert(edit, later);
        }
        self
    }
}

impl From<Version> for Versions {
    fn from(version: Version) -> Self {
        Self(BTreeMap::from([(version.body.edited_at, version)]))
    }
}

impl FromIterator<Version> for Versions {
    fn from_iter<I: IntoIterator<Item = Version>>(versions: I) -> Self {
        let each = versions.into_iter().map(Self::from);
        each.fold(Self::default(), Self::join)
    }
}
