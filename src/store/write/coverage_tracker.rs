//! The marks that speak for the rows: guilds, channels, coverage and the socket's session, written
//! in the rows' transaction. Kept in memory too, and read anew after a commit that failed.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};
use duckdb::Connection;
use rangemap::{RangeMap, RangeSet};

use super::batch::Batch;
use super::tracker_tables::{write_channels, write_coverage, write_guilds, write_session};
use super::{dead_letters as parked, outages};
use crate::guild::{
    Access, AccessMark, Channel, ChannelCoverage, ChannelGone, Coverage, Covered, Doubt, GapReason,
    Interrupted, KnownChannel, Place, SessionEnd, SessionMark, Suspicion,
};
use crate::message::{ChannelId, Gone, Life, Message, MessageId, snowflake_at, snowflake_time};
use crate::store::StoreError;
use crate::store::read::tracker::{read_channels, read_coverage, read_sessions};
use crate::store::schema::levels::LEVELS;
use crate::store::schema::sql;

/// Every id that there can be.
const EVERY_ID: Range<i64> = 0..i64::MAX;

/// What the writer knows of channels and sessions.
pub(crate) struct Marks {
    channels: HashMap<ChannelId, KnownChannel>,
    coverage: Coverage,
    sessions: HashMap<u32, SessionMark>,
    /// Which ids of a channel became doubtful by which commit of this run: a page that was asked
    /// for before it does not settle them.
    doubted: HashMap<ChannelId, RangeMap<i64, i64>>,
    /// When somebody looked at the rights of channels that may not have been heard: once the socket
    /// has brought everything until then, they are heard again.
    looks: HashMap<ChannelId, DateTime<Utc>>,
    /// When the record was last written by an earlier run.
    before_this_run: Option<DateTime<Utc>>,
    /// The shards whose session was heard in this run.
    heard: HashSet<u32>,
    /// How far back an ended session makes the record doubtful.
    repair_window: TimeDelta,
}

/// The channels and threads whose messages a commit changes.
#[derive(Debug, Default)]
pub(crate) struct ChannelsChanged {
    /// They are gone.
    pub(crate) gone: Vec<ChannelGone>,
    /// They were taken for missing, and are there.
    pub(crate) alive: Vec<ChannelId>,
}

impl Marks {
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

    /// Reads again what a failed commit may have changed here.
    pub(crate) fn reload(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let fresh = Self::load(connection, self.repair_window)?;
        self.channels = fresh.channels;
        self.coverage = fresh.coverage;
        self.sessions = fresh.sessions;
        Ok(())
    }

    /// Since when the session under way brings every change.
    pub(crate) fn session_began(&self) -> Option<DateTime<Utc>> {
        self.sessions
            .get(&0)
            .map(|session| snowflake_time(session.live_low))
    }

    /// How a channel went, if it did.
    fn gone(&self, channel: ChannelId) -> Option<Gone> {
        self.channels.get(&channel)?.gone()
    }

    /// How a message went if its channel did.
    pub(crate) fn gone_with_channel(&self, message: &Message) -> Option<Gone> {
        let Gone { after, before, by } = self.gone(message.channel_id)?;
        let coverage = self.coverage.get(&message.channel_id);
        let there = coverage.map(|coverage| coverage.there_at(message.id, after));
        let there = there.unwrap_or(message.id.created_at());
        Some(Gone::new(message.id, there, before, by))
    }

