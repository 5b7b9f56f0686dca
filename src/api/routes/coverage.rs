//! `GET /v1/coverage`: how complete the archive of a guild's channels is, and why messages may be missing.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::answer::coverage::CoverageJson;
use crate::api::answer::private::private_json;
use crate::api::http::accept::AcceptsJson;
use crate::api::http::audited::Audited;
use crate::api::http::extract::Query;
use crate::api::http::permit::Permit;
use crate::api::http::problem::Problem;
use crate::api::http::query::query;
use crate::api::http::refusals::Refusals;
use crate::api::http::syntax::{id, number, time};
use crate::api::http::values::{Snowflake, Time, snowflake};
use crate::api::routes::state::Api;
use crate::guild::Reach;
use crate::message::{ChannelId, GuildId, IdRange, MessageId};
use crate::store::{ChannelCompleteness, CompletenessRequest, KnownRange, Outage};

/// The coverage of a guild's channels.
#[derive(Serialize, ToSchema)]
pub(crate) struct CoveragePage {
    coverage: CoverageJson,
    /// The channels and threads that can contain messages and existed in the requested time, ordered by id.
    data: Vec<ChannelCoverageJson>,
    /// The outages that ended after `from`: times in which the service received no events. Messages written
    /// in an outage are read from the history afterwards; a message that was written and deleted within one
    /// is lost.
    outages: Vec<OutageJson>,
    /// The `cursor` of the next page; null on the last page.
    #[schema(required = true)]
    next_cursor: Option<Snowflake>,
    /// Whether there is a next page.
    has_more: bool,
}

/// The coverage of a channel or thread.
#[derive(Serialize, ToSchema)]
#[schema(as = ChannelCoverage)]
pub(crate) struct ChannelCoverageJson {
    /// Discord's id of the channel or thread.
    channel_id: Snowflake,
    /// Of a thread, the id of its channel; of a channel, the id of its category; null if it has none.
    #[schema(required = true)]
    parent_id: Option<Snowflake>,
    /// Name of the channel or thread.
    #[schema(example = "general")]
    name: String,
    /// Whether every message of the requested time is archived.
    complete: bool,
    /// Whether every edit and delete is archived too.
    changes_complete: bool,
    /// Consecutive ranges from the oldest to the newest; each is either complete or a gap.
    ranges: Vec<RangeJson>,
}

/// A range of a channel's messages, given as times and as message ids: either complete or a gap.
#[derive(Serialize, ToSchema)]
#[schema(as = CoverageRange)]
pub(crate) struct RangeJson {
    /// Start of the range as a time (inclusive).
    from: Time,
    /// End of the range as a time (exclusive).
    to: Time,
    /// Start of the range as a message id (inclusive).
    from_id: Snowflake,
    /// End of the range as a message id (exclusive).
    to_id: Snowflake,
    /// How the range was covered: `history` (backfill), `live` (gateway session) or `rescan` (the history, read
    /// again); null for a gap.
    #[schema(required = true, example = "history")]
    complete_by: Option<String>,
    /// Why messages of the range may be missing; null if the range is complete.
    ///
    /// - `not_backfilled`: the backfill has not read the history of this range yet.
    /// - `offline`: the service did not run.
    /// - `session_lost`: the service ran, but its gateway session was lost.
    /// - `interrupted`: the bot's permissions changed, or the guild was unavailable.
    /// - `no_permission`: the bot may not read the channel.
    /// - `channel_deleted`: the channel was deleted before it was read.
    /// - `frame_unreadable`: a gateway event could not be parsed.
    /// - `payload_unreadable`: a message could not be parsed; its payload is kept as a dead letter.
    /// - `faulty`: Discord rejects requests for this channel.
    /// - `not_yet`: the range lies in the future, or its events are still on their way.
    #[schema(required = true)]
    gap_reason: Option<String>,
    /// Every message of the range is archived, but edits and deletes after this time may be missing (the
    /// range is stale); null if none is missing.
    #[schema(required = true)]
    stale_since: Option<Time>,
    /// Reactions and poll votes after this time may be missing: the counts are those of the last reading of
    /// the messages; null if none is missing. The time can be earlier than `stale_since` if the service did not
    /// follow reactions at first.
    #[schema(required = true)]
    reactions_stale_since: Option<Time>,
}

