//! The history side: a pass over everything that is collected fills each channel's gaps, the
//! newest channel first, a few at a time. Passes follow the socket: a new session means that
//! something was missed, and what it makes doubtful is a gap again.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rangemap::RangeSet;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::catalog::{Catalog, Entry, batch_of};
use super::progress::Tally;
use super::scan::{Outcome, Scan, ScanError};
use super::scope::Scope;
use super::writer::{WriterClosed, WriterHandle};
use crate::discord::rest::{ArchivedKind, Rest, RestError};
use crate::message::{ChannelId, snowflake_at};
use crate::status::{BackfillState, StatusSender};
use crate::store::{
    Access, Batch, Coverage, Covered, KnownChannel, Reader, SessionMark, StoreError,
};

/// Channels that are read at a time. Discord's limits are per channel and over all.
const AT_A_TIME: usize = 8;

/// How often a channel is tried again when Discord gives no usable answer.
const TRIES: u32 = 4;

/// How long before the next of them, at first; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// How long after a pass with gaps left the next one begins.
const NEXT_PASS: Duration = Duration::from_secs(300);

/// How long a channel that Discord refused is left alone: 10,000 refusals in ten minutes ban.
const REFUSED_FOR: TimeDelta = TimeDelta::hours(24);

/// Without a live session, how far before now a reading is trusted to be complete.
const CLOCK_MARGIN: TimeDelta = TimeDelta::seconds(60);

/// What calls for a pass, the more pressing the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pass {
    /// Channels or permissions changed.
    Catalog,
    /// The session goes on; what was not finished is.
    Gaps,
    /// A new session began: what was between is missing.
    AfterNewSession,
}

/// Why there can't be a history.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// Discord refused, or could not be asked.
    #[error(transparent)]
    Rest(#[from] RestError),
    /// The record can't be written.
    #[error(transparent)]
    Writer(#[from] WriterClosed),
    /// The record can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl HistoryError {
    /// Whether a later pass can succeed without anybody doing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Rest(error) => error.is_transient(),
            Self::Store(error) => matches!(error, StoreError::Busy),
            Self::Writer(_) => false,
        }
    }
}

/// What a pass left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassReport {
    /// Channels and threads that can't be read.
    pub unreadable: usize,
    /// Channels and threads that have gaps left, because Discord could not be asked.
    pub incomplete: Vec<ChannelId>,
}

/// Reads history.
pub struct History {
    /// Whom to ask.
    pub rest: Rest,
    /// What is known.
    pub reader: Reader,
    /// Where pages go.
    pub writer: WriterHandle,
    /// What is collected.
    pub scope: Arc<Scope>,
    /// What the service says of itself.
    pub status: StatusSender,
    /// How long after a session's begin its first pass waits, so that Discord's REST side shows
    /// what the socket's side has sent.
    pub settle: Duration,
}

