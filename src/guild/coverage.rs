//! The coverage of a channel, as ranges of ids: complete, and by what; or a gap, and why. Ids outside all
//! ranges were never read. A complete range can be stale: every message is in the record, but edits and deletes
//! since some time may be missing.

use std::collections::HashMap;
use std::ops::Range;

use chrono::{DateTime, Utc};
use rangemap::{RangeMap, RangeSet};

use crate::message::{ChannelId, IdRange, MessageId};

/// The coverage of each channel.
pub type Coverage = HashMap<ChannelId, ChannelCoverage>;

/// How a range became complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum CoveredBy {
    /// By pages of history.
    History,
    /// By an unbroken gateway session.
    Live,
    /// By pages of history that were read again.
    Rescan,
}

/// Why messages of a range may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum GapReason {
    /// The service did not run, and its session could not be resumed.
    Offline,
    /// The service ran, the connection was lost, and its session could not be resumed.
    SessionLost,
    /// A permission changed, or the guild was unavailable.
    Interrupted,
    /// The gateway sent something that could not be understood; history is read instead.
    FrameUnreadable,
    /// History contains a payload that could not be understood; it is kept as a dead letter.
    PayloadUnreadable,
}

/// The state of a range of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RangeState {
    Complete(Complete),
    Gap(GapReason),
}

/// The state of a range of which every message is in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Complete {
    pub(crate) by: CoveredBy,
    /// Edits and deletes since this time may be missing.
    pub(crate) stale_since: Option<DateTime<Utc>>,
    /// The range is to be read again.
    pub(crate) reread: bool,
    /// Reactions and votes since this time may be missing, because they were not followed yet.
    pub(crate) reactions_stale_since: Option<DateTime<Utc>>,
}

/// The end of a session, as far as it changes coverage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionEnd {
    /// The session delivered everything from its beginning up to this id (exclusive); none if there was no
    /// session, and history was read without one.
    pub(crate) live_high: Option<i64>,
    /// The first id that the next session covers.
    pub(crate) next_low: i64,
    /// When the session last delivered something.
    pub(crate) heard_at: DateTime<Utc>,
    /// Newer messages than this id are read again.
    pub(crate) window_low: i64,
    pub(crate) reason: GapReason,
}

/// The coverage of one channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelCoverage(RangeMap<i64, RangeState>);

impl ChannelCoverage {
    pub(crate) fn insert(&mut self, range: IdRange, state: RangeState) {
        if !range.is_empty() {
            self.0.insert(range.into(), state);
        }
    }

    pub(crate) fn ranges(&self) -> impl Iterator<Item = (IdRange, RangeState)> {
        self.0.iter().map(|(range, state)| (range.into(), *state))
    }

