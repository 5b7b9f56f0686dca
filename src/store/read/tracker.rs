//! Reads the state of the coverage tracker from its tables: guilds, channels, coverage and the gateway session.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use duckdb::Connection;

use super::reader::Reader;
use crate::guild::{
    Access, Channel, ChannelGone, Complete, Coverage, KnownChannel, RangeState, SessionMark,
};
use crate::message::{ChannelId, GuildId, IdRange, Life, MessageId};
use crate::store::StoreError;
use crate::store::schema::sql::id;

impl Reader {
    /// All channels and threads that the record knows.
    ///
    /// # Errors
    /// If the query fails.
    pub async fn channels(&self) -> Result<Vec<KnownChannel>, StoreError> {
        self.run_at_one_moment(read_channels).await
    }

    /// The coverage of all channels.
    ///
    /// # Errors
    /// If the query fails.
    pub async fn coverage(&self) -> Result<Coverage, StoreError> {
        self.run_at_one_moment(read_coverage).await
    }

    /// The gateway session of a shard, as far as its events are in the record.
    ///
    /// # Errors
    /// If the query fails.
    pub async fn session(&self, shard: u32) -> Result<Option<SessionMark>, StoreError> {
        let sessions = self.run_at_one_moment(read_sessions).await?;
        Ok(sessions.into_iter().find(|session| session.shard == shard))
    }

    /// The messages of a range that existed at `revision`, each with the time at which it was first stored.
    /// Messages that changed later are left out, because a page that was read at that time says nothing about
    /// them.
    ///
    /// # Errors
    /// If the query fails.
    pub async fn undeleted(
        &self,
        guild_id: GuildId,
        channel_id: ChannelId,
        range: IdRange,
        revision: i64,
    ) -> Result<HashMap<MessageId, DateTime<Utc>>, StoreError> {
        self.run_at_one_moment(move |connection| {
            let mut statement = connection.prepare(&format!(
                "SELECT message_id, ingested_at FROM discord_messages WHERE channel_id = {} AND guild_id = {} \
                 AND message_id >= {} AND message_id < {} AND NOT deleted AND revision <= {revision}",
                channel_id.as_i64(),
                guild_id.as_i64(),
                range.low,
                range.high
            ))?;
            let mut rows = statement.query([])?;
            let mut ids = HashMap::new();
            while let Some(row) = rows.next()? {
                ids.insert(id(row, 0)?, row.get(1)?);
            }
            Ok(ids)
        })
        .await
    }
}

pub(crate) fn read_channels(connection: &Connection) -> Result<Vec<KnownChannel>, StoreError> {
    let mut statement = connection.prepare(
        "SELECT channel_id, guild_id, parent_id, channel_type, name, gone_at, access, \
         access_detail, access_since, gone_after, unheard_since, gone_told, gone_asked_at, \
         suspected_since FROM channels",
    )?;
    let mut rows = statement.query([])?;
    let mut channels = Vec::new();
    while let Some(row) = rows.next()? {
        let parent: Option<i64> = row.get(2)?;
        let access: String = row.get(6)?;
        let gone_at: Option<DateTime<Utc>> = row.get(5)?;
        let gone_after: Option<DateTime<Utc>> = row.get(9)?;
        // A record from before schema version 7 does not say whether the deletion was confirmed, so it counts
        // as inferred, and a later proof of life refutes it.
        let gone_told: Option<bool> = row.get(11)?;
        let gone_asked_at: Option<DateTime<Utc>> = row.get(12)?;
        let channel_id: ChannelId = id(row, 0)?;
        let gone = gone_after.zip(gone_at).map(|(after, before)| ChannelGone {
            id: channel_id,
            after,
            before,
            asked_at: (gone_told != Some(true)).then_some(gone_asked_at.unwrap_or(before)),
        });
        channels.push(KnownChannel {
            channel: Channel {
                id: channel_id,
                guild_id: id(row, 1)?,
                parent_id: parent.and_then(|parent| parent.try_into().ok()),
                channel_type: row.get(3)?,
                name: row.get(4)?,
            },
            life: gone.map_or_else(Life::default, |gone| gone.life()),
            suspected_since: row.get(13)?,
            access: access.parse().unwrap_or(Access::Unknown),
            access_detail: row.get(7)?,
            access_since: row.get(8)?,
            unheard_since: row.get(10)?,
        });
    }
    Ok(channels)
}

pub(crate) fn read_coverage(connection: &Connection) -> Result<Coverage, StoreError> {
    let mut coverage = Coverage::new();
    let mut statement = connection.prepare(
        "SELECT channel_id, low, high, complete_by, gap_reason, stale_since, reread, \
         reactions_stale_since FROM coverage_ranges",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let channel_id: ChannelId = id(row, 0)?;
        let by: Option<String> = row.get(3)?;
        let reason: Option<String> = row.get(4)?;
        let gap = reason.as_deref().and_then(|name| name.parse().ok());
        let state = match (by.as_deref().and_then(|name| name.parse().ok()), gap) {
            (Some(by), None) => RangeState::Complete(Complete {
                by,
                stale_since: row.get(5)?,
                reread: row.get(6)?,
                reactions_stale_since: row.get(7)?,
            }),
            (None, Some(reason)) => RangeState::Gap(reason),
            _ => {
                let range = format!("the coverage of {channel_id} is {by:?} and {reason:?}");
                return Err(StoreError::Damaged(range));
            }
        };
        let ranges = coverage.entry(channel_id).or_default();
        ranges.insert(IdRange::new(row.get(1)?, row.get(2)?), state);
    }
    Ok(coverage)
}

pub(crate) fn read_sessions(connection: &Connection) -> Result<Vec<SessionMark>, StoreError> {
    let mut statement = connection.prepare(
        "SELECT shard, session_id, resume_url, sequence, live_low, live_high, heard_at, intents \
         FROM gateway_sessions",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(SessionMark {
            shard: row.get(0)?,
            session_id: row.get(1)?,
            resume_url: row.get(2)?,
            sequence: row.get(3)?,
            live_low: row.get(4)?,
            live_high: row.get(5)?,
            // The first schema version did not store this time.
            heard_at: row.get::<_, Option<_>>(6)?.unwrap_or_default(),
            // Before schema version 7 there was only one set of intents.
            intents: row.get::<_, Option<_>>(7)?.unwrap_or_default(),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
