//! What a run counts.

use std::collections::BTreeMap;
use std::fmt;

use super::kind::Kind;
use super::life::Done;

/// The counts of a run.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) outages: BTreeMap<Kind, usize>,
    /// In simulated hours.
    pub(crate) longest: f64,
    /// What was done while a session was lost, and while it could be resumed.
    pub(crate) done_lost: Done,
    pub(crate) done_in_time: Done,
    pub(crate) written_recovered: usize,
    pub(crate) edits_recovered: usize,
    pub(crate) deletes_recovered: usize,
    pub(crate) edits_stale: usize,
    pub(crate) deletes_stale: usize,
    /// Written and deleted while nobody listened.
    pub(crate) unknowable: usize,
    /// In channels that can't be read.
    pub(crate) unreadable: usize,
    /// Pins, flags, embeds, reactions and votes that were not as they are at the last look.
    pub(crate) beside_stale: usize,
    /// Channels that Discord did not know for a while.
    pub(crate) vanished: BTreeMap<&'static str, usize>,
    pub(crate) killed_in_repair: usize,
    pub(crate) violations: usize,
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "outages: {:?}, the longest {:.1} h, {} repairs killed and begun again",
            self.outages, self.longest, self.killed_in_repair
        )?;
        writeln!(out, "in lost sessions: {:?}", self.done_lost)?;
        writeln!(
            out,
            "in sessions that were resumed: {:?}",
            self.done_in_time
        )?;
        write!(
            out,
            "of lost sessions, recovered: {} messages, {} edits, {} deletes (each with its interval); \
             said to be stale: {} edits, {} deletes; in channels that can't be read: {} messages; \
             written and deleted unseen: {}; pins, flags, embeds, reactions and votes said to be stale at the end: {}; \
             channels that vanished and came back: {:?}; violations: {}",
            self.written_recovered,
            self.edits_recovered,
            self.deletes_recovered,
            self.edits_stale,
            self.deletes_stale,
            self.unreadable,
            self.unknowable,
            self.beside_stale,
            self.vanished,
            self.violations,
        )
    }
}
