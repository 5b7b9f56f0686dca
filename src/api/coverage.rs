//! `GET /v1/coverage`: what the record has of a guild's channels, and what it has not, and why.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::accept::{APPLICATION_JSON, negotiate};
use super::coverage_summary::CoverageSummary;
use super::openapi::Refusals;
use super::private::private_json;
use super::problem::Problem;
use super::query::Parameters;
use super::row::{Snowflake, Time, snowflake};
use super::{Api, query};
use crate::message::{ChannelId, GuildId, IdSpan, MessageId};
use crate::store::{ChannelCompleteness, CompletenessRequest, KnownRange, Outage};

const MOST_CHANNELS: usize = 500;
const DEFAULT_CHANNELS: usize = 100;

/// What is known of a guild.
#[derive(Serialize, ToSchema)]
pub(super) struct CoveragePage {
    coverage: CoverageSummary,
    /// The channels and threads that hold messages and existed in the time asked for, by id.
    data: Vec<ChannelCoverageJson>,
    /// Times in which nobody listened, and that ended after `from`. Messages written in them are
    /// read afterwards; what was written and deleted within one is known to nobody.
    outages: Vec<OutageJson>,
    /// The `cursor` of the next page; null on the last one.
    #[schema(required = true)]
    next_cursor: Option<Snowflake>,
    /// Whether there is a next page.
    has_more: bool,
}

/// What is known of a channel or thread.
#[derive(Serialize, ToSchema)]
#[schema(as = ChannelCoverage)]
pub(super) struct ChannelCoverageJson {
    /// The channel or thread.
    channel_id: Snowflake,
    /// A thread's channel; a channel's category.
    #[schema(required = true)]
    parent_id: Option<Snowflake>,
    /// Its name.
    #[schema(example = "general")]
    name: String,
    /// Every message is in the record.
    complete: bool,
    /// And every edit and delete.
    changes_complete: bool,
    /// What is known, from the oldest to the youngest, without holes.
    ranges: Vec<RangeJson>,
}

/// A range of time of a channel, and of ids: complete, or a gap.
#[derive(Serialize, ToSchema)]
#[schema(as = CoverageRange)]
pub(super) struct RangeJson {
    /// From this time on,
    from: Time,
    /// to before this one.
    to: Time,
    /// The same as ids: from this one on,
    from_id: Snowflake,
    /// to before this one.
    to_id: Snowflake,
    /// By what every message there is known: `history`, `live`, or `rescan` (history, read again);
    /// null for a gap.
    #[schema(required = true, example = "history")]
    complete_by: Option<String>,
    /// Why messages may be missing: `not_backfilled` (history was not read that far yet),
    /// `offline` (the service did not run), `session_lost` (it ran without a connection),
    /// `interrupted` (a right came or went, or the guild was away), `no_permission`,
    /// `channel_deleted`, `frame_unreadable` and `payload_unreadable` (kept as it came),
    /// `faulty` (Discord rejects what is asked of it), `not_yet` (has not happened yet, or is on its
    /// way); null if none can be missing.
    #[schema(required = true)]
    gap_reason: Option<String>,
    /// Every message is there, but edits and deletes from this time on may be missing; null if
    /// they are there too.
    #[schema(required = true)]
    stale_since: Option<Time>,
    /// Reactions and votes from this time on may be missing: they are as they were when the messages were last read.
    /// Earlier than `stale_since` where nobody listened to them at first.
    #[schema(required = true)]
    reactions_stale_since: Option<Time>,
}

/// A time in which nobody listened.
#[derive(Serialize, ToSchema)]
#[schema(as = Outage)]
pub(super) struct OutageJson {
    /// When the last was heard before it.
    began_at: Time,
    /// When the next was heard.
    ended_at: Time,
    /// `offline`, `session_lost`, or `record_damaged` (what was recorded then was lost).
    #[schema(example = "offline")]
    reason: String,
}

