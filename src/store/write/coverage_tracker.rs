//! The coverage tracker: guilds, channels, coverage and the gateway session, written in the transaction of the
//! rows that they vouch for. The state is kept in memory too, and is loaded again after a failed commit.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};
use duckdb::Connection;
use rangemap::{RangeMap, RangeSet};

use super::batch::Batch;
use super::tracker_tables::{write_channels, write_coverage, write_guilds, write_session};
use super::{dead_letters, outages};
use crate::guild::{
    Access, AccessMark, Channel, ChannelCoverage, ChannelGone, Coverage, Covered, Doubt, GapReason,
    Interrupted, KnownChannel, Place, SessionEnd, SessionMark, Suspicion,
};
use crate::message::{
    ChannelId, Gone, IdRange, Life, Message, MessageId, snowflake_at, snowflake_time,
};
use crate::store::StoreError;
use crate::store::read::tracker::{read_channels, read_coverage, read_sessions};
use crate::store::schema::levels::LEVELS;
use crate::store::schema::sql;

/// The writer's state of channels, coverage and sessions.
pub(crate) struct CoverageTracker {
    channels: HashMap<ChannelId, KnownChannel>,
    coverage: Coverage,
    sessions: HashMap<u32, SessionMark>,
    /// The ids of each channel that became suspect, with the commit of this process that made them so. A page
    /// that was requested before that commit does not settle them.
    doubted: HashMap<ChannelId, RangeMap<i64, i64>>,
    /// The channels whose permissions were checked again after events may have been missed in them, and when.
    /// An entry is removed once the gateway has delivered everything up to that time.
    looks: HashMap<ChannelId, DateTime<Utc>>,
    /// When an earlier process made its last commit.
    before_this_run: Option<DateTime<Utc>>,
    /// The shards whose session delivered something to this process.
    heard: HashSet<u32>,
    /// The repair window: how far back the end of a session makes the record stale.
    repair_window: TimeDelta,
}

/// The channels and threads whose messages a commit marks as deleted or as existing.
#[derive(Debug, Default)]
pub(crate) struct ChannelsChanged {
    /// Deleted or missing from now on.
    pub(crate) gone: Vec<ChannelGone>,
    /// Until now taken for missing, and proved to exist.
    pub(crate) alive: Vec<ChannelId>,
}

impl CoverageTracker {
    pub(crate) fn load(
        connection: &Connection,
        repair_window: TimeDelta,
    ) -> Result<Self, StoreError> {
        let channels = read_channels(connection)?.into_iter();
        let sessions = read_sessions(connection)?.into_iter();
        Ok(Self {
            channels: channels.map(|known| (known.channel.id, known)).collect(),
            coverage: read_coverage(connection)?,
            sessions: sessions.map(|session| (session.shard, session)).collect(),
            before_this_run: connection.query_row(
                "SELECT committed_at FROM record_state",
                [],
                |row| row.get(0),
            )?,
            doubted: HashMap::new(),
            looks: HashMap::new(),
            heard: HashSet::new(),
            repair_window,
        })
    }

    /// Loads again what a failed commit may have changed in memory.
    pub(crate) fn reload(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let fresh = Self::load(connection, self.repair_window)?;
        self.channels = fresh.channels;
        self.coverage = fresh.coverage;
        self.sessions = fresh.sessions;
        Ok(())
    }

    /// The time since which the current session delivers every change.
    pub(crate) fn session_began(&self) -> Option<DateTime<Utc>> {
        self.sessions
            .get(&0)
            .map(|session| snowflake_time(session.live_low))
    }

    /// The deletion of a channel, if it is deleted or missing.
    fn gone(&self, channel: ChannelId) -> Option<Gone> {
        self.channels.get(&channel)?.gone()
    }

    /// The deletion of a message through its channel's, if the channel is deleted or missing.
    pub(crate) fn gone_with_channel(&self, message: &Message) -> Option<Gone> {
        let Gone { after, before, by } = self.gone(message.channel_id)?;
        let coverage = self.coverage.get(&message.channel_id);
        let there = coverage.map(|coverage| coverage.there_at(message.id, after));
        let there = there.unwrap_or(message.id.created_at());
        Some(Gone::new(message.id, there, before, by))
    }

