//! One backfill pass over everything that is archived: it lists the archived threads, fills the gaps of a few
//! channels at a time, checks channels that disappeared, and compares the result with the newest message that
//! Discord names for each channel. Failed requests are repeated and reported at the end.

mod job;
mod lists;
mod newest;

use std::collections::{HashMap, HashSet, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rangemap::RangeSet;
use tracing::{info, warn};

use self::job::{Done, Job, Reading, run_job};
use super::catalog::{Catalog, Entry, batch_of};
use super::pass_context::History;
use super::pass_report::{HistoryError, PassReport};
use super::progress::Tally;
use super::scan::{Outcome, ScanError};
use super::writer::WriterClosed;
use crate::discord::rest::{ChannelInfo, HistoryCursor, RestError};
use crate::guild::{
    Access, AccessMark, ChannelGone, Coverage, Covered, KnownChannel, Place, SessionId,
    SessionMark, Sighting, Suspicion,
};
use crate::message::{ChannelId, GuildId, IdRange, snowflake_at};
use crate::store::{Batch, Committed};

/// The number of channels that are read at a time. Discord's limits are per channel and in total.
const AT_A_TIME: usize = 8;

/// How often a channel is tried again if Discord gives no valid response.
const TRIES: u32 = 4;

/// If more channels than this are missing at once, and more than are listed, the list is suspect.
const MANY: usize = 3;

/// How many times longer the service waits before channels count as deleted that are missing from a suspect
/// list.
const PATIENCE: u32 = 12;

/// Without a live session, how far before now a reading is trusted to be complete.
const CLOCK_MARGIN: TimeDelta = TimeDelta::seconds(60);

/// A pass in progress.
pub(super) struct PassState<'a> {
    history: &'a History,
    known: HashMap<ChannelId, KnownChannel>,
    session: Option<SessionMark>,
    coverage: Coverage,
    tally: Tally,
    catalog: Catalog,
    began: DateTime<Utc>,
    /// The last commit before the first request.
    began_after: Committed,
    jobs: VecDeque<Job>,
    /// Whether the lists from the start of the pass are processed.
    is_begun: bool,
    incomplete: Vec<ChannelId>,
    refused_lists: Vec<ChannelId>,
    /// Channels that Discord does not know at the moment.
    suspected: HashSet<ChannelId>,
    /// The time before the first request, as the time of an observation.
    asked_at: DateTime<Utc>,
}

/// Why a list of a guild's channels does not prove that the missing channels were deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListDoubt {
    /// The list is empty.
    Empty,
    /// The list lacks more channels than it contains.
    Short,
}

impl<'a> PassState<'a> {
    pub(super) async fn new(history: &'a History) -> Result<Self, HistoryError> {
        let began_after = history.writer.commit(Batch::default()).await?;
        let asked_at = history.rest.clock().stamp();
        let catalog = Catalog::read(&history.rest, &history.scope).await?;
        let known = history.reader.channels().await?;
        let tally = Tally::new(history.status.clone());
        for odd in catalog.odd.values() {
            tally.odd(|answers| answers.lists += 1);
            warn!(
                items = odd,
                "Discord's lists of a guild's channels and threads contain items that can't be parsed: these channels are not archived"
            );
        }
        Ok(Self {
            known: known
                .into_iter()
                .map(|known| (known.channel.id, known))
                .collect(),
            session: history.reader.session(0).await?,
            coverage: history.reader.coverage().await?,
            tally,
            catalog,
            began: history.rest.clock().now(),
            began_after,
            jobs: VecDeque::new(),
            is_begun: false,
            incomplete: Vec::new(),
            suspected: HashSet::new(),
            asked_at,
            refused_lists: Vec::new(),
            history,
        })
    }

