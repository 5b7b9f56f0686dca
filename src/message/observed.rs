//! When Discord showed something. Most of what changes on a message has no time of its own (pins,
//! reactions, flags, embeds, names), so the time of the observation decides which of two is later.

use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};

/// The time of an observation. The later one is the greater.
///
/// - A frame of the socket has the time of its arrival and its sequence number in its session. The socket tells
///   everything in order, so an event that is replayed after a RESUME counts as news of its arrival. A dispatch whose
///   number was taken already is a repeat: it counts as of the session's beginning, and changes no count.
/// - A page of history has the time just before it was asked for. An event that comes while the page is on its way
///   is therefore the later one, and what the page shows of it counts once.
///
/// The times of one process never go back and never repeat, also when a clock is set back
/// ([`crate::clock::Clock::stamp`]), and go on from the greatest one in the record. Two that are equal all the same
/// (of two records, or of an import) are told apart by the source and then by the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Observed {
    /// When, by Discord's clock, to the microsecond.
    #[serde(with = "chrono::serde::ts_microseconds")]
    pub at: DateTime<Utc>,
    /// The frame's sequence number in its session; 0 for what no session told.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sequence: u64,
}

impl Observed {
    /// A frame of the socket.
    #[must_use]
    pub fn frame(at: DateTime<Utc>, sequence: u64) -> Self {
        Self {
            at: at.trunc_subsecs(6),
            sequence,
        }
    }

    /// A page of history, or a file, that was asked for at this time.
    #[must_use]
    pub fn asked(at: DateTime<Utc>) -> Self {
        Self::frame(at, 0)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