    /// Applies a batch in the commit with this number. Returns the channels that are deleted or missing from
    /// now on, including their threads, and those that exist after all.
    pub(crate) fn apply(
        &mut self,
        connection: &Connection,
        batch: &Batch,
        commit: i64,
        now: DateTime<Utc>,
    ) -> Result<ChannelsChanged, StoreError> {
        dead_letters::append(connection, &batch.parked, now)?;
        write_guilds(connection, &batch.guilds)?;
        let mut touched = HashSet::new();
        let mut covered = HashSet::new();
        touched.extend(batch.channels.iter().filter_map(|it| self.enter(it)));
        for news in &batch.access {
            if self.access(news, commit, now) {
                touched.insert(news.channel_id);
                covered.insert(news.channel_id);
            }
        }
        self.recall_life(connection, &batch.channels_gone)?;
        let gone = self.leave(&batch.channels_gone, &batch.channels);
        touched.extend(gone.iter().map(|channel| channel.id));
        covered.extend(gone.iter().map(|channel| channel.id));
        let (alive, unsuspected) = self.see_channels(batch, commit);
        touched.extend(&alive);
        touched.extend(unsuspected);
        covered.extend(&alive);
        touched.extend(batch.suspicions.iter().filter_map(|it| self.suspect(it)));
        covered.extend(batch.covered.iter().filter_map(|it| self.cover(it)));
        covered.extend(batch.doubts.iter().filter_map(|it| self.doubt(it, commit)));
        for interrupted in &batch.interrupted {
            let channels = self.interrupt(*interrupted, commit);
            touched.extend(&channels);
            covered.extend(channels);
        }
        for session in last_of_each(&batch.sessions) {
            covered.extend(self.enter_session(connection, session, now)?);
            touched.extend(self.heard_again(session.heard_at));
        }
        write_channels(connection, &self.channels, &touched)?;
        write_coverage(connection, &self.coverage, &covered)?;
        let is_gone = |channel: &ChannelGone| self.gone(channel.id).is_some();
        Ok(ChannelsChanged {
            gone: gone.into_iter().filter(is_gone).collect(),
            alive,
        })
    }

    /// Stores a channel; returns its id if that changed anything.
    fn enter(&mut self, channel: &Channel) -> Option<ChannelId> {
        let known = self.channels.get_mut(&channel.id);
        match known {
            Some(known) if known.channel == *channel => return None,
            Some(known) => known.channel.clone_from(channel),
            None => {
                let known = KnownChannel {
                    channel: channel.clone(),
                    life: Life::default(),
                    suspected_since: None,
                    access: Access::Unknown,
                    access_detail: None,
                    access_since: None,
                    unheard_since: None,
                };
                self.channels.insert(channel.id, known);
            }
        }
        Some(channel.id)
    }

    /// Stores whether a channel can be read; returns whether that changed anything. While a channel could not
    /// be read, its edits and deletes were not received.
    fn access(&mut self, news: &AccessMark, commit: i64, now: DateTime<Utc>) -> bool {
        let Some(known) = self.channels.get_mut(&news.channel_id) else {
            return false;
        };
        // A list that was requested before the last change and processed after it says nothing about the time
        // between.
        let is_old = known.access_since.is_some_and(|since| news.since < since);
        if is_old && known.access == news.access {
            return false;
        }
        if known.unheard_since.is_some() {
            self.looks.insert(news.channel_id, news.since);
        }
        if known.access == news.access {
            // The channel may not have been live until now, so backfill has to read up to this check.
            let session = self.sessions.get(&0);
            let is_live_anew = news.access == Access::Readable
                && session.is_some_and(|session| !known.is_heard_by(session));
            if is_live_anew {
                known.access_since = Some(news.since);
            }
            return is_live_anew;
        }
        if (known.access == Access::Readable || news.access == Access::Readable)
            && let Some(since) = known.access_since
            && let Some(coverage) = self.coverage.get_mut(&news.channel_id)
        {
            let window_low = snowflake_at(now - self.repair_window);
            // If permissions changed earlier and were not checked since, events may have been missed since
            // then.
            let since = known.unheard_since.map_or(since, |told| since.min(told));
            coverage.make_stale(IdRange::ALL, since, window_low);
        }
        // The same holds for a channel without coverage, because a page of it may be in flight.
        note_doubt(&mut self.doubted, news.channel_id, IdRange::ALL, commit);
        known.access = news.access;
        known.access_detail.clone_from(&news.detail);
        known.access_since = Some(news.since);
        true
    }

