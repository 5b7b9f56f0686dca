//! The small tables: guilds, channels, coverage, the socket's session, fragments and parked
//! payloads. Marks are kept in memory too, and read anew after a commit that failed.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use duckdb::{Connection, params};
use rangemap::RangeSet;

use super::lookup::list;
use super::messages::patch_json;
use super::row::id;
use super::{Access, Batch, Channel, ChannelGone, Covered, SessionMark, StoreError};
use crate::message::{ChannelId, IdSpan, Message, snowflake_at};

/// What the writer knows of channels and sessions.
#[derive(Default)]
pub(super) struct Marks {
    channels: HashMap<ChannelId, ChannelMark>,
    coverage: HashMap<ChannelId, RangeSet<i64>>,
    sessions: HashMap<u32, SessionMark>,
}

/// A channel's row.
struct ChannelMark {
    channel: Channel,
    gone_at: Option<DateTime<Utc>>,
    access: Access,
    access_detail: Option<String>,
    access_since: Option<DateTime<Utc>>,
}

impl Marks {
    pub(super) fn load(connection: &Connection) -> Result<Self, StoreError> {
        let mut marks = Self::default();
        let mut statement = connection.prepare(
            "SELECT channel_id, guild_id, parent_id, channel_type, name, gone_at, access, \
             access_detail, access_since FROM channels",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let mark = ChannelMark {
                channel: read_channel(row)?,
                gone_at: row.get(5)?,
                access: Access::from_name(&row.get::<_, String>(6)?),
                access_detail: row.get(7)?,
                access_since: row.get(8)?,
            };
            marks.channels.insert(mark.channel.id, mark);
        }
        marks.coverage = read_coverage(connection)?;
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
                ChannelMark {
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
        for (channel_id, access, detail) in &batch.access {
            if let Some(mark) = self.channels.get_mut(channel_id)
                && mark.access != *access
            {
                mark.access = *access;
                mark.access_detail.clone_from(detail);
                mark.access_since = Some(now);
                touched.insert(*channel_id);
            }
        }
        let gone = self.with_threads(&batch.channels_gone);
        for channel in &gone {
            if let Some(mark) = self.channels.get_mut(&channel.id) {
                mark.gone_at = Some(channel.noticed_at);
                touched.insert(channel.id);
            }
        }
        self.write_channels(connection, &touched)?;

        let mut covered = batch.covered.clone();
        if let Some(session) = &batch.session {
            covered.extend(self.write_session(connection, session)?);
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
        connection.execute_batch(&format!(
            "DELETE FROM channels WHERE channel_id IN ({})",
            list(touched.iter().map(|id| id.as_i64()))
        ))?;
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

    /// Writes the session. Where it is a new one, answers what the old one's live events cover:
    /// from then on that is history like any other.
    fn write_session(
        &mut self,
        connection: &Connection,
        session: &SessionMark,
    ) -> Result<Vec<Covered>, StoreError> {
        let old = self.sessions.insert(session.shard, session.clone());
        let covered = match old {
            Some(old) if old.session_id != session.session_id => self.covered_live(&old),
            _ => Vec::new(),
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
        Ok(covered)
    }

    /// What a session's live events cover: of each channel the part since it could be read.
    fn covered_live(&self, session: &SessionMark) -> Vec<Covered> {
        let readable = self
            .channels
            .values()
            .filter(|mark| mark.access == Access::Readable);
        readable
            .filter_map(|mark| {
                let low = session.live_low.max(snowflake_at(mark.access_since?));
                let span = IdSpan {
                    low,
                    high: session.live_high,
                };
                (!span.is_empty()).then_some(Covered {
                    channel_id: mark.channel.id,
                    span,
                })
            })
            .collect()
    }

    fn write_coverage(
        &mut self,
        connection: &Connection,
        covered: &[Covered],
    ) -> Result<(), StoreError> {
        let mut touched = HashSet::new();
        for Covered { channel_id, span } in covered.iter().filter(|it| !it.span.is_empty()) {
            let ranges = self.coverage.entry(*channel_id).or_default();
            if ranges.gaps(&(span.low..span.high)).next().is_some() {
                ranges.insert(span.low..span.high);
                touched.insert(*channel_id);
            }
        }
        if touched.is_empty() {
            return Ok(());
        }
        connection.execute_batch(&format!(
            "DELETE FROM coverage WHERE channel_id IN ({})",
            list(touched.iter().map(|id| id.as_i64()))
        ))?;
        let mut insert = connection.prepare("INSERT INTO coverage VALUES (?, ?, ?)")?;
        for channel_id in touched {
            for range in self
                .coverage
                .get(&channel_id)
                .into_iter()
                .flat_map(RangeSet::iter)
            {
                insert.execute(params![channel_id.as_i64(), range.start, range.end])?;
            }
        }
        Ok(())
    }
}

impl Channel {
    /// Whether it is a thread: Discord's types 10, 11 and 12.
    #[must_use]
    pub fn is_thread(&self) -> bool {
        matches!(self.channel_type, 10..=12)
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

/// The columns `channel_id, guild_id, parent_id, channel_type, name`.
pub(super) fn read_channel(row: &duckdb::Row<'_>) -> Result<Channel, StoreError> {
    let parent: Option<i64> = row.get(2)?;
    Ok(Channel {
        id: id(row, 0)?,
        guild_id: id(row, 1)?,
        parent_id: parent.and_then(|parent| parent.try_into().ok()),
        channel_type: row.get(3)?,
        name: row.get(4)?,
    })
}

pub(super) fn read_coverage(
    connection: &Connection,
) -> Result<HashMap<ChannelId, RangeSet<i64>>, StoreError> {
    let mut coverage: HashMap<ChannelId, RangeSet<i64>> = HashMap::new();
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