/// Of what.
#[derive(Debug, Clone, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CoverageQuery {
    /// The guild.
    #[param(value_type = Snowflake, example = "1101234567890123457")]
    guild_id: GuildId,
    /// Only this channel or thread.
    #[param(value_type = Option<Snowflake>, example = "1151234567890123457")]
    channel_id: Option<ChannelId>,
    /// Messages written at this time or later.
    #[param(value_type = Option<Time>, example = "2025-01-01T00:00:00Z")]
    from: Option<DateTime<Utc>>,
    /// Messages written before this time. Without it: up to where the connection to Discord is.
    #[param(value_type = Option<Time>, example = "2025-02-01T00:00:00Z")]
    to: Option<DateTime<Utc>>,
    /// Channels after this one: the `next_cursor` of the page before.
    #[param(value_type = Option<Snowflake>)]
    cursor: Option<ChannelId>,
    /// So many channels at most.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 500, default = 100)]
    limit: Option<usize>,
}

impl CoverageQuery {
    fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let mut given = Parameters::parse(query);
        let guild_id = given.require("guild_id", query::id);
        let channel_id = given.take("channel_id", query::id);
        let (from, to) = given.time_range();
        let cursor = given.take("cursor", query::id);
        let limit = given.take("limit", |text| query::number(text, 1, MOST_CHANNELS));
        let guild_id = given.finish_with(guild_id)?;
        Ok(Self {
            guild_id,
            channel_id,
            from,
            to,
            cursor,
            limit,
        })
    }

    fn request(&self) -> CompletenessRequest {
        CompletenessRequest {
            guild_id: self.guild_id,
            channel_id: self.channel_id,
            span: IdSpan::between(self.from, self.to),
        }
    }
}

/// What is known, and what is not
///
/// Per channel and thread: the ranges of time (and of ids) that are known complete, and by what,
/// and the gaps with their reasons. Everything that is not in a gap was read.
#[utoipa::path(
    get,
    path = "/v1/coverage",
    tag = "coverage",
    operation_id = "getCoverage",
    params(CoverageQuery),
    responses(
        (status = 200, description = "What is known.", body = CoveragePage, headers(
            ("cache-control" = String, description = "`private, no-cache`"),
            ("vary" = String, description = "What the answer depends on besides the URL."),
        )),
        Refusals,
    ),
)]
pub(super) async fn get(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    negotiate(&headers, &[APPLICATION_JSON])?;
    let query = CoverageQuery::parse(raw.as_deref())?;
    let completeness = api.reader.completeness(query.request()).await?;
    let coverage = CoverageSummary::from(&completeness);

    let after = query.cursor.map_or(0, ChannelId::as_i64);
    let limit = query.limit.unwrap_or(DEFAULT_CHANNELS);
    let channels = completeness.channels.iter();
    let mut left = channels.filter(|channel| channel.id.as_i64() > after);
    let data: Vec<_> = left.by_ref().take(limit).collect();
    let last = data.last().map(|channel| channel.id);
    let next_cursor = last.filter(|_| left.next().is_some());
    let page = CoveragePage {
        coverage,
        data: data.into_iter().map(channel_json).collect(),
        outages: completeness.outages.iter().map(outage_json).collect(),
        has_more: next_cursor.is_some(),
        next_cursor: next_cursor.map(|id| snowflake(id.as_i64())),
    };
    Ok(private_json(page))
}

fn channel_json(channel: &ChannelCompleteness) -> ChannelCoverageJson {
    ChannelCoverageJson {
        channel_id: snowflake(channel.id.as_i64()),
        parent_id: channel.parent_id.map(|id| snowflake(id.as_i64())),
        name: channel.name.clone(),
        complete: channel.is_complete(),
        changes_complete: channel.has_all_changes(),
        ranges: channel.ranges.iter().filter_map(range_json).collect(),
    }
}

/// None if it has an end that is no id, which no range of an existing channel has.
fn range_json(range: &KnownRange) -> Option<RangeJson> {
    let from = MessageId::try_from(range.span.low).ok()?;
    let to = MessageId::try_from(range.span.high).ok()?;
    Some(RangeJson {
        from: Time(from.created_at()),
        to: Time(to.created_at()),
        from_id: snowflake(from.as_i64()),
        to_id: snowflake(to.as_i64()),
        complete_by: range.complete_by.clone(),
        gap_reason: range.gap_reason.clone(),
        stale_since: range.stale_since.map(Time),
        reactions_stale_since: range.reactions_stale_since.map(Time),
    })
}

fn outage_json(outage: &Outage) -> OutageJson {
    OutageJson {
        began_at: Time(outage.began_at),
        ended_at: Time(outage.ended_at),
        reason: outage.reason.clone(),
    }
}
