//! The writing half of the record: one connection, one thread, one transaction per batch. A batch is merged
//! with what the record knows, and only what really changes is written. The writer keeps ids unique; no index
//! does.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use duckdb::types::FromSql;
use duckdb::{Connection, params};

use super::batch::{Batch, Committed, RowsChanged, Unsettled};
use super::compaction::Compaction;
use super::coverage_tracker::{ChannelsChanged, CoverageTracker};
use super::level_bounds::LevelBounds;
use super::maintenance::Maintenance;
use super::merge::{Circumstances, Merged};
use super::rows::Layout;
use super::{
    fragments, lookup, merge, outages, reaction_events, redact, rows, unsettled, versions,
};
use crate::failpoint;
use crate::message::ChannelId;
use crate::store::StoreError;
use crate::store::file::checkpoint::Checkpoints;
use crate::store::file::commit_counter::{CommitCount, CommitCounter};
use crate::store::file::open::Opened;
use crate::store::file::settings::{DeletedContent, StoreSettings};
use crate::store::file::{epochs, migrate, open, report_catalog, transaction};
use crate::store::read::reader::Reader;
use crate::store::read::view;
use crate::store::read::view::RecordState;
use crate::store::schema::compact::CompactRow;
use crate::store::schema::levels::count;
use crate::store::schema::sql;

/// The maximum number of messages that are redacted in one transaction, because a transaction holds its changes
/// in memory.
const CONTENT_STEP: usize = 50_000;

/// A WAL longer than this is checkpointed right after its replay, in bytes.
const LOG_REPLAYED: u64 = 1024 * 1024;

/// Is told what each commit changed.
type Observer = Box<dyn FnMut(&RowsChanged) + Send>;

/// The record, for writing.
pub struct Record {
    connection: Connection,
    /// The level bounds, which the readers share.
    level_bounds: Arc<LevelBounds>,
    /// The greatest id in the record: a greater id is new without a look-up.
    high_water: i64,
    revision: i64,
    /// The epoch of this opening, which begins with its first change.
    epoch: Option<Arc<str>>,
    /// The number of commits.
    commits: i64,
    /// The greatest observation time in the record.
    observed_at: Option<DateTime<Utc>>,
    /// The messages to re-fetch, since they were last taken.
    unsettled: Vec<Unsettled>,
    fragments: usize,
    tracker: CoverageTracker,
    deleted_content: DeletedContent,
    /// Whether a commit redacted only a part of the content that was due at once.
    has_content_left: bool,
    commit_counter: CommitCounter,
    layout: Layout,
    observer: Option<Observer>,
    /// The last field, so that it is dropped after the connection.
    maintenance: Maintenance,
}

impl Record {
    /// Opens the file, or creates it, and migrates its tables to this program's schema version.
    ///
    /// # Errors
    /// If the file is locked, newer, foreign or damaged.
    pub fn open(settings: &StoreSettings) -> Result<(Self, Reader), StoreError> {
        let path = settings.path.as_path();
        let Opened {
            connection,
            set_aside,
        } = open::open(settings)?;
        let checkpoints = Checkpoints::of(path)?;
        migrate::migrate(&connection, path, &checkpoints)?;
        report_catalog::make_catalog(&connection)?;
        let level_bounds = Arc::new(LevelBounds::load(&connection)?);
        let reader = Reader::new(&connection, settings.readers, checkpoints.handle())?;
        let store_id = store_id(&connection)?;
        let (commit_counter, said) =
            CommitCounter::open(path, store_id).map_err(|cause| StoreError::Io {
                what: format!("the commit counter of {} can't be opened", path.display()),
                cause,
            })?;
        let observed_at = state(&connection, "observed_at")?;
        let mut record = Self {
            maintenance: Maintenance::new(
                &connection,
                settings,
                Arc::clone(&level_bounds),
                checkpoints,
            )?,
            level_bounds,
            high_water: connection.query_row(
                "SELECT coalesce(greatest((SELECT max(message_id) FROM discord_messages), \
                 (SELECT max(message_id) FROM message_fragments)), 0)",
                [],
                |row| row.get(0),
            )?,
            revision: state(&connection, "revision")?,
            epoch: None,
            commits: state(&connection, "commits")?,
            observed_at,
            unsettled: unsettled::left(&connection, observed_at)?,
            fragments: count(&connection, "message_fragments")?,
            tracker: CoverageTracker::load(&connection, settings.repair_window)?,
            deleted_content: settings.deleted_content,
            has_content_left: false,
            commit_counter,
            layout: Layout::load(&connection)?,
            observer: None,
            connection,
        };
        if let Some(said) = said {
            record.report_loss(said, set_aside)?;
        }
        record.count_on_disk(Utc::now());
        // The next start should not have to replay the same WAL again.
        if record.maintenance.log().length() > LOG_REPLAYED {
            record.checkpoint()?;
        }
        Ok((record, reader))
    }

