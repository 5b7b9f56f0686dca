//! The whole payloads of one message, one per edit. Discord timestamps edits, so the time of the edit is the
//! key. The newest payload is the current message; the others are its earlier versions. Differences within one
//! edit (a pin, an unfurled link, another source) are not edits: the last observation is kept.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::payload::Version;

/// The payloads of a message by the edit that they show; the original has no time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Versions(BTreeMap<Option<DateTime<Utc>>, Version>);

impl Versions {
    /// The current version of the message, if a payload was received.
    #[must_use]
    pub fn current(&self) -> Option<&Version> {
        self.0.last_key_value().map(|(_, version)| version)
    }

    /// The earlier versions, oldest first.
    pub fn earlier(&self) -> impl Iterator<Item = &Version> {
        let all_but_one = self.0.len().saturating_sub(1);
        self.iter().take(all_but_one)
    }

    /// All versions, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Version> {
        self.0.values()
    }

    /// Whether no payload was received.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The union of both; of two payloads of the same edit the one that was observed last.
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
