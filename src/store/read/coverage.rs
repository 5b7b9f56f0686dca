//! Reads the coverage: the view `coverage`, cut to the requested range. Ids beyond the position of the gateway
//! session lie in the future or are in flight.

use std::collections::VecDeque;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use duckdb::{Connection, params};

use super::reader::Reader;
use crate::message::{ChannelId, GuildId, IdRange};
use crate::store::StoreError;
use crate::store::schema::sql::id;

/// The gap reason of ids beyond the position of the gateway session.
const NOT_YET: &str = "not_yet";

/// The range whose coverage is requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletenessRequest {
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
const MOST_ANSWERS: usize = 4;

impl KnownCoverage {
    fn find(&self, commits: i64, request: &CompletenessRequest) -> Option<Arc<Completeness>> {
        let mut answers = self.answers.iter();
        let (_, found) = answers.find(|(asked, _)| self.commits == commits && asked == request)?;
        Some(Arc::clone(found))
    }

    fn keep(&mut self, commits: i64, request: CompletenessRequest, found: &Arc<Completeness>) {
        if commits < self.commits {
            return;
        }
        if commits > self.commits {
            self.answers.clear();
            self.commits = commits;
        }
        if self.answers.len() == MOST_ANSWERS {
            self.answers.pop_front();
        }
        self.answers.push_back((request, Arc::clone(found)));
    }
}

impl Reader {
    /// Reads the coverage of a range; once for all requests between two commits.
    ///
    /// # Errors
    /// If a query fails.
    pub async fn completeness(
        &self,
        request: CompletenessRequest,
    ) -> Result<Arc<Completeness>, StoreError> {
        let known = Arc::clone(&self.known_coverage);
        self.run_at_one_moment(move |connection| {
            let commits =
                connection.query_row("SELECT commits FROM record_state", [], |row| row.get(0))?;
            if let Some(found) = known.lock().find(commits, &request) {
                return Ok(found);
            }
            let found = Arc::new(completeness(connection, &request)?);
            known.lock().keep(commits, request, &found);
            Ok(found)
        })
        .await
    }
}

/// Reads the coverage of a range, in the open transaction.
pub(crate) fn completeness(
    connection: &Connection,
    request: &CompletenessRequest,
) -> Result<Completeness, StoreError> {
    Ok(Completeness {
        channels: channels(connection, request)?,
        outages: outages(connection, request.range)?,
        heard_until: connection.query_row(
            "SELECT max(heard_at) FROM gateway_sessions",
            [],
            |row| row.get(0),
        )?,
    })
}

fn channels(
    connection: &Connection,
    request: &CompletenessRequest,
) -> Result<Vec<ChannelCompleteness>, StoreError> {
    let asked = request.range;
    let only = request
        .channel_id
        .map(|id| format!("AND channel_id = {}", id.as_i64()));
    let mut statement = connection.prepare(&format!(
        "SELECT channel_id, parent_id, name, gone_at IS NOT NULL, greatest(low, {low}), \
         least(high, {high}), complete_by, coverage.gap_reason, stale_since, \
         reactions_stale_since \
         FROM coverage JOIN channels USING (channel_id) \
         WHERE coverage.guild_id = {guild} {only} AND low < {high} AND high > {low} \
         ORDER BY channel_id, low",
        low = asked.low,
        high = asked.high,
        guild = request.guild_id.as_i64(),
        only = only.unwrap_or_default(),
    ))?;
    let mut rows = statement.query([])?;
    let mut channels: Vec<(ChannelCompleteness, bool)> = Vec::new();
    while let Some(row) = rows.next()? {
        let channel_id: ChannelId = id(row, 0)?;
        let range = KnownRange {
            ids: IdRange::new(row.get(4)?, row.get(5)?),
            complete_by: row.get(6)?,
            gap_reason: row.get(7)?,
            stale_since: row.get(8)?,
            reactions_stale_since: row.get(9)?,
        };
        match channels.last_mut() {
            Some((channel, _)) if channel.id == channel_id => channel.ranges.push(range),
            _ => {
                let parent_id: Option<i64> = row.get(1)?;
                let channel = ChannelCompleteness {
                    id: channel_id,
                    parent_id: parent_id.and_then(|parent| parent.try_into().ok()),
                    name: row.get(2)?,
                    ranges: vec![range],
                };
                channels.push((channel, row.get(3)?));
            }
        }
    }
    let until_now = asked.high == IdRange::ALL.high;
    for (channel, is_gone) in &mut channels {
        let reached = channel
            .ranges
            .last()
            .map_or(asked.low, |range| range.ids.high);
        if !until_now && !*is_gone && reached < asked.high {
            channel.ranges.push(KnownRange {
                ids: IdRange {
                    low: reached,
                    ..asked
                },
                complete_by: None,
                gap_reason: Some(NOT_YET.to_owned()),
                stale_since: None,
                reactions_stale_since: None,
            });
        }
    }
    Ok(channels.into_iter().map(|(channel, _)| channel).collect())
}

/// The outages whose changes may be missing from messages of the range: those that ended after the first
/// possible message of the range was written.
fn outages(connection: &Connection, range: IdRange) -> Result<Vec<Outage>, StoreError> {
    let mut statement = connection.prepare(
        "SELECT began_at, ended_at, reason FROM outages \
         WHERE snowflake_at(ended_at) > ? ORDER BY began_at",
    )?;
    let rows = statement.query_map(params![range.low], |row| {
        Ok(Outage {
            began_at: row.get(0)?,
            ended_at: row.get(1)?,
            reason: row.get(2)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
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