/// A time in which the service received no events from Discord.
#[derive(Serialize, ToSchema)]
#[schema(as = Outage)]
pub(crate) struct OutageJson {
    /// When the last event before the outage was received.
    began_at: Time,
    /// When the first event after the outage was received.
    ended_at: Time,
    /// `offline` (the service did not run), `session_lost` (the service ran, but its gateway session was
    /// lost) or `record_damaged` (the data of that time was lost from the database).
    #[schema(example = "offline")]
    reason: String,
}

query! {
    /// The parameters of the coverage.
    pub(crate) struct CoverageQuery {
        /// Id of the guild (server).
        required guild_id: GuildId = id(), example "1101234567890123457";
        /// Only the coverage of this channel or thread.
        optional channel_id: ChannelId = id(), example "1151234567890123457";
        /// Only the coverage from this time on: RFC 3339 with an offset from UTC. Must not be later than `to`.
        optional from: DateTime<Utc> = time(), example "2025-01-01T00:00:00Z";
        /// Only the coverage before this time: RFC 3339 with an offset from UTC. Default: up to the last
        /// event that was received from Discord.
        optional to: DateTime<Utc> = time(), not before from, example "2025-02-01T00:00:00Z";
        /// Continue after this channel: the `next_cursor` of the previous page.
        optional cursor: ChannelId = id();
        /// Maximum number of channels and threads per page.
        optional limit: usize = number(1, 500), default 100;
    }
}

impl CoverageQuery {
    fn request(&self, reach: Reach) -> CompletenessRequest {
        CompletenessRequest {
            reach,
            guild_id: self.guild_id,
            channel_id: self.channel_id,
            range: IdRange::between(self.from, self.to),
        }
    }
}

/// Get the coverage of a guild
///
/// Returns, for each channel and thread, consecutive ranges of time (and of message ids). A range is
/// either complete, with the way in which it was covered, or a gap, with the reason why messages may be
/// missing. Every message that existed outside of the gaps was read.
#[utoipa::path(
    get,
    path = "/v1/coverage",
    tag = "coverage",
    operation_id = "getCoverage",
    params(CoverageQuery),
    responses(
        (status = 200, description = "One page of channels with their coverage.", body = CoveragePage, headers(
            ("cache-control" = String, description = "`private, no-cache`"),
            ("vary" = String, description = "The request headers that the response depends on."),
        )),
        Refusals,
    ),
)]
pub(crate) async fn get(
    State(api): State<Arc<Api>>,
    permit: Permit,
    _: AcceptsJson,
    Query(query): Query<CoverageQuery>,
) -> Result<Response, Problem> {
    let sight = api.sight(&permit).await?;
    let request = query.request(sight.reach);
    let completeness = api.reader.completeness(request).await?;
    let coverage = CoverageJson::from(completeness.summary());

    let after = query.cursor.map_or(0, ChannelId::as_i64);
    let channels = completeness.channels.iter();
    let mut left = channels.filter(|channel| channel.id.as_i64() > after);
    let data: Vec<_> = left.by_ref().take(query.limit()).collect();
    let last = data.last().map(|channel| channel.id);
    let next_cursor = last.filter(|_| left.next().is_some());
    let page = CoveragePage {
        coverage,
        data: data.into_iter().map(channel_json).collect(),
        outages: completeness.outages.iter().map(outage_json).collect(),
        has_more: next_cursor.is_some(),
        next_cursor: next_cursor.map(|id| snowflake(id.as_i64())),
    };
    let rows = page.data.len();
    let mut response = private_json(page);
    Audited::rows(&mut response, rows);
    Ok(response)
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

/// None if an end of the range is not a valid id, which does not happen for existing channels.
fn range_json(range: &KnownRange) -> Option<RangeJson> {
    let from = MessageId::try_from(range.ids.low).ok()?;
    let to = MessageId::try_from(range.ids.high).ok()?;
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