    /// Before a channel is taken for missing: looks up when a message in it, or in one of its threads, was last
    /// observed, possibly by an earlier process.
    fn recall_life(
        &mut self,
        connection: &Connection,
        gone: &[ChannelGone],
    ) -> Result<(), StoreError> {
        for gone in gone.iter().filter(|gone| !gone.is_told()) {
            let channels = self.channels.values().map(|known| &known.channel);
            let meant = channels
                .filter(|it| it.id == gone.id || it.parent_id == Some(gone.id) && it.is_thread());
            let meant: Vec<_> = meant.map(|channel| channel.id.as_i64()).collect();
            if let Some(at) = last_observed(connection, meant.into_iter())? {
                self.see_channel(gone.id, at);
            }
        }
        Ok(())
    }

    /// Stores deleted channels with their threads, and threads that become known only after the deletion of
    /// their channel. Returns what is new.
    fn leave(&mut self, deleted: &[ChannelGone], entered: &[Channel]) -> Vec<ChannelGone> {
        let mut news = Vec::new();
        for root in deleted {
            let life = self.channels.get(&root.id).map(|known| known.life);
            if life.is_some_and(|life| life.join(root.life()).gone().is_none()) {
                // A later proof of life refutes the deletion, also for the threads.
                continue;
            }
            let threads = self
                .channels
                .values()
                .filter(|mark| mark.channel.parent_id == Some(root.id) && mark.channel.is_thread())
                .map(|mark| mark.channel.id);
            news.extend(
                std::iter::once(root.id)
                    .chain(threads)
                    .map(|id| ChannelGone { id, ..*root }),
            );
        }
        for thread in entered.iter().filter(|channel| channel.is_thread()) {
            // A thread of a channel that is only missing proves that the channel exists.
            if let Some(gone) = thread.parent_id.and_then(|parent| self.gone(parent))
                && gone.by.is_told()
            {
                news.push(ChannelGone {
                    id: thread.id,
                    after: gone.after,
                    before: gone.before,
                    asked_at: None,
                });
            }
        }
        news.retain(|gone| {
            let Some(known) = self.channels.get_mut(&gone.id) else {
                return false;
            };
            let life = known.life.join(gone.life());
            if life.gone() == known.gone() {
                known.life = life;
                return false;
            }
            if let Some(session) = self.sessions.get(&0)
                && let Some(coverage) = self.coverage.get_mut(&gone.id)
            {
                settle(coverage, known, session);
            }
            known.life = life;
            known.suspected_since = None;
            true
        });
        news
    }

