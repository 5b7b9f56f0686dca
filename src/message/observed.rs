//! The time at which Discord showed something. Most changes of a message have no time of their own (pins,
//! reactions, flags, embeds, names), so the time of the observation decides which of two is later.

use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};

/// The time of an observation. The later one is the greater.
///
/// - A gateway frame has the time of its arrival and its sequence number in the session. The gateway sends
///   everything in order, so an event that is replayed after a RESUME counts as of its arrival. A dispatch with a
///   number that was already processed is a repetition: it counts as of the start of the session, and changes no
///   count.
/// - A history page has the time just before it was requested. An event that arrives while the page is on its
///   way is therefore later, and what the page shows of it counts once.
///
/// The times of one process never decrease and never repeat, even if a clock is set back
/// ([`crate::clock::Clock::stamp`]), and continue from the greatest time in the database. Two equal times (from
/// two databases or an import) are ordered by their source and then by the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Observed {
    /// The time by Discord's clock, in microseconds.
    #[serde(with = "chrono::serde::ts_microseconds")]
    pub at: DateTime<Utc>,
    /// The sequence number of the frame in its session; 0 outside of a session.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sequence: u64,
}

impl Observed {
    /// The time of a gateway frame.
    #[must_use]
    pub fn frame(at: DateTime<Utc>, sequence: u64) -> Self {
        Self {
            at: at.trunc_subsecs(6),
            sequence,
        }
    }

    /// The time of a history page, or of a file, that was requested at this time.
    #[must_use]
    pub fn asked(at: DateTime<Utc>) -> Self {
        Self::frame(at, 0)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
