//! How complete the record is, for answers: the view `coverage`, cut to the range asked for. What
//! is asked for beyond the socket's present place has not happened yet, or is on its way.

use chrono::{DateTime, Utc};
use duckdb::{Connection, params};

use super::reader::Reader;
use crate::message::{ChannelId, GuildId, IdSpan};
use crate::store::StoreError;
use crate::store::schema::sql::id;

/// Why messages beyond the socket's place are not there.
const NOT_YET: &str = "not_yet";

/// Of what it is asked.
#[derive(Debug, Clone)]
pub struct CompletenessRequest {
    /// Channels and threads of this guild,
    pub guild_id: GuildId,
    /// only this one, if any,
    pub channel_id: Option<ChannelId>,
    /// and of them the messages of this range. With `high` at the greatest id: up to what is known.
    pub span: IdSpan,
}

/// How complete the record is in the range asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completeness {
    /// The channels and threads that hold messages and existed in that range, by id.
    pub channels: Vec<ChannelCompleteness>,
    /// The times in which nobody listened.
    pub outages: Vec<Outage>,
    /// What Discord told until then is in the record; none if there was no live session yet.
    pub heard_until: Option<DateTime<Utc>>,
}

/// How complete a channel or thread is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelCompleteness {
    /// The channel or thread.
    pub id: ChannelId,
    /// A thread's channel; a channel's category.
    pub parent_id: Option<ChannelId>,
    /// Its name.
    pub name: String,
    /// Its ranges, by id, without holes.
    pub ranges: Vec<KnownRange>,
}

/// What is known of a range of ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRange {
    /// The range.
    pub span: IdSpan,
    /// `history`, `live` or `rescan` if every message there was read; else there is a gap.
    pub complete_by: Option<String>,
    /// Why there is a gap.
    pub gap_reason: Option<String>,
    /// Edits and deletes from this time on may be missing.
    pub stale_since: Option<DateTime<Utc>>,
    /// Reactions and votes from this time on may be missing.
    pub reactions_stale_since: Option<DateTime<Utc>>,
}

impl Completeness {
    /// Whether every message of the range is in the record. Of a guild or channel that is not
    /// known nothing is.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.channels.is_empty() && self.channels.iter().all(ChannelCompleteness::is_complete)
    }

    /// Whether every edit and delete of those messages is.
    #[must_use]
    pub fn has_all_changes(&self) -> bool {
        let changes = ChannelCompleteness::has_all_changes;
        !self.channels.is_empty() && self.channels.iter().all(changes)
    }

    /// How many gaps there are.
    #[must_use]
    pub fn gaps(&self) -> usize {
        let gaps = self.channels.iter().map(|channel| channel.gaps().count());
        gaps.sum()
    }
}

impl ChannelCompleteness {
    /// Whether every message of the range is in the record.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.gaps().next().is_none()
    }

    /// Whether every edit and delete is.
    #[must_use]
    pub fn has_all_changes(&self) -> bool {
        let is_sure =
            |range: &KnownRange| range.complete_by.is_some() && range.stale_since.is_none();
        self.ranges.iter().all(is_sure)
    }

    /// The ranges of which messages may be missing.
    pub fn gaps(&self) -> impl Iterator<Item = &KnownRange> {
        self.ranges
            .iter()
            .filter(|range| range.complete_by.is_none())
    }
}

impl Reader {
    /// How complete the record is.
    ///
    /// # Errors
    /// If a query fails.
    pub async fn completeness(
        &self,
        request: CompletenessRequest,
    ) -> Result<Completeness, StoreError> {
        self.run_at_one_moment(move |connection| completeness(connection, &request))
            .await
    }
}

/// How complete the record is, in the transaction under way.
pub(crate) fn completeness(
    connection: &Connection,
    request: &CompletenessRequest,
) -> Result<Completeness, StoreError> {
    Ok(Completeness {
        channels: channels(connection, request)?,
        outages: outages(connection, request.span)?,
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
    let span = request.span;
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
        low = span.low,
        high = span.high,
        guild = request.guild_id.as_i64(),
        only = only.unwrap_or_default(),
    ))?;
    let mut rows = statement.query([])?;
    let mut channels: Vec<(ChannelCompleteness, bool)> = Vec::new();
    while let Some(row) = rows.next()? {
        let channel_id: ChannelId = id(row, 0)?;
        let range = KnownRange {
            span: IdSpan {
                low: row.get(4)?,
                high: row.get(5)?,
            },
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
    let until_now = span.high == IdSpan::ALL.high;
    for (channel, is_gone) in &mut channels {
        let reached = channel
            .ranges
            .last()
            .map_or(span.low, |range| range.span.high);
        if !until_now && !*is_gone && reached < span.high {
            channel.ranges.push(KnownRange {
                span: IdSpan {
                    low: reached,
                    high: span.high,
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

/// The outages whose changes may be missing from messages of the range: those that ended after the
/// first of them was written.
fn outages(connection: &Connection, span: IdSpan) -> Result<Vec<Outage>, StoreError> {
    let mut statement = connection.prepare(
        "SELECT began_at, ended_at, reason FROM outages \
         WHERE snowflake_at(ended_at) > ? ORDER BY began_at",
    )?;
    let rows = statement.query_map(params![span.low], |row| {
        Ok(Outage {
            began_at: row.get(0)?,
            ended_at: row.get(1)?,
            reason: row.get(2)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A time in which nobody listened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// When the last was heard before it.
    pub began_at: DateTime<Utc>,
    /// When the next was heard.
    pub ended_at: DateTime<Utc>,
    /// `offline`: the service did not run. `session_lost`: it ran, and Discord could not be
    /// followed. `record_damaged`: what was recorded in that time was lost.
    pub reason: String,
}