    /// Stores the proofs of life of channels, from lists, events, and messages. Returns two lists: the channels
    /// that were taken for missing (they exist, with their threads, and what happened in them meanwhile has to
    /// be read), and those whose deletion was suspected.
    fn see_channels(&mut self, batch: &Batch, commit: i64) -> (Vec<ChannelId>, Vec<ChannelId>) {
        let mut seen: HashMap<ChannelId, DateTime<Utc>> = HashMap::new();
        let in_messages = batch
            .messages
            .iter()
            .filter_map(|message| Some((message.channel_id, message.life.alive_at()?)));
        let sightings = batch.sightings.iter().map(|it| (it.id, it.at));
        for (channel, at) in sightings.chain(in_messages) {
            let latest = seen.entry(channel).or_insert(at);
            *latest = at.max(*latest);
        }
        // A thread proves that its channel exists.
        let parents: Vec<_> = seen
            .iter()
            .filter_map(|(channel, at)| {
                let channel = &self.channels.get(channel)?.channel;
                let parent = channel.parent_id.filter(|_| channel.is_thread())?;
                Some((parent, *at))
            })
            .collect();
        for (channel, at) in parents {
            let latest = seen.entry(channel).or_insert(at);
            *latest = at.max(*latest);
        }
        let mut unsuspected = Vec::new();
        let mut alive = Vec::new();
        for (channel, at) in seen {
            if let Some(known) = self.channels.get_mut(&channel)
                && known.suspected_since.is_some_and(|since| since <= at)
            {
                known.suspected_since = None;
                unsuspected.push(channel);
            }
            let Some(absent) = self.see_channel(channel, at) else {
                continue;
            };
            alive.push((channel, absent));
            let threads: Vec<_> = self
                .channels
                .values()
                .filter(|it| it.channel.parent_id == Some(channel) && it.channel.is_thread())
                .map(|it| it.channel.id)
                .collect();
            for thread in threads {
                alive.extend(self.see_channel(thread, at).map(|absent| (thread, absent)));
            }
        }
        for (channel, absent) in &alive {
            if let Some(coverage) = self.coverage.get_mut(channel) {
                // Changes since the channel was last known to exist were not followed.
                coverage.make_stale(IdRange::ALL, absent.after.max(channel.created_at()), 0);
            }
            note_doubt(&mut self.doubted, *channel, IdRange::ALL, commit);
        }
        let alive = alive.into_iter().map(|(channel, _)| channel);
        (alive.collect(), unsuspected)
    }

    /// Stores that a channel existed at this time. Returns its deletion, if this proof of life refutes it.
    fn see_channel(&mut self, channel: ChannelId, at: DateTime<Utc>) -> Option<Gone> {
        let known = self.channels.get_mut(&channel)?;
        let was = known.gone();
        known.life = known.life.join(Life::alive(at));
        was.filter(|_| known.gone().is_none())
    }

    /// Stores or clears the suspected deletion of a channel; returns its id if that changed anything.
    fn suspect(&mut self, suspicion: &Suspicion) -> Option<ChannelId> {
        let known = self.channels.get_mut(&suspicion.id)?;
        if suspicion.since.is_some() && suspicion.since <= known.life.alive_at() {
            return None;
        }
        let since = match (known.suspected_since, suspicion.since) {
            (Some(known), Some(new)) => Some(known.min(new)),
            (_, new) => new,
        };
        let is_news = since != known.suspected_since;
        known.suspected_since = since;
        is_news.then_some(suspicion.id)
    }

    /// Stores the position of a session. Returns the channels whose coverage changes by that.
    fn enter_session(
        &mut self,
        connection: &Connection,
        session: &SessionMark,
        now: DateTime<Utc>,
    ) -> Result<HashSet<ChannelId>, StoreError> {
        let old = self.sessions.insert(session.shard, session.clone());
        let heard_before = !self.heard.insert(session.shard);
        let is_new = old.as_ref().is_none_or(|old| !old.is_same_session(session));
        let mut touched = HashSet::new();
        if is_new {
            // Without an earlier session the record was filled from history, and nothing was followed after its
            // last commit.
            let heard_at = old
                .as_ref()
                .map(|old| old.heard_at)
                .or(self.before_this_run);
            let reason = if heard_before {
                GapReason::SessionLost
            } else {
                GapReason::Offline
            };
            if let Some(heard_at) = heard_at {
                outages::write(connection, heard_at, now, reason.into())?;
            }
            let heard_at = heard_at.unwrap_or(session.heard_at);
            touched = self.end_session(old.as_ref(), session, heard_at, reason);
        }
        write_session(connection, session)?;
        Ok(touched)
    }