    /// If the commit counter shows that acknowledged commits are lost, logs the loss and stores it as an
    /// outage. The lost messages are read again, because the session and the coverage went back together with
    /// them.
    fn report_loss(
        &mut self,
        said: CommitCount,
        set_aside: Option<PathBuf>,
    ) -> Result<(), StoreError> {
        if said.commits <= self.commits {
            return Ok(());
        }
        let copy = set_aside.or_else(|| {
            open::keep_copy(self.maintenance.log().path()).unwrap_or_else(|error| {
                tracing::warn!(%error, "the WAL of the database can't be copied");
                None
            })
        });
        let last: Option<DateTime<Utc>> = state(&self.connection, "committed_at")?;
        let last = last.unwrap_or(said.at);
        tracing::error!(
            commits = said.commits - self.commits,
            from = %last,
            to = %said.at,
            log = copy.as_ref().map(|copy| copy.display().to_string()),
            "the database has lost its last commits (a damaged or missing WAL, or an older copy of the file); what Discord still has is read again"
        );
        self.transaction("loss_written", |record| {
            outages::write(&record.connection, last, said.at, "record_damaged")?;
            // Revisions are counted on from the last remaining commit, so copies of the lost ones are copies of
            // another record.
            let renew = "UPDATE record_state SET store_id = uuid()";
            record.connection.execute_batch(renew)?;
            record.count_commit(0, record.observed_at, Utc::now())
        })?;
        self.commit_counter.rebind(store_id(&self.connection)?);
        self.maintenance.committed(0);
        self.commits += 1;
        Ok(())
    }

    /// Writes the commit counter.
    fn count_on_disk(&self, at: DateTime<Utc>) {
        let testimony = CommitCount {
            commits: self.commits,
            at,
        };
        // Without the counter only a loss would go unnoticed, so the service continues.
        if let Err(error) = self.commit_counter.saw(testimony) {
            tracing::warn!(%error, "the commit counter beside the database can't be written; a lost WAL would not be noticed");
        }
    }

    /// The number of the last commit that changed rows.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// The greatest observation time in the record; later observations must get later times.
    #[must_use]
    pub fn observed_at(&self) -> Option<DateTime<Utc>> {
        self.observed_at
    }

    /// Has every later commit that changes what readers see told to `observer`, after the commit and before
    /// [`Record::commit`] returns.
    pub fn observe(&mut self, observer: impl FnMut(&RowsChanged) + Send + 'static) {
        self.observer = Some(Box::new(observer));
    }

    /// The messages to re-fetch: those of the commits since the last call, and at first those that an earlier
    /// process left.
    pub fn take_unsettled(&mut self) -> Vec<Unsettled> {
        std::mem::take(&mut self.unsettled)
    }

    /// The store id, epoch and revision.
    ///
    /// # Errors
    /// If the query fails.
    pub fn state(&self) -> Result<RecordState, StoreError> {
        view::state(&self.connection)
    }

    /// Writes a batch in one transaction, which is on disk when this function returns.
    ///
    /// # Errors
    /// After an error nothing of the batch is in the record. If the disk was full, or the memory
    /// ([`StoreError::is_passing`]), the same batch can be committed again. After any other error the record
    /// has to be opened anew.
    pub fn commit(&mut self, batch: &Batch, now: DateTime<Utc>) -> Result<Committed, StoreError> {
        let written = self.transaction("commit_written", |record| {
            failpoint::reach("commit_begun")?;
            record.write(batch, now)
        })?;
        failpoint::reach("commit_durable")?;
        self.high_water = self.high_water.max(written.greatest_id);
        self.fragments = written.fragments;
        self.has_content_left |= written.has_content_left;
        self.observed_at = self.observed_at.max(written.observed_at);
        self.unsettled.extend(written.unsettled);
        let before = self.revision;
        self.count_committed(written.revision, written.appended, now)?;
        self.tell_observer(before, written.rows, written.is_redacted);
        failpoint::reach("commit_testified")?;
        Ok(Committed {
            revision: self.revision,
            number: self.commits,
        })
    }

    /// Starts a compaction when a level is full, and checkpoints when the WAL is long. The long part of a
    /// compaction runs at the same time as later commits. To be called after each commit.
    ///
    /// # Errors
    /// If DuckDB fails for good. After other errors a compaction leaves its rows in their level, and is tried
    /// again later.
    pub fn maintain(&mut self) -> Result<(), StoreError> {
        self.maintenance.maintain(&self.connection)
    }

    /// Waits for the compaction in progress, if there is one, and commits it.
    ///
    /// # Errors
    /// If DuckDB fails for good.
    pub fn finish_move(&mut self) -> Result<(), StoreError> {
        self.maintenance.finish_move(&self.connection)
    }