impl History {
    /// Makes passes as they are called for, until `stop`.
    ///
    /// # Errors
    /// If Discord refuses the token, or the record fails.
    pub async fn run(
        self,
        mut calls: mpsc::UnboundedReceiver<Pass>,
        stop: CancellationToken,
    ) -> Result<(), HistoryError> {
        let mut called: Option<Pass> = None;
        loop {
            let mut pass = match called.take() {
                Some(pass) => pass,
                None => tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    call = calls.recv() => match call {
                        Some(pass) => pass,
                        None => return Ok(()),
                    },
                },
            };
            while let Ok(more) = calls.try_recv() {
                pass = pass.max(more);
            }
            let settle = if pass == Pass::AfterNewSession {
                self.settle
            } else {
                Duration::ZERO
            };
            let work = async {
                tokio::time::sleep(settle).await;
                self.pass().await
            };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = new_session(&mut calls, &mut called) => {
                    info!("backfill: a new session began; looking for gaps again");
                }
                result = work => match result {
                    Ok(report) if report.incomplete.is_empty() => {}
                    Err(error) if !error.is_transient() => return Err(error),
                    unfinished => {
                        match unfinished {
                            Ok(report) => warn!(channels = report.incomplete.len(), "backfill: gaps are left; the next pass is in 5 minutes"),
                            Err(error) => warn!(%error, "backfill: the pass failed; the next one is in 5 minutes"),
                        }
                        self.status.send_modify(|status| status.backfill.state = BackfillState::Incomplete);
                        tokio::select! {
                            () = stop.cancelled() => return Ok(()),
                            () = new_session(&mut calls, &mut called) => {}
                            () = tokio::time::sleep(NEXT_PASS) => called = called.max(Some(pass)),
                        }
                    }
                },
            }
        }
    }

    /// One pass over everything that is collected.
    ///
    /// # Errors
    /// If Discord refuses the token or can't be asked at all, or the record fails. What was read
    /// until then is in the record.
    pub async fn pass(&self) -> Result<PassReport, HistoryError> {
        let catalog = Catalog::read(&self.rest, &self.scope).await?;
        self.status.send_modify(|status| {
            status.backfill.state = BackfillState::Running;
            status.backfill.channels_done = 0;
            status.backfill.channels_total = 0;
            status.backfill.channels_unreadable = 0;
        });
        let mut pass = PassState {
            history: self,
            known: self.known().await?,
            session: self.reader.session(0).await?,
            coverage: self.reader.coverage().await?,
            tally: Tally::new(self.status.clone()),
            catalog,
            began: Utc::now(),
            jobs: VecDeque::new(),
            report: PassReport::default(),
        };
        pass.work().await?;
        let PassState { report, .. } = pass;
        self.status.send_modify(|status| {
            status.backfill.state = if report.incomplete.is_empty() {
                BackfillState::Complete
            } else {
                BackfillState::Incomplete
            };
            status.backfill.passes += 1;
            status.backfill.eta_seconds = None;
        });
        Ok(report)
    }

    async fn known(&self) -> Result<HashMap<ChannelId, KnownChannel>, StoreError> {
        let channels = self.reader.channels().await?;
        Ok(channels
            .into_iter()
            .map(|known| (known.channel.id, known))
            .collect())
    }
}

/// Waits until a new session calls for another pass; notes what else is called for.
async fn new_session(calls: &mut mpsc::UnboundedReceiver<Pass>, called: &mut Option<Pass>) {
    while *called != Some(Pass::AfterNewSession) {
        match calls.recv().await {
            Some(pass) => *called = (*called).max(Some(pass)),
            // The live side is gone: nothing will call any more.
            None => std::future::pending().await,
        }
    }
}

/// Something to do in a pass.
#[derive(Clone)]
enum Job {
    /// List a channel's archived threads.
    List(Entry, ArchivedKind),
    /// Fill a channel's gaps.
    Scan {
        entry: Entry,
        tries: u32,
        trusts_empty: bool,
    },
}

/// How a job ended.
enum Done {
    Listed(Vec<crate::discord::rest::ChannelInfo>, Entry),
    Scanned(Outcome),
    /// Discord could not be asked.
    Later(Job, ScanError),
}

struct PassState<'a> {
    history: &'a History,
    known: HashMap<ChannelId, KnownChannel>,
    session: Option<SessionMark>,
    coverage: Coverage,
    tally: Tally,
    catalog: Catalog,
    began: DateTime<Utc>,
    jobs: VecDeque<Job>,
    report: PassReport,
}