    /// Clears `unheard_since` of the channels whose permissions were checked before `heard_at`, the time up to
    /// which the gateway has delivered everything. Returns these channels.
    fn heard_again(&mut self, heard_at: DateTime<Utc>) -> Vec<ChannelId> {
        let heard: Vec<_> = self
            .looks
            .extract_if(|_, looked_at| *looked_at <= heard_at)
            .map(|(channel, _)| channel)
            .collect();
        for channel in &heard {
            if let Some(known) = self.channels.get_mut(channel) {
                known.unheard_since = None;
            }
        }
        heard
    }

    /// Turns what an ended session covered into stored coverage, and makes stale or a gap what its end makes
    /// doubtful: events after the last that it delivered are lost. A session covers a channel from where
    /// backfill left off, and only if backfill got there: a live message never closes a gap.
    fn end_session(
        &mut self,
        old: Option<&SessionMark>,
        new: &SessionMark,
        heard_at: DateTime<Utc>,
        reason: GapReason,
    ) -> HashSet<ChannelId> {
        let window = self
            .repair_window
            .num_milliseconds()
            .saturating_mul(1 << 22);
        let end = SessionEnd {
            live_high: old.map(|old| old.live_high),
            next_low: new.live_low,
            heard_at,
            window_low: new.live_low.saturating_sub(window),
            reason,
        };
        let mut touched = HashSet::new();
        for (channel_id, coverage) in &mut self.coverage {
            let known = self.channels.get(channel_id);
            if known.is_some_and(|known| known.gone().is_some()) {
                continue;
            }
            let before = coverage.clone();
            if let (Some(old), Some(known)) = (old, known) {
                settle(coverage, known, old);
            }
            let unheard_since = known.and_then(|known| known.unheard_since);
            coverage.end_session(SessionEnd {
                heard_at: unheard_since.map_or(heard_at, |since| since.min(heard_at)),
                ..end
            });
            if *coverage != before {
                touched.insert(*channel_id);
            }
        }
        touched
    }

    /// Stores what the session has covered of these channels until now, and lets its coverage begin anew with a
    /// gap between. Returns the channels.
    fn interrupt(&mut self, interrupted: Interrupted, commit: i64) -> HashSet<ChannelId> {
        let Some(session) = self.sessions.get(&0) else {
            return HashSet::new();
        };
        let mut touched = HashSet::new();
        for known in self.channels.values_mut() {
            let channel = &known.channel;
            let is_meant = match interrupted.place {
                Place::Everywhere => true,
                Place::Guild(guild) => channel.guild_id == guild,
                Place::Channel(id) => channel.id == id || channel.parent_id == Some(id),
            };
            if !is_meant || known.live_since().is_none() {
                continue;
            }
            // If an earlier event removed a permission and this event restores it, without a check between,
            // then what happened between the two was missed.
            let since = interrupted.stale_since.into_iter();
            let since = since.chain(known.unheard_since).min();
            // The gap is never empty, so that a page in flight can't connect its range with what is live from
            // here on.
            let until = snowflake_at(interrupted.until);
            let gap = IdRange::new(session.live_high.min(until - 1), until);
            note_doubt(&mut self.doubted, channel.id, gap, commit);
            if since.is_some() {
                note_doubt(&mut self.doubted, channel.id, IdRange::ALL, commit);
            }
            if let Some(coverage) = self.coverage.get_mut(&channel.id) {
                settle(coverage, known, session);
                coverage.leave_gap(gap, interrupted.reason);
                coverage.cut(until, interrupted.reason);
                if let Some(since) = since {
                    let window = interrupted.until - self.repair_window;
                    coverage.make_stale(IdRange::ALL, since, snowflake_at(window));
                }
            }
            self.looks.remove(&channel.id);
            let heard = MessageId::try_from(session.live_high).map(MessageId::created_at);
            let heard = heard.unwrap_or(interrupted.until).min(interrupted.until);
            known.unheard_since = known.unheard_since.into_iter().chain([heard]).min();
            known.access_since = Some(interrupted.until);
            touched.insert(channel.id);
        }
        touched
    }