    /// Checkpoints, so that the next start has nothing to replay. If something prevents that, the WAL stays,
    /// and nothing is lost.
    ///
    /// # Errors
    /// If DuckDB fails for good: the WAL is intact, and the record has to be opened anew.
    pub fn checkpoint(&mut self) -> Result<(), StoreError> {
        self.maintenance.checkpoint(&self.connection)
    }

    /// Closes the record: checkpoints once the open queries have ended.
    ///
    /// # Errors
    /// As [`Record::checkpoint`].
    pub fn close(mut self) -> Result<(), StoreError> {
        self.maintenance.checkpoint_at_end(&self.connection)
    }

    /// Counts a commit that is on disk, also in the commit counter.
    fn count_committed(
        &mut self,
        revision: i64,
        appended: usize,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if self.epoch.is_none() && revision > self.revision {
            self.epoch = Some(epochs::present(&self.connection)?.into());
        }
        self.revision = revision;
        self.commits += 1;
        self.maintenance.committed(appended);
        self.count_on_disk(now);
        Ok(())
    }

    /// Tells the observer about the last commit, if it changed what readers see.
    fn tell_observer(&mut self, before: i64, rows: Option<Vec<CompactRow>>, is_redacted: bool) {
        if let (Some(observer), Some(epoch)) = (&mut self.observer, &self.epoch)
            && self.revision > before
        {
            observer(&RowsChanged {
                before,
                revision: self.revision,
                epoch: Arc::clone(epoch),
                rows,
                is_redacted,
            });
        }
    }

