//! What is known of a channel, by ranges of ids: complete, and by what; or a gap, and why. What no
//! range speaks of was never read. A complete range can be stale: then every message is there, but
//! edits and deletes since some time may be missing.

use std::collections::HashMap;
use std::ops::Range;

use chrono::{DateTime, Utc};
use rangemap::{RangeMap, RangeSet};

use crate::message::{ChannelId, IdSpan, MessageId};

/// For each channel what is known of its ranges.
pub type Coverage = HashMap<ChannelId, ChannelCoverage>;

/// By what a range is known complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum CoveredBy {
    /// Pages of history.
    History,
    /// An unbroken session of the socket.
    Live,
    /// Pages of history, read again.
    Rescan,
}

/// Why messages of a range may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum GapReason {
    /// The service did not run, and its session could not be resumed.
    Offline,
    /// The service ran; the connection was lost, and its session could not be resumed.
    SessionLost,
    /// A right came or went, or the guild was away.
    Interrupted,
    /// The socket brought something that could not be understood; history is asked.
    FrameUnreadable,
    /// History has something there that could not be understood; it is kept as it came.
    PayloadUnreadable,
}

/// What is known of a range of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RangeState {
    Complete(Complete),
    Gap(GapReason),
}

/// A range of which every message is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Complete {
    pub(crate) by: CoveredBy,
    /// Edits and deletes from this time on may be missing.
    pub(crate) stale_since: Option<DateTime<Utc>>,
    /// It is to be read again.
    pub(crate) reread: bool,
    /// Reactions and votes from this time on may be missing, where nobody listened to them yet.
    pub(crate) reactions_stale_since: Option<DateTime<Utc>>,
}

/// What a session's end leaves behind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionEnd {
    /// The session brought everything below this id, from where it began; none if there was no
    /// session, and history was read with nobody listening.
    pub(crate) live_high: Option<i64>,
    /// The next session begins here.
    pub(crate) next_low: i64,
    /// When the last was heard.
    pub(crate) heard_at: DateTime<Utc>,
    /// What is younger than this is read again.
    pub(crate) window_low: i64,
    pub(crate) reason: GapReason,
}

/// What is known of one channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelCoverage(RangeMap<i64, RangeState>);

impl ChannelCoverage {
    pub(crate) fn insert(&mut self, range: Range<i64>, state: RangeState) {
        if !range.is_empty() {
            self.0.insert(range, state);
        }
    }

    pub(crate) fn ranges(&self) -> impl Iterator<Item = (&Range<i64>, &RangeState)> {
        self.0.iter()
    }

    /// What of `whole` is still to be read: gaps, and what is to be read again. What could not be
    /// understood when it was read is not asked for again by itself.
    #[must_use]
    pub fn to_read(&self, whole: Range<i64>) -> RangeSet<i64> {
        if whole.is_empty() {
            return RangeSet::new();
        }
        let mut left: RangeSet<i64> = std::iter::once(whole.clone()).collect();
        for (range, state) in self.0.overlapping(&whole) {
            match state {
                RangeState::Complete(complete) if complete.reread => {}
                RangeState::Complete(_) | RangeState::Gap(GapReason::PayloadUnreadable) => {
                    left.remove(range.clone());
                }
                RangeState::Gap(_) => {}
            }
        }
        left
    }

    /// The latest time at which changes to messages of this range were last heard of for certain,
    /// if they are not heard of now.
    #[must_use]
    pub fn stale_since(&self, span: IdSpan) -> Option<DateTime<Utc>> {
        if span.is_empty() {
            return None;
        }
        let complete = self.complete_in(span.low..span.high);
        complete.filter_map(|(_, it)| it.stale_since).max()
    }

    /// Whether the record has the message, if there is one of this id.
    #[must_use]
    pub fn is_complete_at(&self, id: MessageId) -> bool {
        matches!(self.0.get(&id.as_i64()), Some(RangeState::Complete(_)))
    }

    /// Until when a message was there for certain, if its channel was until `end`.
    pub(crate) fn there_at(&self, id: MessageId, end: DateTime<Utc>) -> DateTime<Utc> {
        match self.0.get(&id.as_i64()) {
            Some(RangeState::Complete(complete)) => {
                complete.stale_since.map_or(end, |stale| stale.min(end))
            }
            // Nobody can say that its delete would have been heard.
            Some(RangeState::Gap(_)) | None => id.created_at(),
        }
    }