    /// Adds a complete range; returns the channel. A range that was read during an earlier session is ignored.
    fn cover(&mut self, covered: &Covered) -> Option<ChannelId> {
        let session = self.sessions.get(&0).map(SessionMark::id);
        if covered.range.is_empty() || covered.session_id != session {
            return None;
        }
        let mut settled = RangeSet::new();
        settled.insert(covered.range.into());
        if let Some(asked_after) = covered.asked_after
            && let Some(doubted) = self.doubted.get_mut(&covered.channel_id)
        {
            // The pages of a channel are requested one after another, so no later page was requested before
            // this one.
            let is_later = |(_, commit): &(Range<i64>, i64)| *commit > asked_after;
            *doubted = std::mem::take(doubted)
                .into_iter()
                .filter(is_later)
                .collect();
            for (range, _) in doubted.iter() {
                settled.remove(range.clone());
            }
        }
        let coverage = self.coverage.entry(covered.channel_id).or_default();
        for range in settled {
            coverage.read(range.into(), &covered.unreadable);
        }
        Some(covered.channel_id)
    }

    /// Marks a range to be read again; returns the channel. The coverage of the current session is stored
    /// first, because the range may lie in it.
    fn doubt(&mut self, doubt: &Doubt, commit: i64) -> Option<ChannelId> {
        let known = self.channels.get(&doubt.channel_id);
        let coverage = self.coverage.get_mut(&doubt.channel_id)?;
        if let (Some(session), Some(known)) = (self.sessions.get(&0), known) {
            settle(coverage, known, session);
        }
        let range = doubt.range;
        if let Some(since) = doubt.stale_since {
            coverage.leave_gap(range, GapReason::FrameUnreadable);
            coverage.make_stale(range, since, range.low);
        }
        coverage.verify(range);
        note_doubt(&mut self.doubted, doubt.channel_id, range, commit);
        Some(doubt.channel_id)
    }
}

/// When a message in one of these channels was last observed to exist.
fn last_observed(
    connection: &Connection,
    channels: impl Iterator<Item = i64>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let channels = sql::list(channels);
    if channels.is_empty() {
        return Ok(None);
    }
    let alive_at = "make_timestamptz(CAST(json_extract(state_json, '$.alive_at') AS BIGINT))";
    let rows = LEVELS.map(|table| {
        format!(
            "SELECT max(greatest(coalesce(observed_at, ingested_at), {alive_at})) AS seen_at \
             FROM {table} WHERE channel_id IN ({channels})"
        )
    });
    let sql = format!(
        "SELECT max(seen_at) FROM ({} UNION ALL SELECT max({alive_at}) FROM message_fragments \
         WHERE channel_id IN ({channels}))",
        rows.join(" UNION ALL ")
    );
    Ok(connection.query_row(&sql, [], |row| row.get(0))?)
}

/// Stores which commit made these ids suspect.
fn note_doubt(
    doubted: &mut HashMap<ChannelId, RangeMap<i64, i64>>,
    channel: ChannelId,
    range: IdRange,
    commit: i64,
) {
    if !range.is_empty() {
        doubted
            .entry(channel)
            .or_default()
            .insert(range.into(), commit);
    }
}

/// Turns what a session has covered of a channel so far into stored coverage.
fn settle(coverage: &mut ChannelCoverage, known: &KnownChannel, session: &SessionMark) {
    if let Some(since) = known.live_since() {
        let live = IdRange::new(session.live_low.max(since), session.live_high);
        coverage.join_live(live);
    }
}

/// The last position of each session, in their order; the positions before it are of no use.
fn last_of_each(sessions: &[SessionMark]) -> impl Iterator<Item = &SessionMark> {
    sessions.iter().enumerate().filter_map(|(n, session)| {
        let next = sessions.get(n + 1);
        let is_last = next.is_none_or(|next| !next.is_same_session(session));
        is_last.then_some(session)
    })
}