    /// Writes the batch's marks, in the commit of this number. Answers the channels that went now,
    /// threads of theirs included, and those that are there after all.
    pub(crate) fn apply(
        &mut self,
        connection: &Connection,
        batch: &Batch,
        commit: i64,
        now: DateTime<Utc>,
    ) -> Result<ChannelsChanged, StoreError> {
        parked::append(connection, &batch.parked, now)?;
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

    /// Notes a channel; answers it if that is news.
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

    /// Notes whether a channel can be read; answers whether that is news. While it could not be,
    /// edits and deletes in it were not heard.
    fn access(&mut self, news: &AccessMark, commit: i64, now: DateTime<Utc>) -> bool {
        let Some(known) = self.channels.get_mut(&news.channel_id) else {
            return false;
        };
        // A list that was asked for early, and looked at late, says nothing of what came between.
        let is_old = known.access_since.is_some_and(|since| news.since < since);
        if is_old && known.access == news.access {
            return false;
        }
        if known.unheard_since.is_some() {
            self.looks.insert(news.channel_id, news.since);
        }
        if known.access == news.access {
            // What was live until now may not have been: history reads up to this look.
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
            // An event that nobody looked into yet may have told of it already.
            let since = known.unheard_since.map_or(since, |told| since.min(told));
            coverage.make_stale(EVERY_ID, since, window_low);
        }
        // Also where nothing is known yet: a page may be under way.
        note_doubt(&mut self.doubted, news.channel_id, EVERY_ID, commit);
        known.access = news.access;
        known.access_detail.clone_from(&news.detail);
        known.access_since = Some(news.since);
        true
    }

    /// Before a channel is taken for missing: when the last message in it, or in a thread of it, was seen to be
    /// there. An earlier run may have seen it.
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

    /// Notes deleted channels with their threads, and threads that are told of only after their
    /// channel went. Answers what is news.
    fn leave(&mut self, deleted: &[ChannelGone], entered: &[Channel]) -> Vec<ChannelGone> {
        let mut news = Vec::new();
        for root in deleted {
            let life = self.channels.get(&root.id).map(|known| known.life);
            if life.is_some_and(|life| life.join(root.life()).gone().is_none()) {
                // It was seen since, and so are its threads.
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
            // Of a channel that is only missing, the thread says that it is there.
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

    /// Notes which channels were seen to be there, by lists, events, or messages in them. Answers those that were
    /// taken for missing: they are there, with their threads, and what happened in them meanwhile has to be read. And
    /// those that were suspected of it.
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
        // A thread is not there without its channel.
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
                // Nobody listened for its changes since it was last there.
                coverage.make_stale(EVERY_ID, absent.after.max(channel.created_at()), 0);
            }
            note_doubt(&mut self.doubted, *channel, EVERY_ID, commit);
        }
        let alive = alive.into_iter().map(|(channel, _)| channel);
        (alive.collect(), unsuspected)
    }

    /// Notes that a channel was there at this time. Answers what was held for its end, if that is refuted by it.
    fn see_channel(&mut self, channel: ChannelId, at: DateTime<Utc>) -> Option<Gone> {
        let known = self.channels.get_mut(&channel)?;
        let was = known.gone();
        known.life = known.life.join(Life::alive(at));
        was.filter(|_| known.gone().is_none())
    }

    /// Notes that Discord does not know a channel any more, or does again; answers the channel if that is news.
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

    /// Notes how far a session is. Answers the channels whose coverage changes with it.
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
            // Without a session history was read, and nobody listened after it.
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

    /// The channels whose rights somebody looked at, before the time until which everything was
    /// heard now.
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

    /// Turns what an ended session covered into coverage like any other, and notes what its end
    /// makes doubtful: events after the last that it brought are lost. It covers a channel from
    /// where history left off, and only if history did get there: a live message never closes a
    /// gap.
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

    /// Settles what the session covered of channels until now, and lets it begin anew: what may be
    /// missing between is a gap. Answers the channels.
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
            // What an earlier event took away, this one may give back, with nobody having looked
            // between: what happened meanwhile was not heard.
            let since = interrupted.stale_since.into_iter();
            let since = since.chain(known.unheard_since).min();
            // Never empty, so that a page under way cannot join what is live from here on to itself.
            let until = snowflake_at(interrupted.until);
            let gap = session.live_high.min(until - 1)..until;
            note_doubt(&mut self.doubted, channel.id, gap.clone(), commit);
            if since.is_some() {
                note_doubt(&mut self.doubted, channel.id, EVERY_ID, commit);
            }
            if let Some(coverage) = self.coverage.get_mut(&channel.id) {
                settle(coverage, known, session);
                coverage.leave_gap(gap, interrupted.reason);
                coverage.cut(until, interrupted.reason);
                if let Some(since) = since {
                    let window = interrupted.until - self.repair_window;
                    coverage.make_stale(EVERY_ID, since, snowflake_at(window));
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

    /// Adds a range; answers the channel. A reading under an earlier session is no news.
    fn cover(&mut self, covered: &Covered) -> Option<ChannelId> {
        let session = self.sessions.get(&0).map(SessionMark::id);
        if covered.span.is_empty() || covered.session_id != session {
            return None;
        }
        let mut settled = RangeSet::new();
        settled.insert(covered.span.low..covered.span.high);
        if let Some(asked_after) = covered.asked_after
            && let Some(doubted) = self.doubted.get_mut(&covered.channel_id)
        {
            // A channel's pages come one after another: no later one was asked for before.
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
            coverage.read(range, &covered.unreadable);
        }
        Some(covered.channel_id)
    }

    /// Has a range read again; answers the channel. What is live is settled first, so that there is
    /// something to doubt.
    fn doubt(&mut self, doubt: &Doubt, commit: i64) -> Option<ChannelId> {
        let known = self.channels.get(&doubt.channel_id);
        let coverage = self.coverage.get_mut(&doubt.channel_id)?;
        if let (Some(session), Some(known)) = (self.sessions.get(&0), known) {
            settle(coverage, known, session);
        }
        let range = doubt.span.low..doubt.span.high;
        if let Some(since) = doubt.stale_since {
            coverage.leave_gap(range.clone(), GapReason::FrameUnreadable);
            coverage.make_stale(range.clone(), since, doubt.span.low);
        }
        coverage.verify(range.clone());
        note_doubt(&mut self.doubted, doubt.channel_id, range, commit);
        Some(doubt.channel_id)
    }
}

/// When something in one of these channels was last seen to be there.
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

/// Notes by which commit ids became doubtful.
fn note_doubt(
    doubted: &mut HashMap<ChannelId, RangeMap<i64, i64>>,
    channel: ChannelId,
    range: Range<i64>,
    commit: i64,
) {
    if !range.is_empty() {
        doubted.entry(channel).or_default().insert(range, commit);
    }
}

/// Turns what a session brought of a channel so far into coverage like any other.
fn settle(coverage: &mut ChannelCoverage, known: &KnownChannel, session: &SessionMark) {
    if let Some(since) = known.live_since() {
        coverage.join_live(session.live_low.max(since), session.live_high);
    }
}

/// The last mark of each session, in their order: the ones between are of no use any more.
fn last_of_each(sessions: &[SessionMark]) -> impl Iterator<Item = &SessionMark> {
    sessions.iter().enumerate().filter_map(|(n, session)| {
        let next = sessions.get(n + 1);
        let is_last = next.is_none_or(|next| !next.is_same_session(session));
        is_last.then_some(session)
    })
}