impl PassState<'_> {
    async fn work(&mut self) -> Result<(), HistoryError> {
        let mut entries = self.catalog.entries.clone();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.info.last_message_id));
        for entry in &entries {
            for list in &entry.archived_lists {
                self.jobs.push_back(Job::List(entry.clone(), *list));
            }
        }
        self.enter(entries).await?;

        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < AT_A_TIME
                && let Some(job) = self.jobs.pop_front()
            {
                let gaps = match &job {
                    Job::Scan { entry, .. } => self.gaps(entry),
                    Job::List(..) => (RangeSet::new(), 0),
                };
                running.push(run_job(self.history, self.tally.clone(), job, gaps));
            }
            let Some(done) = running.next().await else {
                return Ok(());
            };
            match done {
                Done::Listed(threads, parent) => {
                    let scope = &self.history.scope;
                    let new = self.catalog.add_threads(parent.guild_id, threads, scope);
                    self.enter(new).await?;
                }
                Done::Scanned(outcome) => {
                    let refused = outcome == Outcome::Refused;
                    self.report.unreadable += usize::from(refused);
                    self.tally.channel_done(refused);
                }
                Done::Later(job, error) => self.later(job, error).await?,
            }
        }
    }

    /// Tells the record of entries, and makes jobs of those that have something to read.
    async fn enter(&mut self, mut entries: Vec<Entry>) -> Result<(), HistoryError> {
        for entry in &mut entries {
            self.keep_refusal(entry);
        }
        let batch = batch_of(&self.catalog.guilds, &entries, self.began);
        self.history.writer.commit(batch).await?;
        let mut covered = Vec::new();
        for entry in entries.into_iter().filter(Entry::holds_messages) {
            self.tally.channel_found();
            if entry.access != Access::Readable {
                self.report.unreadable += 1;
                self.tally.channel_done(true);
                continue;
            }
            let (gaps, high) = self.gaps(&entry);
            if gaps.is_empty() {
                self.tally.channel_done(false);
            } else if is_at_rest(&entry, &gaps, high) {
                covered.extend(gaps.iter().map(|gap| Covered {
                    channel_id: entry.info.id,
                    span: crate::message::IdSpan {
                        low: gap.start,
                        high: gap.end,
                    },
                }));
                self.tally.channel_done(false);
            } else {
                self.tally.gaps(entry.info.id, &gaps);
                self.jobs.push_back(Job::Scan {
                    entry,
                    tries: 0,
                    trusts_empty: false,
                });
            }
        }
        let batch = Batch {
            covered,
            ..Batch::default()
        };
        self.history.writer.commit(batch).await?;
        Ok(())
    }

    /// A channel that Discord refused lately, against what its permissions say, is not asked again.
    fn keep_refusal(&self, entry: &mut Entry) {
        if let Some(known) = self.known.get(&entry.info.id)
            && entry.access == Access::Readable
            && known.access_detail.is_some()
            && known
                .access_since
                .is_some_and(|since| self.began - since < REFUSED_FOR)
        {
            entry.access = known.access;
        }
    }

    /// What of a channel was not read, and where the live session takes over.
    fn gaps(&self, entry: &Entry) -> (RangeSet<i64>, i64) {
        let id = entry.info.id;
        let high = match &self.session {
            None => snowflake_at(self.began - CLOCK_MARGIN),
            Some(session) => {
                let known = self.known.get(&id);
                let readable = known.filter(|known| known.access == Access::Readable);
                let since = readable.and_then(|known| known.access_since);
                // What can be read only since now is live only since now.
                session
                    .live_low
                    .max(snowflake_at(since.unwrap_or(self.began)))
            }
        };
        let whole = 0..high.max(1);
        let gaps = match self.coverage.get(&id) {
            Some(covered) => covered.gaps(&whole).collect(),
            None => std::iter::once(whole).collect(),
        };
        (gaps, high)
    }

    async fn later(&mut self, job: Job, error: ScanError) -> Result<(), HistoryError> {
        let transient = match &error {
            ScanError::Suspicious => true,
            ScanError::Rest(error) => error.is_transient(),
            ScanError::Writer(_) => return Err(WriterClosed.into()),
            ScanError::Store(_) => false,
        };
        if !transient {
            return Err(match error {
                ScanError::Rest(error) => error.into(),
                ScanError::Store(error) => error.into(),
                ScanError::Writer(error) => error.into(),
                ScanError::Suspicious => unreachable!("it is transient"),
            });
        }
        let Job::Scan {
            entry,
            tries,
            trusts_empty,
        } = job
        else {
            let Job::List(entry, _) = job else {
                return Ok(());
            };
            warn!(channel_id = %entry.info.id, %error, "archived threads could not be listed");
            self.report.incomplete.push(entry.info.id);
            return Ok(());
        };
        let id = entry.info.id;
        if tries + 1 >= TRIES {
            warn!(channel_id = %id, %error, "the channel has gaps left");
            self.report.incomplete.push(id);
            self.tally.channel_done(false);
            return Ok(());
        }
        // What was read until now is in the record: go on from there.
        self.coverage = self.history.reader.coverage().await?;
        let trusts_empty = match error {
            ScanError::Suspicious => self.still_readable(&entry).await?,
            _ => trusts_empty,
        };
        self.jobs.push_back(Job::Scan {
            entry,
            tries: tries + 1,
            trusts_empty,
        });
        Ok(())
    }

    /// Looks at the permissions again: an empty page says nothing where one is missing.
    async fn still_readable(&self, entry: &Entry) -> Result<bool, HistoryError> {
        let catalog = Catalog::read(&self.history.rest, &self.history.scope).await?;
        let now = catalog
            .entries
            .iter()
            .find(|now| now.info.id == entry.info.id);
        match now {
            Some(now) => Ok(now.access == Access::Readable),
            // An archived thread stands in no list that was read here; its channel does.
            None => Ok(catalog.entries.iter().any(|now| {
                Some(now.info.id) == entry.info.parent_id && now.access == Access::Readable
            })),
        }
    }
}