    /// The parts of `whole` that are still to be read: gaps, and ranges to be read again. A range whose
    /// payloads could not be understood is read again only on request.
    #[must_use]
    pub fn to_read(&self, whole: IdRange) -> RangeSet<i64> {
        if whole.is_empty() {
            return RangeSet::new();
        }
        let whole = Range::from(whole);
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

    /// The latest `stale_since` in this range; none if no part of it is stale.
    #[must_use]
    pub fn stale_since(&self, range: IdRange) -> Option<DateTime<Utc>> {
        if range.is_empty() {
            return None;
        }
        let complete = self.complete_in(range);
        complete.filter_map(|(_, it)| it.stale_since).max()
    }

    /// Whether the record contains the message with this id, if it exists.
    #[must_use]
    pub fn is_complete_at(&self, id: MessageId) -> bool {
        matches!(self.0.get(&id.as_i64()), Some(RangeState::Complete(_)))
    }

    /// Until when a message certainly existed, if its channel existed until `end`.
    pub(crate) fn there_at(&self, id: MessageId, end: DateTime<Utc>) -> DateTime<Utc> {
        match self.0.get(&id.as_i64()) {
            Some(RangeState::Complete(complete)) => {
                complete.stale_since.map_or(end, |stale| stale.min(end))
            }
            // A delete in a gap would not have been noticed.
            Some(RangeState::Gap(_)) | None => id.created_at(),
        }
    }

    /// Marks a range as read, except for the parts that could not be understood.
    pub(crate) fn read(&mut self, read: IdRange, unreadable: &[IdRange]) {
        let known: Vec<_> = self.complete_in(read).map(|(range, _)| range).collect();
        let state = |by| {
            RangeState::Complete(Complete {
                by,
                stale_since: None,
                reread: false,
                reactions_stale_since: None,
            })
        };
        self.insert(read, state(CoveredBy::History));
        for range in known {
            self.insert(range, state(CoveredBy::Rescan));
        }
        for gap in unreadable {
            self.insert(
                gap.overlap(read),
                RangeState::Gap(GapReason::PayloadUnreadable),
            );
        }
    }

    /// Adds the range of a live session, if what was read before reaches its beginning.
    pub(crate) fn join_live(&mut self, live: IdRange) {
        let before = live.low - 1;
        let reached = matches!(self.0.get(&before), Some(RangeState::Complete(_)));
        if !live.is_empty() && reached {
            let holes = self.holes_in(live);
            let state = RangeState::Complete(Complete {
                by: CoveredBy::Live,
                stale_since: None,
                reread: false,
                reactions_stale_since: None,
            });
            for hole in holes {
                self.insert(hole, state);
            }
        }
    }

    /// Marks a range as a gap where nothing else is known.
    pub(crate) fn leave_gap(&mut self, range: IdRange, reason: GapReason) {
        if range.is_empty() || self.0.is_empty() {
            return;
        }
        for hole in self.holes_in(range) {
            self.insert(hole, RangeState::Gap(reason));
        }
    }

    /// Leaves a gap of one id below `at`, also in a complete range, so that live coverage from there on joins
    /// nothing before the gap is read.
    pub(crate) fn cut(&mut self, at: i64, reason: GapReason) {
        if !self.0.is_empty() {
            self.insert(IdRange::new(at - 1, at), RangeState::Gap(reason));
        }
    }

    /// Applies the end of a session: beyond its last id nothing is known, and below it edits and deletes may be
    /// missing since that end. Ranges within the repair window are read again for these.
    pub(crate) fn end_session(&mut self, end: SessionEnd) {
        if let Some(live_high) = end.live_high {
            self.0.remove(live_high..IdRange::ALL.high);
        }
        self.make_stale(IdRange::ALL, end.heard_at, end.window_low);
        let last = self.0.last_range_value().map(|(range, _)| range.end);
        let from = last.max(end.live_high).unwrap_or(end.next_low);
        self.leave_gap(IdRange::new(from, end.next_low), end.reason);
    }

    /// Marks a range as stale since `since`; ids from `window_low` on are to be read again.
    pub(crate) fn make_stale(&mut self, range: IdRange, since: DateTime<Utc>, window_low: i64) {
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
            let cut = window_low.clamp(range.low, range.high);
            self.insert(IdRange { high: cut, ..range }, RangeState::Complete(old));
            self.insert(IdRange { low: cut, ..range }, RangeState::Complete(young));
        }
    }

    /// Marks a range to be read again, including the parts that could not be understood before.
    pub(crate) fn verify(&mut self, range: IdRange) {
        let complete: Vec<_> = self.complete_in(range).collect();
        for (range, state) in complete {
            let again = Complete {
                reread: true,
                ..state
            };
            self.insert(range, RangeState::Complete(again));
        }
        let unreadable = self
            .0
            .overlapping(Range::from(range))
            .filter(|(_, state)| matches!(state, RangeState::Gap(GapReason::PayloadUnreadable)));
        let unreadable: Vec<_> = unreadable.map(|(range, _)| range.clone()).collect();
        for range in unreadable {
            self.0.remove(range);
        }
    }

    /// The parts of a range of which nothing is known.
    fn holes_in(&self, range: IdRange) -> Vec<IdRange> {
        let range = Range::from(range);
        self.0.gaps(&range).map(IdRange::from).collect()
    }

    /// The complete parts of a range.
    fn complete_in(&self, range: IdRange) -> impl Iterator<Item = (IdRange, Complete)> {
        let overlapping = self.0.overlapping(Range::from(range));
        overlapping.filter_map(move |(found, state)| match state {
            RangeState::Complete(complete) => Some((range.overlap(found.into()), *complete)),
            RangeState::Gap(_) => None,
        })
    }
}
