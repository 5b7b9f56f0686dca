//! Writes the state of the coverage tracker into its tables: guilds, channels, coverage and the gateway
//! session. `coverage_tracker` decides what they contain; `read::tracker` reads them.

use std::collections::{HashMap, HashSet};

use duckdb::{Connection, params};

use crate::guild::{Coverage, Guild, KnownChannel, RangeState, SessionMark};
use crate::message::ChannelId;
use crate::store::StoreError;
use crate::store::schema::sql::list;

pub(crate) fn write_guilds(connection: &Connection, guilds: &[Guild]) -> Result<(), StoreError> {
    for guild in guilds {
        let id = guild.id.as_i64();
        connection.execute("DELETE FROM guilds WHERE guild_id = ?", [id])?;
        connection.execute("INSERT INTO guilds VALUES (?, ?)", params![id, guild.name])?;
    }
    Ok(())
}

/// Writes these channels anew.
pub(crate) fn write_channels(
    connection: &Connection,
    known: &HashMap<ChannelId, KnownChannel>,
    touched: &HashSet<ChannelId>,
) -> Result<(), StoreError> {
    if touched.is_empty() {
        return Ok(());
    }
    delete_rows(connection, "channels", touched)?;
    let mut insert = connection
        .prepare("INSERT INTO channels VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
    for mark in touched.iter().filter_map(|id| known.get(id)) {
        let channel = &mark.channel;
        let gone = mark.gone();
        insert.execute(params![
            channel.id.as_i64(),
            channel.guild_id.as_i64(),
            channel.parent_id.map(ChannelId::as_i64),
            channel.channel_type,
            channel.name,
            gone.map(|gone| gone.before),
            mark.access.as_str(),
            mark.access_detail,
            mark.access_since,
            gone.map(|gone| gone.after),
            mark.unheard_since,
            gone.map(|gone| gone.by.is_told()),
            mark.life.absence().map(|absence| absence.asked_at),
            mark.suspected_since,
        ])?;
    }
    Ok(())
}

/// Writes the coverage of these channels anew.
pub(crate) fn write_coverage(
    connection: &Connection,
    known: &Coverage,
    touched: &HashSet<ChannelId>,
) -> Result<(), StoreError> {
    if touched.is_empty() {
        return Ok(());
    }
    delete_rows(connection, "coverage_ranges", touched)?;
    let mut insert =
        connection.prepare("INSERT INTO coverage_ranges VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
    for channel_id in touched {
        let Some(coverage) = known.get(channel_id) else {
            continue;
        };
        for (range, state) in coverage.ranges() {
            let (complete, gap) = match state {
                RangeState::Complete(complete) => (Some(complete), None),
                RangeState::Gap(reason) => (None, Some(reason)),
            };
            insert.execute(params![
                channel_id.as_i64(),
                range.low,
                range.high,
                complete.map(|it| <&str>::from(it.by)),
                gap.map(<&str>::from),
                complete.and_then(|it| it.stale_since),
                complete.is_some_and(|it| it.reread),
                complete.and_then(|it| it.reactions_stale_since),
            ])?;
        }
    }
    Ok(())
}

pub(crate) fn write_session(
    connection: &Connection,
    session: &SessionMark,
) -> Result<(), StoreError> {
    connection.execute(
        "DELETE FROM gateway_sessions WHERE shard = ?",
        [session.shard],
    )?;
    connection.execute(
        "INSERT INTO gateway_sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            session.shard,
            session.session_id,
            session.resume_url,
            session.sequence,
            session.live_low,
            session.live_high,
            session.heard_at,
            session.intents,
        ],
    )?;
    Ok(())
}

/// Deletes the rows of these channels from a table, to be written anew.
fn delete_rows(
    connection: &Connection,
    table: &str,
    channels: &HashSet<ChannelId>,
) -> Result<(), StoreError> {
    let ids = list(channels.iter().map(|id| id.as_i64()));
    let sql = format!("DELETE FROM {table} WHERE channel_id IN ({ids})");
    Ok(connection.execute_batch(&sql)?)
}