/// An archived thread in which nothing can have been written since its gap began: writing takes it
/// out of the archive.
fn is_at_rest(entry: &Entry, gaps: &RangeSet<i64>, high: i64) -> bool {
    let Some(thread) = entry.info.thread_metadata else {
        return false;
    };
    let last_gap = gaps.iter().next_back().filter(|gap| gap.end == high);
    let only_gap = last_gap.filter(|gap| gap.start > 0 && gaps.iter().count() == 1);
    thread.archived
        && only_gap.is_some_and(|gap| snowflake_at(thread.archive_timestamp) < gap.start)
}

async fn run_job(history: &History, tally: Tally, job: Job, gaps: (RangeSet<i64>, i64)) -> Done {
    match job {
        Job::List(parent, list) => match list_archived(&history.rest, &parent, list).await {
            Ok(threads) => Done::Listed(threads, parent),
            Err(error) if error.access().is_some() => Done::Listed(Vec::new(), parent),
            Err(error) => Done::Later(Job::List(parent, list), error.into()),
        },
        Job::Scan {
            entry,
            tries,
            trusts_empty,
        } => {
            if tries > 0 {
                tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(tries - 1)).await;
            }
            let scan = Scan {
                rest: &history.rest,
                reader: &history.reader,
                writer: &history.writer,
                status: &history.status.subscribe(),
                tally: &tally,
                entry: &entry,
                gaps: gaps.0,
                high: gaps.1,
                trusts_empty,
            };
            match scan.run().await {
                Ok(outcome) => Done::Scanned(outcome),
                Err(error) => Done::Later(
                    Job::Scan {
                        entry,
                        tries,
                        trusts_empty,
                    },
                    error,
                ),
            }
        }
    }
}

async fn list_archived(
    rest: &Rest,
    parent: &Entry,
    list: ArchivedKind,
) -> Result<Vec<crate::discord::rest::ChannelInfo>, RestError> {
    let mut threads = Vec::new();
    let mut before = None;
    loop {
        let page = rest.archived_threads(parent.info.id, list, before).await?;
        threads.extend(page.threads);
        if page.has_more && page.next_before.is_none() {
            warn!(channel_id = %parent.info.id, "Discord's list of archived threads does not advance; some may be missing");
        }
        match page.next_before {
            Some(next) => before = Some(next),
            None => return Ok(threads),
        }
    }
}