    fn transaction<T>(
        &mut self,
        last_step: &'static str,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.connection.execute_batch("BEGIN TRANSACTION")?;
        let done = work(self).and_then(|done| {
            transaction::commit(&self.connection, last_step)?;
            Ok(done)
        });
        let error = match done {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        // After a failed COMMIT there is nothing to roll back, and its own error is the one to return.
        let _ = self.connection.execute_batch("ROLLBACK");
        if error.is_passing() {
            self.maintenance
                .log()
                .ensure_unchanged("a commit", &error)?;
            self.tracker.reload(&self.connection)?;
        }
        Err(error)
    }

    fn write(&mut self, batch: &Batch, now: DateTime<Utc>) -> Result<Written, StoreError> {
        let revision = self.revision + 1;
        let connection = &self.connection;
        let channels = self
            .tracker
            .apply(connection, batch, self.commits + 1, now)?;
        let news = merge::join_batch(&batch.messages, &self.tracker);
        let observed = news.values().filter_map(|message| message.life.alive_at());
        let observed_at = observed.max().max(self.observed_at);
        let mut written = Written {
            greatest_id: news.keys().map(|id| id.as_i64()).max().unwrap_or(0),
            fragments: self.fragments,
            ..Written::default()
        };

        let old = news
            .values()
            .filter(|message| message.id.as_i64() <= self.high_water);
        let mut known = lookup::lookup(connection, &self.level_bounds, old, self.fragments > 0)?;
        let here = Circumstances {
            tracker: &self.tracker,
            revision,
            now,
            deleted_content: self.deleted_content,
        };
        let merged = merge::merge(news, &mut known, &here);

        merge::delete_replaced(connection, &merged)?;
        if let Some(compaction) = self.maintenance.moving() {
            note_changed(connection, compaction, &merged, &channels)?;
        }
        let arriving = merged.rows.iter().map(|row| &row.message);
        let arriving = arriving.map(|message| (message.channel_id.as_i64(), message.id.as_i64()));
        self.level_bounds.will_arrive(arriving);
        let shown = rows::append(connection, &self.layout, &merged.rows)?;
        written.is_redacted = merged.rows.iter().any(|row| row.removed.is_some());
        reaction_events::append(connection, &batch.reaction_events)?;
        for (level, seen_again) in merged.seen_again.iter().enumerate() {
            merge::see_again(connection, level, seen_again)?;
        }
        fragments::append(connection, &merged.fragments, revision)?;
        written.appended = merged.rows.len();
        written.fragments += merged.fragments.len();
        written.fragments -= merged.fragments_replaced.len();
        let rows = merged.rows.iter().map(|row| &row.message);
        let mut changed = merged.changed;
        changed += versions::keep(connection, rows.chain(&merged.versions_only), revision)?;

        let mut unread = merge::end_channels(connection, &channels.gone, revision)?;
        unread += merge::revive_channels(connection, &channels.alive, revision)?;
        if self.deleted_content.removes_at_once() {
            let redacted = merged.rows.iter().filter(|row| row.removed.is_some());
            versions::delete(connection, redacted.map(|row| row.message.id))?;
            if !channels.gone.is_empty() {
                // This includes what an earlier attempt has left, in any channel.
                let all = DateTime::<Utc>::MAX_UTC;
                self.maintenance.note_due(connection, all)?;
                let redacted = redact::redact(connection, all, now, revision, CONTENT_STEP)?;
                written.has_content_left = redacted == CONTENT_STEP;
                written.is_redacted |= redacted > 0;
                unread += redacted;
            }
        }
        written.rows = (unread == 0).then_some(shown);
        written.revision = self.count_commit(changed + unread, observed_at, now)?;
        written.observed_at = observed_at;
        written.unsettled = merged.unsettled;
        Ok(written)
    }

    /// Redacts the deleted messages whose time has come. All deleted messages are considered, because the
    /// setting may have changed since they were deleted. Returns the number of messages.
    ///
    /// # Errors
    /// If DuckDB fails; some messages may not be redacted then.
    pub fn remove_content(&mut self, now: DateTime<Utc>) -> Result<usize, StoreError> {
        let Some(noticed_before) = self.deleted_content.due_before(now) else {
            return Ok(0);
        };
        self.has_content_left = false;
        let mut removed = 0;
        loop {
            let step = self.remove_some_content(noticed_before, now)?;
            removed += step;
            if step < CONTENT_STEP {
                break;
            }
            // DuckDB keeps the old text until the checkpoint.
            self.checkpoint()?;
        }
        if removed > 0 {
            tracing::info!(
                messages = removed,
                "the content of deleted messages was redacted"
            );
        }
        Ok(removed)
    }

    fn remove_some_content(
        &mut self,
        noticed_before: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let (removed, revision) = self.transaction("content_written", |record| {
            let revision = record.revision + 1;
            let connection = &record.connection;
            record.maintenance.note_due(connection, noticed_before)?;
            let removed = redact::redact(connection, noticed_before, now, revision, CONTENT_STEP)?;
            Ok((
                removed,
                record.count_commit(removed, record.observed_at, now)?,
            ))
        })?;
        let before = self.revision;
        self.count_committed(revision, 0, now)?;
        self.tell_observer(before, None, true);
        Ok(removed)
    }

    /// Whether [`Record::remove_content`] is due at once.
    #[must_use]
    pub fn has_content_left(&self) -> bool {
        self.has_content_left
    }

    /// Counts the open transaction, which changes this number of rows. Returns the revision after it.
    fn count_commit(
        &self,
        changed: usize,
        observed_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<i64, StoreError> {
        let revision = self.revision + i64::from(changed > 0);
        if changed > 0 && self.epoch.is_none() {
            epochs::begin(&self.connection, now, self.revision)?;
        }
        self.connection.execute(
            "UPDATE record_state SET revision = ?, commits = ?, committed_at = ?, observed_at = ?",
            params![revision, self.commits + 1, now, observed_at],
        )?;
        Ok(revision)
    }
}

/// The results of a transaction, which are applied to the record's own counts once the transaction is on disk.
#[derive(Default)]
struct Written {
    revision: i64,
    greatest_id: i64,
    appended: usize,
    fragments: usize,
    has_content_left: bool,
    /// The rows that changed; none if not all of them were read.
    rows: Option<Vec<CompactRow>>,
    is_redacted: bool,
    observed_at: Option<DateTime<Utc>>,
    unsettled: Vec<Unsettled>,
}

/// Tells a compaction under way which of the rows that it copies are changed by this commit.
fn note_changed(
    connection: &Connection,
    compaction: &mut Compaction,
    merged: &Merged,
    channels: &ChannelsChanged,
) -> Result<(), StoreError> {
    let replaced = &merged.rows_replaced[compaction.from];
    let seen_again = merged.seen_again[compaction.from].values().flatten();
    let touched = replaced.iter().chain(seen_again);
    compaction.note_changed(touched.map(|(_, id)| id.as_i64()));
    let gone = channels.gone.iter().map(|channel| channel.id);
    let ended = gone.chain(channels.alive.iter().copied());
    let ended = sql::list(ended.map(ChannelId::as_i64));
    if !ended.is_empty() {
        let source = compaction.source();
        let sql = format!("SELECT message_id FROM {source} WHERE channel_id IN ({ended})");
        let mut statement = connection.prepare(&sql)?;
        let ended = statement.query_map([], |row| row.get(0))?;
        compaction.note_changed(ended.collect::<Result<Vec<_>, _>>()?.into_iter());
    }
    Ok(())
}

/// A column of the table `record_state`.
fn state<T: FromSql>(connection: &Connection, column: &str) -> Result<T, StoreError> {
    let sql = format!("SELECT {column} FROM record_state");
    Ok(connection.query_row(&sql, [], |row| row.get(0))?)
}

/// The store id.
fn store_id(connection: &Connection) -> Result<String, StoreError> {
    state(connection, "CAST(store_id AS VARCHAR)")
}