    /// Works on the open jobs; the first call begins with everything from the lists.
    pub(super) async fn work(&mut self) -> Result<(), HistoryError> {
        if !self.is_begun {
            self.is_begun = true;
            let mut entries = self.catalog.entries.clone();
            entries.sort_by_key(|entry| std::cmp::Reverse(entry.info.last_message_id));
            self.enter(entries).await?;
        }

        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < AT_A_TIME
                && let Some(job) = self.jobs.pop_front()
            {
                let reading = match &job {
                    Job::Scan { entry, .. } => self.reading(entry),
                    Job::List(..) => Reading::default(),
                };
                let tally = self.tally.clone();
                running.push(run_job(self.history, tally, job, reading));
            }
            let Some(done) = running.next().await else {
                return Ok(());
            };
            match done {
                Done::Listed(list, parent) => {
                    if let Some(lacks) = list.lacks {
                        warn!(channel_id = %parent.info.id, name = parent.info.name, "a list of archived threads of the channel is incomplete: {lacks}");
                        self.tally.odd(|answers| answers.lists += 1);
                        self.note_incomplete(parent.info.id);
                    }
                    let scope = &self.history.scope;
                    let new = self
                        .catalog
                        .add_threads(parent.guild_id, list.threads, scope);
                    self.enter(new).await?;
                }
                Done::NotListed(parent) => {
                    self.tally.list_refused();
                    if !self.refused_lists.contains(&parent.info.id) {
                        self.refused_lists.push(parent.info.id);
                    }
                }
                Done::Scanned(outcome, channel) => {
                    self.tally.channel_done(outcome == Outcome::Refused);
                    if outcome == Outcome::Incomplete {
                        self.note_incomplete(channel);
                    }
                }
                Done::Later(job, error) => self.later(job, error).await?,
            }
        }
    }

    /// Passes entries to the database, and creates jobs for those that have gaps.
    async fn enter(&mut self, mut entries: Vec<Entry>) -> Result<(), HistoryError> {
        for entry in &mut entries {
            self.keep_refusal(entry);
        }
        let listing = entries
            .iter()
            .filter(|entry| matches!(entry.access, Access::Readable | Access::NoHistory));
        for entry in listing {
            for list in &entry.archived_lists {
                self.jobs.push_back(Job::List(entry.clone(), *list));
            }
        }
        let mut batch = batch_of(&self.catalog.guilds, &entries, self.began);
        batch.sightings.extend(entries.iter().map(|entry| Sighting {
            id: entry.info.id,
            at: self.asked_at,
        }));
        let asked_after = self.history.writer.commit(batch).await?;
        let mut covered = Vec::new();
        for entry in entries.into_iter().filter(Entry::holds_messages) {
            self.tally.channel_found();
            if entry.access != Access::Readable {
                self.tell_refusal(&entry);
                self.tally.channel_done(true);
                continue;
            }
            let (gaps, high) = self.gaps(&entry);
            if gaps.is_empty() {
                self.tally.channel_done(false);
            } else if self.was_readable(&entry) && is_at_rest(&entry, &gaps, high) {
                covered.extend(gaps.iter().map(|gap| Covered {
                    channel_id: entry.info.id,
                    range: gap.into(),
                    session_id: self.session_id(),
                    asked_after: Some(self.began_after.number),
                    unreadable: Vec::new(),
                }));
                self.tally.channel_done(false);
            } else {
                self.tally.gaps(entry.info.id, &gaps);
                self.jobs.push_back(Job::Scan {
                    entry,
                    tries: 0,
                    asked_after,
                });
            }
        }
        if !covered.is_empty() {
            let batch = Batch {
                covered,
                ..Batch::default()
            };
            self.history.writer.commit(batch).await?;
        }
        Ok(())
    }

    /// Whether a channel was readable and live when the pass began; otherwise its gap has to be read.
    fn was_readable(&self, entry: &Entry) -> bool {
        let known = self.known.get(&entry.info.id);
        known.is_some_and(|it| it.access == Access::Readable && it.unheard_since.is_none())
    }

    /// Logs once that a channel can't be read.
    fn tell_refusal(&self, entry: &Entry) {
        let known = self.known.get(&entry.info.id).map(|known| known.access);
        if known != Some(entry.access) {
            let (channel_id, access) = (entry.info.id, entry.access.as_str());
            warn!(%channel_id, name = entry.info.name, access, "the channel's history can't be read; `guildlake doctor` tells how to fix it");
        }
    }

    /// What the pass could not read.
    pub(super) fn report(self) -> PassReport {
        let scope = &self.history.scope;
        let guild = |id: &GuildId| self.catalog.guilds.iter().any(|guild| guild.id == *id);
        let channel = |id: &ChannelId| self.catalog.entries.iter().any(|it| it.info.id == *id);
        PassReport {
            unread_guilds: scope.guilds().filter(|id| !guild(id)).collect(),
            missing_channels: scope.channels().filter(|id| !channel(id)).collect(),
            incomplete: self.incomplete,
            suspected: sorted(self.suspected),
            partly_listed: self.catalog.odd.into_keys().collect(),
            refused_lists: self.refused_lists,
        }
    }

    /// A channel that Discord refuses although the permissions allow it is not requested again without a
    /// reason: see [`Rest::ask_again`](crate::discord::rest::Rest::ask_again).
    fn keep_refusal(&self, entry: &mut Entry) {
        if entry.access == Access::Readable
            && let Some(refusal) = self.history.rest.refused_history(entry.info.id)
        {
            entry.access = refusal.access().unwrap_or(Access::Faulty);
        }
    }

    fn note_incomplete(&mut self, channel: ChannelId) {
        if !self.incomplete.contains(&channel) {
            self.incomplete.push(channel);
        }
    }

    /// The gaps of a channel, and the id from which the live session covers it.
    fn gaps(&self, entry: &Entry) -> (RangeSet<i64>, i64) {
        let id = entry.info.id;
        let session = self.session.as_ref().filter(|_| self.history.live);
        let high = match session {
            None => snowflake_at(self.began - CLOCK_MARGIN),
            Some(session) => {
                let known = self.known.get(&id).filter(|it| it.is_heard_by(session));
                let since = known.and_then(KnownChannel::live_since);
                // A channel that is readable, or certainly received, only since now is live only since now.
                session
                    .live_low
                    .max(since.unwrap_or(snowflake_at(self.began)))
            }
        };
        let whole = IdRange::new(0, high.max(1));
        let gaps = match self.coverage.get(&id) {
            Some(coverage) => coverage.to_read(whole),
            None => std::iter::once(whole.into()).collect(),
        };
        (gaps, high)
    }

    /// The input of a channel's scan.
    fn reading(&self, entry: &Entry) -> Reading {
        let (gaps, high) = self.gaps(entry);
        let coverage = self.coverage.get(&entry.info.id).cloned();
        Reading {
            gaps,
            high,
            coverage: coverage.unwrap_or_default(),
            session_id: self.session_id(),
        }
    }

    /// Checks each known channel and thread that is in no list: it was deleted during an outage, closed to this
    /// bot, or moved from one list to another while they were read. Returns whether there is more to read now.
    pub(super) async fn look_for_unlisted(&mut self) -> Result<bool, HistoryError> {
        let known = self.history.reader.channels().await?;
        self.known = known
            .into_iter()
            .map(|known| (known.channel.id, known))
            .collect();
        let unlisted = self.unlisted();
        let doubts = self.doubtful_guilds(&unlisted);
        let mut batch = Batch::default();
        let mut found: HashMap<GuildId, Vec<ChannelInfo>> = HashMap::new();
        for known in unlisted {
            let id = known.channel.id;
            if self.suspected.contains(&id) {
                // The channel was already requested in this pass.
                continue;
            }
            // The threads of a hidden channel are hidden with it, so they are not requested one by one.
            if self.is_hidden_with_its_parent(&known) {
                batch.access.push(AccessMark {
                    channel_id: id,
                    access: Access::Forbidden,
                    detail: None,
                    since: self.began,
                });
                continue;
            }
            let asked_at = self.history.rest.clock().stamp();
            let refusal = match self.history.rest.channel(id).await {
                Ok(info) => {
                    batch.sightings.push(Sighting { id, at: asked_at });
                    found.entry(known.channel.guild_id).or_default().push(info);
                    continue;
                }
                Err(error) => error,
            };
            let doubt = doubts.get(&known.channel.guild_id).copied();
            let taken = self.take_refusal(&known, refusal, asked_at, doubt, &mut batch);
            if let Err(error) = taken.await {
                // The results until here are valid anyway.
                self.history.writer.commit(batch).await?;
                return Err(error);
            }
        }
        self.history.writer.commit(batch).await?;
        let mut new = Vec::new();
        for (guild_id, channels) in found {
            let scope = &self.history.scope;
            new.extend(self.catalog.add_threads(guild_id, channels, scope));
        }
        if !new.is_empty() {
            self.enter(new).await?;
        }
        Ok(!self.jobs.is_empty())
    }

    fn is_hidden_with_its_parent(&self, known: &KnownChannel) -> bool {
        let parent = known.channel.parent_id.and_then(|id| self.known.get(&id));
        known.channel.is_thread() && parent.is_some_and(|it| it.access == Access::Forbidden)
    }

    /// What Discord's refusal to name a channel that is in no list says about the channel.
    async fn take_refusal(
        &mut self,
        known: &KnownChannel,
        refusal: RestError,
        asked_at: DateTime<Utc>,
        doubt: Option<ListDoubt>,
        batch: &mut Batch,
    ) -> Result<(), HistoryError> {
        let id = known.channel.id;
        match refusal.access() {
            Some(Access::Missing) => self.take_missing(known, asked_at, doubt, batch).await?,
            Some(access) => {
                // The channel exists.
                batch.suspicions.push(Suspicion { id, since: None });
                batch.access.push(AccessMark {
                    channel_id: id,
                    access,
                    // The request failed; the next pass checks again.
                    detail: None,
                    since: self.began,
                });
            }
            None if refusal.is_transient() => return Err(refusal.into()),
            None => {
                warn!(channel_id = %id, error = %refusal, "the channel is in no list of Discord");
            }
        }
        Ok(())
    }

    /// The known channels and threads that are in no list.
    fn unlisted(&self) -> Vec<KnownChannel> {
        let scope = &self.history.scope;
        let listed: HashSet<ChannelId> = self.catalog.entries.iter().map(|it| it.info.id).collect();
        let read: HashSet<GuildId> = self.catalog.guilds.iter().map(|guild| guild.id).collect();
        let unlisted = self.known.values().filter(|known| {
            known.gone().is_none()
                && matches!(
                    known.access,
                    Access::Unknown | Access::Readable | Access::Missing
                )
                && read.contains(&known.channel.guild_id)
                && !listed.contains(&known.channel.id)
                && scope.takes(known.channel.guild_id, known.channel.id) == Some(true)
        });
        unlisted.cloned().collect()
    }

    /// The guilds whose lists are suspect, with the reason.
    fn doubtful_guilds(&self, unlisted: &[KnownChannel]) -> HashMap<GuildId, ListDoubt> {
        let mut doubts = HashMap::new();
        for guild in &self.catalog.guilds {
            let is_meant = |known: &&KnownChannel| {
                known.channel.guild_id == guild.id && !known.channel.is_thread()
            };
            let missing = unlisted.iter().filter(is_meant).count();
            let listed = self.catalog.listed.get(&guild.id).copied().unwrap_or(0);
            if missing == 0 {
                continue;
            }
            if listed == 0 {
                warn!(guild_id = %guild.id, missing, "Discord's list of the guild's channels is empty; the list is ignored, and no channel counts as deleted");
                doubts.insert(guild.id, ListDoubt::Empty);
            } else if missing > MANY && missing > listed {
                warn!(guild_id = %guild.id, missing, listed, "most of the guild's channels are missing from Discord's list; the service checks again later before they count as deleted");
                doubts.insert(guild.id, ListDoubt::Short);
            }
        }
        doubts
    }

    /// Records that Discord does not know a channel: the first time only as a suspicion. The channel counts as
    /// deleted if Discord does not know it some time later either, and does not know its history.
    async fn take_missing(
        &mut self,
        known: &KnownChannel,
        asked_at: DateTime<Utc>,
        doubt: Option<ListDoubt>,
        batch: &mut Batch,
    ) -> Result<(), HistoryError> {
        let id = known.channel.id;
        let wait = match doubt {
            None => Some(self.history.second_look),
            Some(ListDoubt::Short) => Some(self.history.second_look * PATIENCE),
            Some(ListDoubt::Empty) => None,
        };
        let wait = wait.and_then(|wait| TimeDelta::from_std(wait).ok());
        let is_due = known
            .suspected_since
            .zip(wait)
            .is_some_and(|(since, wait)| asked_at - since >= wait);
        if !is_due {
            if known.suspected_since.is_none() {
                info!(channel_id = %id, name = known.channel.name, "Discord does not know the channel any more; the service checks again (SECOND_LOOK) before the channel's messages count as deleted");
            }
            batch.suspicions.push(Suspicion {
                id,
                since: Some(asked_at),
            });
            self.suspected.insert(id);
            return Ok(());
        }
        // The check must be a new request and not a remembered refusal. If the channel comes back, its history
        // is requested again.
        let forget = || {
            let is_it = |place| place == Place::Channel(id);
            self.history.rest.ask_again(is_it);
        };
        forget();
        // A remembered response does not count.
        let rest = &self.history.rest;
        rest.ask_again(|place| place == Place::Channel(id));
        let asked_at = rest.clock().stamp();
        let page = rest.history_page(id, HistoryCursor::Latest, 1);
        let answer = page.await;
        forget();
        match answer {
            Err(error) if error.access() == Some(Access::Missing) => {
                info!(channel_id = %id, name = known.channel.name, "the channel was deleted during an outage; its messages are marked as deleted");
                self.suspected.remove(&id);
                batch.channels_gone.push(ChannelGone {
                    id,
                    after: self.last_seen(id),
                    before: self.history.rest.clock().now(),
                    asked_at: Some(asked_at),
                });
            }
            Err(error) if error.is_transient() => return Err(error.into()),
            answer => {
                let answer = match answer {
                    Ok(_) => "a page".to_owned(),
                    Err(error) => error.to_string(),
                };
                warn!(channel_id = %id, name = known.channel.name, answer, "Discord answers that it does not know the channel, but still serves its history; the channel does not count as deleted");
                self.suspected.remove(&id);
                batch.suspicions.push(Suspicion { id, since: None });
            }
        }
        Ok(())
    }

    /// The last time at which a channel certainly existed.
    fn last_seen(&self, channel: ChannelId) -> DateTime<Utc> {
        let coverage = self.coverage.get(&channel);
        let heard = coverage.and_then(|coverage| coverage.stale_since(IdRange::ALL));
        channel.created_at().max(heard.unwrap_or_default())
    }

    fn session_id(&self) -> Option<SessionId> {
        self.session.as_ref().map(SessionMark::id)
    }

    async fn later(&mut self, job: Job, error: ScanError) -> Result<(), HistoryError> {
        match &error {
            ScanError::Writer(_) => return Err(WriterClosed.into()),
            ScanError::Rest(error @ (RestError::Unauthorized { .. } | RestError::Setup(_))) => {
                return Err(error.clone().into());
            }
            // The failure of one channel must not stop the others.
            ScanError::Rest(_) | ScanError::Store(_) => {}
        }
        match job {
            Job::Scan { entry, tries, .. } if tries + 1 < TRIES => {
                // What was read until now is stored; continue from there.
                let asked_after = self.history.writer.commit(Batch::default()).await?;
                self.coverage = self.history.reader.coverage().await?;
                self.jobs.push_back(Job::Scan {
                    entry,
                    tries: tries + 1,
                    asked_after,
                });
            }
            Job::Scan { entry, .. } => {
                warn!(channel_id = %entry.info.id, %error, "the channel still has gaps after this pass");
                self.note_incomplete(entry.info.id);
                self.tally.channel_done(false);
            }
            Job::List(entry, _) => {
                warn!(channel_id = %entry.info.id, %error, "the archived threads of the channel could not be listed");
                self.note_incomplete(entry.info.id);
            }
        }
        Ok(())
    }
}

/// An archived thread that can't contain new messages since its gap began, because writing removes it from the
/// archive. Discord must not name a newer message either.
fn is_at_rest(entry: &Entry, gaps: &RangeSet<i64>, high: i64) -> bool {
    let Some(thread) = entry.info.thread_metadata else {
        return false;
    };
    let last_gap = gaps.iter().next_back().filter(|gap| gap.end == high);
    let only_gap = last_gap.filter(|gap| gap.start > 0 && gaps.iter().count() == 1);
    let newest = entry.info.last_message_id;
    thread.archived
        && only_gap.is_some_and(|gap| {
            snowflake_at(thread.archive_timestamp) < gap.start
                && newest.is_none_or(|newest| newest.as_i64() < gap.start)
        })
}

/// Sorts channels by id, so that two passes can be compared.
fn sorted(channels: HashSet<ChannelId>) -> Vec<ChannelId> {
    let mut channels: Vec<_> = channels.into_iter().collect();
    channels.sort_unstable();
    channels
}
