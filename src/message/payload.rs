//! A message payload: the exact text that Discord sent, and the few fields read out of it.
//! Our own minimal structs, so that a field nobody here knows can't make a message unreadable,
//! and so that nothing is lost: the text itself is kept byte for byte beside them.

use std::sync::Arc;

use super::Observed;
use super::body::Body;
use super::tally::Tally;

/// Where a payload came from, in rising order of fidelity: the socket sends more fields
/// (`guild_id`, `member`) than REST, and an import may have been rewritten by its exporter.
/// It decides only between two observations of one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Source {
    /// A file that another tool wrote.
    Import = 0,
    /// A page of history.
    Rest = 1,
    /// A frame of the socket.
    Gateway = 2,
}

impl Source {
    /// The source with this number in the record.
    #[must_use]
    pub fn from_u8(number: u8) -> Option<Self> {
        [Self::Import, Self::Rest, Self::Gateway]
            .into_iter()
            .find(|source| *source as u8 == number)
    }
}

/// Why a payload could not be read as a message.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PayloadError(#[from] serde_json::Error);

/// One whole payload of a message, with what was read from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// When Discord showed it.
    pub observed: Observed,
    /// Where the payload came from.
    pub source: Source,
    /// The payload as it was sent, byte for byte.
    pub raw: Arc<str>,
    /// What was read from `raw`; a pure function of it.
    pub body: Body,
}

impl Version {
    /// What decides between two payloads of one edit; the greater wins. The later observation; of one time the
    /// source that sends more; and at last the text itself, so that no two different payloads are equal.
    fn rank(&self) -> impl Ord + '_ {
        (self.observed, self.source, &self.raw)
    }

    /// The counts of reactions and votes that this payload tells, if it tells all of the message: without reactions
    /// in it there are none.
    #[must_use]
    pub fn counts(&self) -> (Tally, Tally) {
        let is_exact = self.source == Source::Gateway;
        let told = |counts| Tally::whole(self.observed, is_exact, counts);
        let votes = match (&self.body.votes, self.body.has_poll) {
            (Some(votes), _) => told(votes.clone()),
            // The socket tells of a new poll. What REST shows without results nobody knows.
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
