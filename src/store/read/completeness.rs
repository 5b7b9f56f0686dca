//! What is known of a range of messages: the answer to a question about coverage, and the last answers.

use std::collections::VecDeque;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::guild::Reach;
use crate::message::{ChannelId, GuildId, IdRange};

/// The range whose coverage is requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletenessRequest {
    /// What the reader may see.
    pub reach: Reach,
    /// The channels and threads of this guild.
    pub guild_id: GuildId,
    /// Only this channel or thread, if any.
    pub channel_id: Option<ChannelId>,
    /// Only messages of this range. With `high` at the greatest id: up to the end of what is known.
    pub range: IdRange,
}

/// The coverage of the requested range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completeness {
    /// The channels and threads that hold messages and existed in the range, by id.
    pub channels: Vec<ChannelCompleteness>,
    /// The outages that may have hidden changes of these messages.
    pub outages: Vec<Outage>,
    /// Everything that Discord sent up to this time is in the record; none if there was no live session yet.
    pub heard_until: Option<DateTime<Utc>>,
}

/// The coverage of one channel or thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelCompleteness {
    /// The channel's id.
    pub id: ChannelId,
    /// Of a thread, its channel; of a channel, its category.
    pub parent_id: Option<ChannelId>,
    /// The channel's name.
    pub name: String,
    /// The ranges, by id, without holes.
    pub ranges: Vec<KnownRange>,
}

/// What is known of a range of ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRange {
    /// The ids of the range.
    pub ids: IdRange,
    /// `history`, `live` or `rescan` if every message of the range was read; none for a gap.
    pub complete_by: Option<String>,
    /// Why there is a gap.
    pub gap_reason: Option<String>,
    /// Edits and deletes since this time may be missing.
    pub stale_since: Option<DateTime<Utc>>,
    /// Reactions and votes since this time may be missing.
    pub reactions_stale_since: Option<DateTime<Utc>>,
}

/// A time in which no gateway session was followed, or whose records were lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// When the last event before the outage was received.
    pub began_at: DateTime<Utc>,
    /// When the first event after the outage was received.
    pub ended_at: DateTime<Utc>,
    /// `offline`: the service did not run. `session_lost`: the service ran, but its gateway session was lost.
    /// `record_damaged`: the data of that time was lost from the record.
    pub reason: String,
}

/// The coverage of all requested channels in a few words: of a range, of a report, or of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoverageSummary {
    /// Whether every message is in the record. False for a guild or channel that the record does not know.
    pub is_complete: bool,
    /// Whether every message, edit and delete is in the record.
    pub has_all_changes: bool,
    /// The number of requested channels and threads.
    pub channels: usize,
    /// The number of channels and threads in which messages may be missing.
    pub incomplete_channels: usize,
    /// The number of gaps in them.
    pub gaps: usize,
    /// Everything that Discord sent up to this time is in the record; none if there was no live session yet.
    pub heard_until: Option<DateTime<Utc>>,
}

impl Completeness {
    /// Sums the coverage up. `wanted_coverage` in `queries/lib/coverage.sql` has the same rules for a report.
    #[must_use]
    pub fn summary(&self) -> CoverageSummary {
        let is_known = !self.channels.is_empty();
        let channels = self.channels.iter();
        let gaps = channels.clone().map(|channel| channel.gaps().count());
        let incomplete = channels.clone().filter(|channel| !channel.is_complete());
        let incomplete_channels = incomplete.count();
        CoverageSummary {
            is_complete: is_known && incomplete_channels == 0,
            has_all_changes: is_known && channels.clone().all(ChannelCompleteness::has_all_changes),
            channels: self.channels.len(),
            incomplete_channels,
            gaps: gaps.sum(),
            heard_until: self.heard_until,
        }
    }
}

impl ChannelCompleteness {
    /// Whether every message of the range is in the record.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.gaps().next().is_none()
    }

    /// Whether every message, edit and delete of the range is in the record.
    #[must_use]
    pub fn has_all_changes(&self) -> bool {
        let is_sure =
            |range: &KnownRange| range.complete_by.is_some() && range.stale_since.is_none();
        self.ranges.iter().all(is_sure)
    }

    /// The ranges in which messages may be missing.
    pub fn gaps(&self) -> impl Iterator<Item = &KnownRange> {
        self.ranges
            .iter()
            .filter(|range| range.complete_by.is_none())
    }
}

/// The last answers, at the newest commit of which something was asked: each commit can change them all. A client
/// that pages through the channels asks for the same range each time.
#[derive(Default)]
pub(super) struct KnownCoverage {
    commits: i64,
    answers: VecDeque<(CompletenessRequest, Arc<Completeness>)>,
}

/// The maximum number of kept answers.
const MAX_KEPT_ANSWERS: usize = 4;

impl KnownCoverage {
    pub(super) fn find(
        &self,
        commits: i64,
        request: &CompletenessRequest,
    ) -> Option<Arc<Completeness>> {
        let mut answers = self.answers.iter();
        let (_, found) = answers.find(|(asked, _)| self.commits == commits && asked == request)?;
        Some(Arc::clone(found))
    }

    pub(super) fn keep(
        &mut self,
        commits: i64,
        request: CompletenessRequest,
        found: &Arc<Completeness>,
    ) {
        if commits < self.commits {
            return;
        }
        if commits > self.commits {
            self.answers.clear();
            self.commits = commits;
        }
        if self.answers.len() == MAX_KEPT_ANSWERS {
            self.answers.pop_front();
        }
        self.answers.push_back((request, Arc::clone(found)));
    }
}
