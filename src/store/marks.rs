//! The small tables: guilds, channels, coverage, the socket's session, fragments and parked
//! payloads. Marks are kept in memory too, and read anew after a commit that failed.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use duckdb::{Connection, params};
use rangemap::RangeSet;

use super::known::{read_channels, read_coverage, read_sessions};
use super::lookup::list;
use super::messages::patch_json;
use super::{
    Access, Batch, ChannelGone, Covered, Interrupted, KnownChannel, SessionMark, StoreError,
};
use crate::message::{ChannelId, Message, snowflake_at};

/// What the writer knows of channels and sessions.
pub(super) struct Marks {
    channels: HashMap<ChannelId, KnownChannel>,
    coverage: HashMap<ChannelId, RangeSet<i64>>,
    sessions: HashMap<u32, SessionMark>,
    /// How far back an ended session makes the record doubtful.
    repair_window: TimeDelta,
}

impl Marks {
    pub(super) fn load(
        connection: &Connection,
        repair_window: TimeDelta,
    ) -> Result<Self, StoreError> {
        let mut marks = Self {
            channels: HashMap::new(),
            coverage: read_coverage(connection)?,
            sessions: HashMap::new(),
            repair_window,
        };
        for known in read_channels(connection)? {
            marks.channels.insert(known.channel.id, known);
        }
        for session in read_sessions(connection)? {
            marks.sessions.insert(session.shard, session);
        }
        Ok(marks)
    }

    /// When a channel went, if it did.
    pub(super) fn gone_at(&self, channel: ChannelId) -> Option<DateTime<Utc>> {
        self.channels.get(&channel)?.gone_at
    }

    /// Writes the batch's marks. Answers the channels that went now, threads of theirs included.
    pub(super) fn apply(
        &mut self,
        connection: &Connection,
        batch: &Batch,
        now: DateTime<Utc>,
    ) -> Result<Vec<ChannelGone>, StoreError> {
        park(connection, batch, now)?;
        for guild in &batch.guilds {
            connection.execute("DELETE FROM guilds WHERE guild_id = ?", [guild.id.as_i64()])?;
            connection.execute(
                "INSERT INTO guilds VALUES (?, ?)",
                params![guild.id.as_i64(), guild.name],
            )?;
        }
        let mut touched = HashSet::new();
        for channel in &batch.channels {
            let mark = self.channels.entry(channel.id);
            let mark = mark.or_insert_with(|| {
                touched.insert(channel.id);
                KnownChannel {
                    channel: channel.clone(),
                    gone_at: None,
                    access: Access::Unknown,
                    access_detail: None,
                    access_since: None,
                }
            });
            if mark.channel != *channel {
                mark.channel.clone_from(channel);
                touched.insert(channel.id);
            }
        }
        for news in &batch.access {
            if let Some(known) = self.channels.get_mut(&news.channel_id)
                && known.access != news.access
            {
                known.access = news.access;
                known.access_detail.clone_from(&news.detail);
                known.access_since = Some(news.since);
                touched.insert(news.channel_id);
            }
        }
        let gone = self.with_threads(&batch.channels_gone);
        for channel in &gone {
            if let Some(mark) = self.channels.get_mut(&channel.id) {
                mark.gone_at = Some(channel.noticed_at);
                touched.insert(channel.id);
            }
        }
        let mut covered = self.cover(&batch.covered);
        for interrupted in &batch.interrupted {
            let channels = self.interrupt(*interrupted, now);
            touched.extend(&channels);
            covered.extend(channels);
        }
        self.write_channels(connection, &touched)?;
        for session in last_of_each(&batch.sessions) {
            covered.extend(self.write_session(connection, session, now)?);
        }
        self.write_coverage(connection, &covered)?;
        Ok(gone)
    }

    /// The deleted channels that are news, each followed by its threads.
    fn with_threads(&self, deleted: &[ChannelGone]) -> Vec<ChannelGone> {
        let mut gone: Vec<ChannelGone> = Vec::new();
        for root in deleted {
            let threads = self
                .channels
                .values()
                .filter(|mark| mark.channel.parent_id == Some(root.id) && mark.channel.is_thread())
                .map(|mark| mark.channel.id);
            for id in std::iter::once(root.id).chain(threads) {
                if self.gone_at(id).is_none() {
                    gone.push(ChannelGone { id, ..*root });
                }
            }
        }
        gone
    }

