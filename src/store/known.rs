//! Reading the small tables: what is known of channels, their coverage and the socket's session.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use duckdb::Connection;
use rangemap::RangeSet;

use super::query::Reader;
use super::row::id;
use super::{Access, Channel, KnownChannel, SessionMark, StoreError};
use crate::message::{ChannelId, GuildId, IdSpan, MessageId};

/// For each channel the ranges of ids that are known complete.
pub type Coverage = HashMap<ChannelId, RangeSet<i64>>;

impl Reader {
    /// The channels and threads that were ever seen.
    ///
    /// # Errors
    /// If the query fails.
    pub async fn channels(&self) -> Result<Vec<KnownChannel>, StoreError> {
        self.run(read_channels).await
    }

    /// What is known complete.
    ///
    /// # Errors
    /// If the query fails.
    pub async fn coverage(&self) -> Result<Coverage, StoreError> {
        self.run(read_coverage).await
    }

    /// The socket's session of a shard, as far as its events are in the record.
    ///
    /// # Errors
    /// If the query fails.
    pub async fn session(&self, shard: u32) -> Result<Option<SessionMark>, StoreError> {
        let sessions = self.run(read_sessions).await?;
        Ok(sessions.into_iter().find(|session| session.shard == shard))
    }

    /// The messages of a range that are not known to be gone, as they were at `revision`: what
    /// changed later is left out, because a page read at that time can't speak of it.
    ///
    /// # Errors
    /// If the query fails.
    pub async fn undeleted(
        &self,
        guild_id: GuildId,
        channel_id: ChannelId,
        span: IdSpan,
        revision: i64,
    ) -> Result<HashSet<MessageId>, StoreError> {
        self.run(move |connection| {
            let mut statement = connection.prepare(&format!(
                "SELECT message_id FROM discord_messages WHERE channel_id = {} AND guild_id = {} \
                 AND message_id >= {} AND message_id < {} AND NOT deleted AND revision <= {revision}",
                channel_id.as_i64(),
                guild_id.as_i64(),
                span.low,
                span.high
            ))?;
            let mut rows = statement.query([])?;
            let mut ids = HashSet::new();
            while let Some(row) = rows.next()? {
                ids.insert(id(row, 0)?);
            }
            Ok(ids)
        })
        .await
    }
}

pub(super) fn read_channels(connection: &Connection) -> Result<Vec<KnownChannel>, StoreError> {
    let mut statement = connection.prepare(
        "SELECT channel_id, guild_id, parent_id, channel_type, name, gone_at, access, \
         access_detail, access_since FROM channels",
    )?;
    let mut rows = statement.query([])?;
    let mut channels = Vec::new();
    while let Some(row) = rows.next()? {
        let parent: Option<i64> = row.get(2)?;
        let access: String = row.get(6)?;
        let gone_at: Option<DateTime<Utc>> = row.get(5)?;
        channels.push(KnownChannel {
            channel: Channel {
                id: id(row, 0)?,
                guild_id: id(row, 1)?,
                parent_id: parent.and_then(|parent| parent.try_into().ok()),
                channel_type: row.get(3)?,
                name: row.get(4)?,
            },
            gone_at,
            access: Access::from_name(&access),
            access_detail: row.get(7)?,
            access_since: row.get(8)?,
        });
    }
    Ok(channels)
}

pub(super) fn read_coverage(connection: &Connection) -> Result<Coverage, StoreError> {
    let mut coverage = Coverage::new();
    let mut statement = connection.prepare("SELECT channel_id, low, high FROM coverage")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (low, high): (i64, i64) = (row.get(1)?, row.get(2)?);
        if low < high {
            coverage.entry(id(row, 0)?).or_default().insert(low..high);
        }
    }
    Ok(coverage)
}

pub(super) fn read_sessions(connection: &Connection) -> Result<Vec<SessionMark>, StoreError> {
    let mut statement = connection.prepare(
        "SELECT shard, session_id, resume_url, sequence, live_low, live_high FROM gateway_sessions",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(SessionMark {
            shard: row.get(0)?,
            session_id: row.get(1)?,
            resume_url: row.get(2)?,
            sequence: row.get(3)?,
            live_low: row.get(4)?,
            live_high: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
