//! Reads the coverage: the view `coverage`, cut to the requested range. Ids beyond the position of the gateway
//! session lie in the future or are in flight.

use std::sync::Arc;

use duckdb::{Connection, params};

use super::completeness::{
    ChannelCompleteness, Completeness, CompletenessRequest, KnownRange, Outage,
};
use super::reach::within;
use super::reader::Reader;
use crate::message::{ChannelId, IdRange};
use crate::store::StoreError;
use crate::store::schema::coverage_view;
use crate::store::schema::sql::id;

/// The gap reason of ids beyond the position of the gateway session.
const NOT_YET: &str = "not_yet";

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
    let source = match within(&request.reach) {
        None => "coverage".to_owned(),
        Some(condition) => {
            let part = coverage_view::of_channels("main", &condition);
            format!("({part}) AS coverage")
        }
    };
    let mut statement = connection.prepare(&format!(
        "SELECT channel_id, parent_id, name, gone_at IS NOT NULL, greatest(low, {low}), \
         least(high, {high}), complete_by, coverage.gap_reason, stale_since, \
         reactions_stale_since \
         FROM {source} JOIN channels USING (channel_id) \
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
                let parent_id = parent_id.and_then(|parent| parent.try_into().ok());
                let sees = |parent: &ChannelId| request.reach.has(request.guild_id, *parent);
                let channel = ChannelCompleteness {
                    id: channel_id,
                    parent_id: parent_id.filter(sees),
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