    /// Notes that a range was read, but for what could not be understood.
    pub(crate) fn read(&mut self, read: Range<i64>, unreadable: &[IdSpan]) {
        let known: Vec<_> = self
            .complete_in(read.clone())
            .map(|(range, _)| range)
            .collect();
        let state = |by| {
            RangeState::Complete(Complete {
                by,
                stale_since: None,
                reread: false,
                reactions_stale_since: None,
            })
        };
        self.insert(read.clone(), state(CoveredBy::History));
        for range in known {
            self.insert(range, state(CoveredBy::Rescan));
        }
        for gap in unreadable {
            let gap = gap.low.max(read.start)..gap.high.min(read.end);
            self.insert(gap, RangeState::Gap(GapReason::PayloadUnreadable));
        }
    }

    /// Adds what was live to what was read, if the reading got to where the live part begins.
    pub(crate) fn join_live(&mut self, low: i64, high: i64) {
        let reached = matches!(self.0.get(&(low - 1)), Some(RangeState::Complete(_)));
        if low < high && reached {
            let holes: Vec<_> = self.0.gaps(&(low..high)).collect();
            let live = RangeState::Complete(Complete {
                by: CoveredBy::Live,
                stale_since: None,
                reread: false,
                reactions_stale_since: None,
            });
            for hole in holes {
                self.insert(hole, live);
            }
        }
    }

    /// Notes that what came between two ids may be missing, where nothing else is known.
    pub(crate) fn leave_gap(&mut self, range: Range<i64>, reason: GapReason) {
        if range.is_empty() || self.0.is_empty() {
            return;
        }
        let holes: Vec<_> = self.0.gaps(&range).collect();
        for hole in holes {
            self.insert(hole, RangeState::Gap(reason));
        }
    }

    /// Leaves a gap below an id also where all is known, so that what is live from there on joins
    /// nothing before it was read.
    pub(crate) fn cut(&mut self, at: i64, reason: GapReason) {
        if !self.0.is_empty() {
            self.insert(at - 1..at, RangeState::Gap(reason));
        }
    }

    /// What the end of a session makes doubtful: nothing is known beyond its last id, and of what
    /// is below, edits and deletes may be missing from now on. What is younger than the repair
    /// window is read again for them.
    pub(crate) fn end_session(&mut self, end: SessionEnd) {
        if let Some(live_high) = end.live_high {
            self.0.remove(live_high..i64::MAX);
        }
        self.make_stale(0..i64::MAX, end.heard_at, end.window_low);
        let last = self.0.last_range_value().map(|(range, _)| range.end);
        let from = last.max(end.live_high).unwrap_or(end.next_low);
        self.leave_gap(from..end.next_low, end.reason);
    }

    /// Notes that edits and deletes may be missing from `since` on; what is younger than
    /// `window_low` is to be read again for them.
    pub(crate) fn make_stale(&mut self, range: Range<i64>, since: DateTime<Utc>, window_low: i64) {
        let complete: Vec<_> = self.complete_in(range).collect();
        for (range, state) in complete {
            let stale_since = Some(state.stale_since.map_or(since, |known| known.min(since)));
            let old = Complete {
                stale_since,
                ..state
            };
            let young = Complete {
                reread: true,
                ..old
            };
            let cut = window_low.clamp(range.start, range.end);
            self.insert(range.start..cut, RangeState::Complete(old));
            self.insert(cut..range.end, RangeState::Complete(young));
        }
    }

    /// Has a range read again, also what could not be understood before.
    pub(crate) fn verify(&mut self, range: Range<i64>) {
        let complete: Vec<_> = self.complete_in(range.clone()).collect();
        for (range, state) in complete {
            let again = Complete {
                reread: true,
                ..state
            };
            self.insert(range, RangeState::Complete(again));
        }
        let unreadable = self
            .0
            .overlapping(&range)
            .filter(|(_, state)| matches!(state, RangeState::Gap(GapReason::PayloadUnreadable)));
        let unreadable: Vec<_> = unreadable.map(|(range, _)| range.clone()).collect();
        for range in unreadable {
            self.0.remove(range);
        }
    }

    /// The complete parts of a range.
    fn complete_in(&self, range: Range<i64>) -> impl Iterator<Item = (Range<i64>, Complete)> {
        let within = range.clone();
        self.0.overlapping(range).filter_map(move |(found, state)| {
            let part = found.start.max(within.start)..found.end.min(within.end);
            match state {
                RangeState::Complete(complete) => Some((part, *complete)),
                RangeState::Gap(_) => None,
            }
        })
    }
}