    fn write_channels(
        &self,
        connection: &Connection,
        touched: &HashSet<ChannelId>,
    ) -> Result<(), StoreError> {
        if touched.is_empty() {
            return Ok(());
        }
        delete_rows(connection, "channels", touched)?;
        let mut insert =
            connection.prepare("INSERT INTO channels VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
        for mark in touched.iter().filter_map(|id| self.channels.get(id)) {
            let channel = &mark.channel;
            insert.execute(params![
                channel.id.as_i64(),
                channel.guild_id.as_i64(),
                channel.parent_id.map(ChannelId::as_i64),
                channel.channel_type,
                channel.name,
                mark.gone_at,
                mark.access.as_str(),
                mark.access_detail,
                mark.access_since,
            ])?;
        }
        Ok(())
    }

    /// Writes the session. Answers the channels whose coverage changes with it.
    fn write_session(
        &mut self,
        connection: &Connection,
        session: &SessionMark,
        now: DateTime<Utc>,
    ) -> Result<HashSet<ChannelId>, StoreError> {
        let old = self.sessions.insert(session.shard, session.clone());
        let touched = match old {
            Some(old) if old.session_id == session.session_id => HashSet::new(),
            Some(old) => self.end_session(old.live_low, old.live_high, now),
            // History was read, and nobody listened after it.
            None => self.end_session(i64::MAX, i64::MAX, now),
        };
        connection.execute(
            "DELETE FROM gateway_sessions WHERE shard = ?",
            [session.shard],
        )?;
        connection.execute(
            "INSERT INTO gateway_sessions VALUES (?, ?, ?, ?, ?, ?)",
            params![
                session.shard,
                session.session_id,
                session.resume_url,
                session.sequence,
                session.live_low,
                session.live_high
            ],
        )?;
        Ok(touched)
    }

    /// Turns what an ended session covered into coverage like any other, and takes back what its
    /// end makes doubtful.
    ///
    /// Events after the last id it brought are lost: new messages there, and edits and deletes of
    /// older ones. So nothing is known beyond that id, nor inside the repair window before now:
    /// those ranges are gaps again, and are read again. Below that the session covers a channel
    /// from where history left off, and only if history did get there: a live message never
    /// closes a gap.
    fn end_session(
        &mut self,
        live_low: i64,
        live_high: i64,
        now: DateTime<Utc>,
    ) -> HashSet<ChannelId> {
        let doubtful = live_high.min(snowflake_at(now - self.repair_window));
        let mut touched = HashSet::new();
        for (channel_id, ranges) in &mut self.coverage {
            let before = ranges.clone();
            let since = self
                .channels
                .get(channel_id)
                .filter(|known| known.access == Access::Readable)
                .and_then(|known| known.access_since)
                .map(|since| live_low.max(snowflake_at(since)));
            if let Some(low) = since {
                join_live(ranges, low, doubtful);
            }
            ranges.remove(doubtful..i64::MAX);
            if *ranges != before {
                touched.insert(*channel_id);
            }
        }
        touched
    }

    /// Settles what the session covered of channels until now, and lets it begin anew from here:
    /// what may be missing between is a gap. Answers the channels.
    fn interrupt(&mut self, interrupted: Interrupted, now: DateTime<Utc>) -> HashSet<ChannelId> {
        let Some(session) = self.sessions.get(&0) else {
            return HashSet::new();
        };
        let mut touched = HashSet::new();
        for known in self.channels.values_mut() {
            let channel = &known.channel;
            let is_meant = interrupted
                .channel_id
                .is_none_or(|id| id == channel.id || channel.parent_id == Some(id));
            let Some(since) = known.access_since else {
                continue;
            };
            if channel.guild_id != interrupted.guild_id
                || !is_meant
                || known.access != Access::Readable
            {
                continue;
            }
            if let Some(ranges) = self.coverage.get_mut(&channel.id) {
                let low = session.live_low.max(snowflake_at(since));
                join_live(ranges, low, session.live_high);
            }
            known.access_since = Some(now);
            touched.insert(channel.id);
        }
        touched
    }

    /// Adds ranges; answers the channels for which they are news.
    fn cover(&mut self, covered: &[Covered]) -> HashSet<ChannelId> {
        let mut touched = HashSet::new();
        let session_id = self
            .sessions
            .get(&0)
            .map(|session| session.session_id.as_str());
        for Covered {
            channel_id, span, ..
        } in covered
            .iter()
            .filter(|it| !it.span.is_empty() && it.session_id.as_deref() == session_id)
        {
            let ranges = self.coverage.entry(*channel_id).or_default();
            if ranges.gaps(&(span.low..span.high)).next().is_some() {
                ranges.insert(span.low..span.high);
                touched.insert(*channel_id);
            }
        }
        touched
    }

    fn write_coverage(
        &self,
        connection: &Connection,
        touched: &HashSet<ChannelId>,
    ) -> Result<(), StoreError> {
        if touched.is_empty() {
            return Ok(());
        }
        delete_rows(connection, "coverage", touched)?;
        let mut insert = connection.prepare("INSERT INTO coverage VALUES (?, ?, ?)")?;
        for channel_id in touched {
            for range in self
                .coverage
                .get(channel_id)
                .into_iter()
                .flat_map(RangeSet::iter)
            {
                insert.execute(params![channel_id.as_i64(), range.start, range.end])?;
            }
        }
        Ok(())
    }
}

/// Writes what is known of messages without a payload.
pub(super) fn append_fragments(
    connection: &Connection,
    fragments: &[Message],
    revision: i64,
) -> Result<(), StoreError> {
    if fragments.is_empty() {
        return Ok(());
    }
    let mut insert =
        connection.prepare("INSERT INTO message_fragments VALUES (?, ?, ?, ?, ?, ?, ?)")?;
    for fragment in fragments {
        insert.execute(params![
            fragment.id.as_i64(),
            fragment.guild_id.as_i64(),
            fragment.channel_id.as_i64(),
            fragment.gone.map(|gone| gone.by.as_str()),
            fragment.gone.map(|gone| gone.noticed_at),
            patch_json(&fragment.patch)?,
            revision,
        ])?;
    }
    Ok(())
}

/// Adds what was live to what was read, if the reading got to where the live part begins.
fn join_live(ranges: &mut RangeSet<i64>, low: i64, high: i64) {
    if low < high && ranges.contains(&(low - 1)) {
        ranges.insert(low..high);
    }
}

/// Takes the rows of these channels out of a table, to be written anew.
fn delete_rows(
    connection: &Connection,
    table: &str,
    channels: &HashSet<ChannelId>,
) -> Result<(), StoreError> {
    let ids = list(channels.iter().map(|id| id.as_i64()));
    let sql = format!("DELETE FROM {table} WHERE channel_id IN ({ids})");
    Ok(connection.execute_batch(&sql)?)
}

/// The last mark of each session, in their order: the ones between are of no use any more.
fn last_of_each(sessions: &[SessionMark]) -> impl Iterator<Item = &SessionMark> {
    sessions.iter().enumerate().filter_map(|(n, session)| {
        let next = sessions.get(n + 1);
        let is_last = next.is_none_or(|next| next.session_id != session.session_id);
        is_last.then_some(session)
    })
}

/// Keeps payloads that could not be understood, each once however often it came.
fn park(connection: &Connection, batch: &Batch, now: DateTime<Utc>) -> Result<(), StoreError> {
    for parked in &batch.parked {
        connection.execute(
            "INSERT INTO parked_payloads SELECT ?, ?, ?, ?, ?, ? \
             WHERE NOT EXISTS (FROM parked_payloads WHERE payload = ? AND event = ?)",
            params![
                now,
                parked.source as u8,
                parked.event,
                parked.channel_id.map(ChannelId::as_i64),
                parked.reason,
                parked.payload,
                parked.payload,
                parked.event,
            ],
        )?;
    }
    Ok(())
}
