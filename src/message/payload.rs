//! A message payload: the exact text that Discord sent, and the few fields that are parsed from it. The structs
//! are minimal, so that an unknown field can't make a message unreadable. Nothing is lost, because the text
//! itself is stored byte for byte.

use std::sync::Arc;

use super::Observed;
use super::body::Body;
use super::tally::Tally;

/// Where a payload came from, in rising order of fidelity: the gateway sends more fields (`guild_id`, `member`)
/// than REST, and an import may have been rewritten by its exporter. The source only decides between two
/// observations of the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Source {
    /// A file of another tool.
    Import = 0,
    /// A history page (REST).
    Rest = 1,
    /// A gateway frame.
    Gateway = 2,
}

impl Source {
    /// The source with this number in the database.
    #[must_use]
    pub fn from_u8(number: u8) -> Option<Self> {
        [Self::Import, Self::Rest, Self::Gateway]
            .into_iter()
            .find(|source| *source as u8 == number)
    }
}

/// Why a payload could not be parsed as a message.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PayloadError(#[from] serde_json::Error);

/// A whole payload of a message, with the fields that were parsed from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// When Discord showed the payload.
    pub observed: Observed,
    /// Where the payload came from.
    pub source: Source,
    /// The payload exactly as it was sent, byte for byte.
    pub raw: Arc<str>,
    /// The parsed fields; a pure function of `raw`.
    pub body: Body,
}

impl Version {
    /// The order of two payloads of one edit; the greater one wins: the later observation, at the same time the
    /// source that sends more, and finally the text itself, so that no two different payloads are equal.
    fn rank(&self) -> impl Ord + '_ {
        (self.observed, self.source, &self.raw)
    }

    /// The counts of reactions and votes in this payload, if it is whole: then an absent field means that there
    /// are none.
    #[must_use]
    pub fn counts(&self) -> (Tally, Tally) {
        let is_exact = self.source == Source::Gateway;
        let told = |counts| Tally::whole(self.observed, is_exact, counts);
        let votes = match (&self.body.votes, self.body.has_poll) {
            (Some(votes), _) => told(votes.clone()),
            // The gateway sends a new poll without votes. For REST, a poll without results means that the votes
            // are not known.
            (None, true) if is_exact => told(Vec::new()),
            (None, _) => Tally::default(),
        };
        (told(self.body.reactions.clone()), votes)
    }

    /// The later of two payloads of one edit.
    pub(super) fn latest(self, other: Self) -> Self {
        if self.rank() >= other.rank() {
            self
        } else {
            other
        }
    }
}
