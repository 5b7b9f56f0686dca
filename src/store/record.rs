//! The writing half of the record: one connection, one thread, one transaction per batch.
//! A batch is merged with what the record knows, and only what really changes is written.
//! The record keeps ids unique by itself; no index does it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use duckdb::types::FromSql;
use duckdb::{Connection, params};
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use super::levels::{LEVELS, Move, ROW_GROUP};
use super::marks::Marks;
use super::opening::Opened;
use super::query::Reader;
use super::whereabouts::Whereabouts;
use super::witness::{Testimony, Witness};
use super::{
    Batch, Committed, DeletedContent, RecordState, StoreError, content, epochs, fragments, lookup,
    merge, messages, moment, opening, outages, report, schema, versions,
};
use crate::failpoint;

/// Commits and bytes in the log after which it is folded into the file: a start after a crash
/// replays them, at about half a millisecond a commit. Folding holds commits up while it compresses
/// what is hot (a second for 60,000 messages), so that it is left to the move, after which little is
/// hot, as long as that is bearable.
const LOG_COMMITS: u32 = 16_384;
const LOG_BYTES: u64 = 512 * 1024 * 1024;

/// Row groups of a large run, and bytes of memory that sorting one takes.
const RUN_GROUPS: usize = 4;
const GROUP_MEMORY: u64 = 256 * 1024 * 1024;

/// How often a move is done again because a row of it was changed meanwhile. The stale row can be taken
/// out of the copy, but then DuckDB writes all of the copy into the log, while commits wait.
const MOVES_REPEATED: u32 = 3;

/// To what part of a level a move may shrink: a 64th.
const MOST_HALVINGS: u32 = 6;

/// How many times its limit the hot table may hold while a move goes on.
const MOST_HOT: usize = 3;

/// How long after a move that failed the next is tried.
const MOVE_AGAIN: Duration = Duration::from_secs(30);

/// A log longer than this is folded right after it was replayed, in bytes.
const LOG_REPLAYED: u64 = 1024 * 1024;

/// Free space that a checkpoint wants beside twice the log's length, in bytes.
const CHECKPOINT_MARGIN: u64 = 16 * 1024 * 1024;

/// How the record is kept.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// The DuckDB file.
    pub path: PathBuf,
    /// Where DuckDB spills what does not fit in memory.
    pub temp_folder: PathBuf,
    /// DuckDB's memory limit in bytes.
    pub memory_limit: u64,
    /// Threads of DuckDB; none for all cores.
    pub threads: Option<u32>,
    /// Queries that may run at once.
    pub readers: u32,
    /// Rows in the hot table that start a move into a small run.
    pub hot_rows: usize,
    /// Rows in small runs that start a move into a large one.
    pub small_run_rows: usize,
    /// How far back history is read again when a session of the socket was lost.
    pub repair_window: TimeDelta,
    /// What a delete does to the content of a message.
    pub deleted_content: DeletedContent,
}

impl StoreSettings {
    /// The defaults for a file.
    #[must_use]
    pub fn new(path: PathBuf, temp_folder: PathBuf) -> Self {
        let memory_limit = half_the_memory();
        Self {
            path,
            temp_folder,
            memory_limit,
            threads: None,
            readers: 8,
            hot_rows: ROW_GROUP,
            small_run_rows: RUN_GROUPS * ROW_GROUP,
            repair_window: TimeDelta::days(7),
            deleted_content: DeletedContent::Keep,
        }
    }
}

/// The record, for writing.
pub struct Record {
    connection: Connection,
    /// How many rows are in the hot table and in small runs, and how many may be.
    level_rows: [usize; 2],
    level_limits: [usize; 2],
    /// For moves; none while one is under way.
    mover: Option<Connection>,
    moving: Option<Move>,
    /// No move before this time: the last one failed.
    moves_wait_until: Option<Instant>,
    /// How often moves in a row came to nothing, because rows were changed meanwhile.
    moves_repeated: u32,
    /// How often the part of a level that moves at once was halved, because the whole did not fit into
    /// the memory.
    move_halvings: u32,
    /// Which level may hold what, for the readers.
    whereabouts: Arc<Whereabouts>,
    /// The greatest id that the record knows: what is above it is new without a look-up.
    high_water: i64,
    revision: i64,
    /// Whether this opening has an epoch: it begins with its first change.
    has_epoch: bool,
    /// How many commits there were.
    commits: i64,
    fragments: usize,
    marks: Marks,
    deleted_content: DeletedContent,
    witness: Witness,
    log: PathBuf,
    /// The length of the log after the last commit.
    log_length: u64,
    /// Commits that are in the log.
    commits_in_log: u32,
}

impl Record {
    /// Opens the file, or makes it, and brings its tables to this program's version.
    ///
    /// # Errors
    /// If the file is locked, newer, foreign or damaged.
    pub fn open(settings: &StoreSettings) -> Result<(Self, Reader), StoreError> {
        let path = settings.path.as_path();
        let Opened {
            connection,
            set_aside,
        } = opening::open(settings)?;
        schema::migrate(&connection, path)?;
        report::make_catalog(&connection)?;
        let whereabouts = Arc::new(Whereabouts::load(&connection)?);
        let reader = Reader::new(&connection, settings.readers, Arc::clone(&whereabouts))?;
        let store_id = store_id(&connection)?;
        let (witness, said) = Witness::open(path, store_id).map_err(|source| StoreError::Io {
            what: format!("the witness of {} can't be opened", path.display()),
            source,
        })?;
        let log = opening::log_of(path);
        let mut record = Self {
            level_rows: level_rows(&connection)?,
            level_limits: level_limits(settings),
            mover: Some(connection.try_clone()?),
            moving: None,
            moves_wait_until: None,
            moves_repeated: 0,
            move_halvings: 0,
            whereabouts,
            high_water: connection.query_row(
                "SELECT coalesce(greatest((SELECT max(message_id) FROM discord_messages), \
                 (SELECT max(message_id) FROM message_fragments)), 0)",
                [],
                |row| row.get(0),
            )?,
            revision: state(&connection, "revision")?,
            has_epoch: false,
            commits: state(&connection, "commits")?,
            fragments: count(&connection, "message_fragments")?,
            marks: Marks::load(&connection, settings.repair_window)?,
            deleted_content: settings.deleted_content,
            witness,
            log_length: log_length(&log),
            log,
            commits_in_log: 0,
            connection,
        };
        if let Some(said) = said {
            record.report_loss(said, set_aside)?;
        }
        record.testify(Utc::now());
        // What was replayed once need not be replayed by the next start too.
        if record.log_length > LOG_REPLAYED {
            record.checkpoint()?;
        }
        Ok((record, reader))
    }

    /// Says that commits which were acknowledged are not in the record, if that is so, and notes it
    /// there. What they held is read again: the session and the coverage went back with them.
    fn report_loss(
        &mut self,
        said: Testimony,
        set_aside: Option<PathBuf>,
    ) -> Result<(), StoreError> {
        if said.commits <= self.commits {
            return Ok(());
        }
        let copy = set_aside.or_else(|| {
            opening::keep_copy(&self.log).unwrap_or_else(|error| {
                tracing::warn!(%error, "the log can't be copied");
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
            "the record has lost its last commits (a damaged or missing log, or an older copy of the file); what Discord still has is read again"
        );
        self.transaction(|record| {
            outages::write(&record.connection, last, said.at, "record_damaged")?;
            // Revisions are counted on from before: what others have of it is of another record.
            let renew = "UPDATE record_state SET store_id = uuid()";
            record.connection.execute_batch(renew)?;
            record.count_commit(0, Utc::now())
        })?;
        self.witness.attend(store_id(&self.connection)?);
        self.commits += 1;
        Ok(())
    }

    /// Tells the witness how far the record is.
    fn testify(&self, at: DateTime<Utc>) {
        let testimony = Testimony {
            commits: self.commits,
            at,
        };
        // The record is what counts; without its witness only a loss would go unnoticed.
        if let Err(error) = self.witness.saw(testimony) {
            tracing::warn!(%error, "the record's witness can't be written");
        }
    }

    /// The number of the last commit that changed rows.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// Which record it is, and how far.
    ///
    /// # Errors
    /// If the query fails.
    pub fn state(&self) -> Result<RecordState, StoreError> {
        moment::state(&self.connection)
    }

    /// Writes a batch in one transaction; it is on disk when this returns.
    ///
    /// # Errors
    /// If anything fails, nothing of the batch is in the record. If the disk was full, or the memory
    /// ([`StoreError::is_passing`]), the same can be tried again; after any other error the record has
    /// to be opened anew.
    pub fn commit(&mut self, batch: &Batch, now: DateTime<Utc>) -> Result<Committed, StoreError> {
        let written = self.transaction(|record| {
            failpoint::reach("commit_begun")?;
            let written = record.write(batch, now)?;
            failpoint::reach("commit_written")?;
            Ok(written)
        })?;
        failpoint::reach("commit_durable")?;
        self.has_epoch |= written.revision > self.revision;
        self.revision = written.revision;
        self.commits += 1;
        self.commits_in_log += 1;
        self.high_water = self.high_water.max(written.greatest_id);
        self.level_rows[0] += written.appended;
        self.fragments = written.fragments;
        self.testify(now);
        failpoint::reach("commit_testified")?;
        Ok(Committed {
            revision: self.revision,
            number: self.commits,
        })
    }

    /// Moves a level that is full into the next, and folds the log. The long part of a move goes on
    /// beside later commits; this is to be called after each.
    ///
    /// # Errors
    /// If DuckDB fails for good. A move that fails otherwise leaves the rows where they were, and is
    /// tried again later.
    pub fn maintain(&mut self) -> Result<(), StoreError> {
        if let Some(moving) = &self.moving {
            // Rows that come faster than they move wait for it: what is hot is bounded.
            if moving.is_copied() || self.level_rows[0] >= MOST_HOT * self.level_limits[0] {
                self.finish_move()?;
            }
            return Ok(());
        }
        let is_time = self
            .moves_wait_until
            .is_none_or(|until| Instant::now() >= until);
        let full =
            (0..self.level_rows.len()).find(|&at| self.level_rows[at] >= self.level_limits[at]);
        if let Some(from) = full
            && is_time
            && let Some(connection) = self.mover.take()
        {
            let may_repeat = self.moves_repeated < MOVES_REPEATED;
            match Move::begin(connection, from, self.move_halvings, may_repeat) {
                Ok(moving) => self.moving = Some(moving),
                Err(error) => {
                    self.mover = Some(self.connection.try_clone()?);
                    return Err(error);
                }
            }
        } else if self.commits_in_log >= LOG_COMMITS || self.log_length >= LOG_BYTES {
            self.checkpoint()?;
        }
        Ok(())
    }

    /// Waits for the move under way, if there is one, and lets its rows change places.
    ///
    /// # Errors
    /// If DuckDB fails for good.
    pub fn finish_move(&mut self) -> Result<(), StoreError> {
        let Some(moving) = self.moving.take() else {
            return Ok(());
        };
        let (from, began) = (moving.from, moving.began);
        let (copied, waited) = (began.elapsed(), Instant::now());
        self.whereabouts.will_move(from);
        let (connection, moved) = moving.finish()?;
        self.mover = Some(connection);
        match moved {
            Ok(true) => {
                (self.moves_repeated, self.move_halvings) = (0, 0);
                failpoint::reach("move_durable")?;
                self.whereabouts.moved(&self.connection, from)?;
                self.log_length = log_length(&self.log);
                self.level_rows = level_rows(&self.connection)?;
                let held_up = waited.elapsed();
                self.checkpoint()?;
                let folded = waited.elapsed() - held_up;
                tracing::debug!(
                    from = LEVELS[from],
                    ?copied,
                    ?held_up,
                    ?folded,
                    "moved rows into a run"
                );
                Ok(())
            }
            Ok(false) => {
                self.moves_repeated += 1;
                Ok(())
            }
            Err(error @ StoreError::Sql(_)) => {
                self.look_for_remains("a move", &error)?;
                tracing::warn!(%error, "rows could not be moved into a run; they stay where they are for now");
                if error.is_out_of_memory() && self.move_halvings < MOST_HALVINGS {
                    self.move_halvings += 1;
                } else {
                    self.moves_wait_until = Some(Instant::now() + MOVE_AGAIN);
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.connection.execute_batch("BEGIN TRANSACTION")?;
        let done = work(self).and_then(|done| {
            self.connection.execute_batch("COMMIT")?;
            Ok(done)
        });
        let error = match done {
            Ok(done) => {
                self.log_length = log_length(&self.log);
                return Ok(done);
            }
            Err(error) => error,
        };
        // After a failed COMMIT there is nothing to roll back; its own error is the one to tell.
        let _ = self.connection.execute_batch("ROLLBACK");
        if error.is_passing() {
            self.look_for_remains("a commit", &error)?;
            self.marks.reload(&self.connection)?;
        }
        Err(error)
    }

    /// DuckDB cuts off what a failed commit has written. If it could not, what comes behind would be
    /// lost with it.
    fn look_for_remains(&self, what: &str, error: &StoreError) -> Result<(), StoreError> {
        if log_length(&self.log) > self.log_length {
            return Err(StoreError::Damaged(format!(
                "{what} failed and left its remains in the log; start again ({error})"
            )));
        }
        Ok(())
    }

    /// Folds the write-ahead log into the file, so that the next start has nothing to replay.
    ///
    /// # Errors
    /// If DuckDB fails for good: the log is whole, and the record has to be opened anew.
    pub fn checkpoint(&mut self) -> Result<(), StoreError> {
        // It can't be done beside another transaction that writes.
        if let Some(moving) = self.moving.take() {
            self.mover = Some(moving.cancel()?);
        }
        // A checkpoint that finds the disk full puts DuckDB out of order: rather a long log.
        let needed = log_length(&self.log).saturating_mul(2) + CHECKPOINT_MARGIN;
        if free_space(&self.log).is_some_and(|free| free < needed) {
            self.commits_in_log = 0;
            tracing::warn!(
                needed,
                "too little space on the disk to fold the log into the file; it grows until there is"
            );
            return Ok(());
        }
        failpoint::reach("checkpoint_begun")?;
        if let Err(error) = self.connection.execute_batch("CHECKPOINT") {
            let error = StoreError::from(error);
            if matches!(error, StoreError::Stopped(_)) {
                return Err(error);
            }
            // A long read can be in the way; then the log stays, and stays valid.
            tracing::debug!(%error, "the checkpoint waits for the next one");
        }
        failpoint::reach("checkpoint_done")?;
        self.commits_in_log = 0;
        self.log_length = log_length(&self.log);
        Ok(())
    }

    fn write(&mut self, batch: &Batch, now: DateTime<Utc>) -> Result<Written, StoreError> {
        let revision = self.revision + 1;
        let connection = &self.connection;
        let gone_channels = self.marks.apply(connection, batch, self.commits + 1, now)?;
        let news = merge::fold(&batch.messages, &self.marks);
        let mut written = Written {
            greatest_id: news.keys().map(|id| id.as_i64()).max().unwrap_or(0),
            fragments: self.fragments,
            ..Written::default()
        };

        let old = news
            .values()
            .filter(|message| message.id.as_i64() <= self.high_water);
        let mut known = lookup::lookup(connection, old, self.fragments > 0)?;
        let merged = merge::merge(news, &mut known, now, self.deleted_content);

        let replaced = LEVELS.map(|level| (level, &merged.rows_replaced));
        let fragments = ("message_fragments", &merged.fragments_replaced);
        for (table, ids) in replaced.into_iter().chain([fragments]) {
            if !ids.is_empty() {
                connection.execute_batch(&format!(
                    "DELETE FROM {table} WHERE message_id IN ({})",
                    lookup::list(ids.iter().map(|id| id.as_i64()))
                ))?;
            }
        }
        if let Some(moving) = &mut self.moving {
            moving.note_changed(merged.rows_replaced.iter().map(|id| id.as_i64()));
            let gone = gone_channels.iter().map(|channel| channel.id.as_i64());
            let gone = lookup::list(gone);
            if !gone.is_empty() {
                let source = moving.source();
                let mut statement = connection.prepare(&format!(
                    "SELECT message_id FROM {source} WHERE channel_id IN ({gone})"
                ))?;
                let ended = statement.query_map([], |row| row.get(0))?;
                moving.note_changed(ended.collect::<Result<Vec<_>, _>>()?.into_iter());
            }
        }
        let arriving = merged.rows.iter().map(|row| &row.message);
        let arriving = arriving.map(|message| (message.channel_id.as_i64(), message.id.as_i64()));
        self.whereabouts.will_arrive(arriving);
        messages::append(connection, &merged.rows, revision)?;
        fragments::append(connection, &merged.fragments, revision)?;
        written.appended = merged.rows.len();
        written.fragments += merged.fragments.len();
        written.fragments -= merged.fragments_replaced.len();
        let rows = merged.rows.iter().map(|row| &row.message);
        let mut changed = merged.rows.len() + merged.fragments.len();
        changed += versions::keep(connection, rows.chain(&merged.versions_only), revision)?;

        changed += merge::end_channels(connection, &gone_channels, revision)?;
        if self.deleted_content.removes_at_once() {
            let removed = merged.rows.iter().filter(|row| row.removed.is_some());
            versions::delete(connection, removed.map(|row| row.message.id))?;
            if !gone_channels.is_empty() {
                changed += content::remove(connection, DateTime::<Utc>::MAX_UTC, now, revision)?;
            }
        }
        written.revision = self.count_commit(changed, now)?;
        Ok(written)
    }

    /// Takes the content out of deleted messages whose time has come. A setting can have changed
    /// since they were deleted, so all are looked at.
    ///
    /// # Errors
    /// If DuckDB fails; nothing is changed then.
    pub fn remove_content(&mut self, now: DateTime<Utc>) -> Result<usize, StoreError> {
        let Some(noticed_before) = self.deleted_content.due_before(now) else {
            return Ok(0);
        };
        let (removed, revision) = self.transaction(|record| {
            let revision = record.revision + 1;
            if let Some(moving) = &mut record.moving {
                moving.spoil();
            }
            let removed = content::remove(&record.connection, noticed_before, now, revision)?;
            Ok((removed, record.count_commit(removed, now)?))
        })?;
        self.commits += 1;
        self.has_epoch |= revision > self.revision;
        self.revision = revision;
        self.testify(now);
        if removed > 0 {
            tracing::info!(
                messages = removed,
                "the content of deleted messages was taken out"
            );
        }
        Ok(removed)
    }

    /// Counts the commit under way, which changes so many rows. Answers the revision after it.
    fn count_commit(&self, changed: usize, now: DateTime<Utc>) -> Result<i64, StoreError> {
        let revision = self.revision + i64::from(changed > 0);
        if changed > 0 && !self.has_epoch {
            epochs::begin(&self.connection, now, self.revision)?;
        }
        self.connection.execute(
            "UPDATE record_state SET revision = ?, commits = ?, committed_at = ?",
            params![revision, self.commits + 1, now],
        )?;
        Ok(revision)
    }
}

/// What a transaction did; applied to the record's own counts once it is on disk.
#[derive(Default)]
struct Written {
    revision: i64,
    greatest_id: i64,
    appended: usize,
    fragments: usize,
}

/// How many rows are hot, and in small runs.
fn level_rows(connection: &Connection) -> Result<[usize; 2], StoreError> {
    Ok([count(connection, LEVELS[0])?, count(connection, LEVELS[1])?])
}

/// How many rows may be hot, and in small runs: as many as can be sorted in the memory there is.
fn level_limits(settings: &StoreSettings) -> [usize; 2] {
    let groups = usize::try_from(settings.memory_limit / GROUP_MEMORY).unwrap_or(RUN_GROUPS);
    let hot = if groups > 1 { ROW_GROUP } else { ROW_GROUP / 4 };
    let small_runs = groups.clamp(1, RUN_GROUPS) * ROW_GROUP;
    [
        settings.hot_rows.min(hot),
        settings.small_run_rows.min(small_runs),
    ]
}

/// Half of what this process may use (its container's limit, else the machine's memory), so that
/// DuckDB leaves room for the service, the page cache and others.
fn half_the_memory() -> u64 {
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(memory);
    let total = system
        .cgroup_limits()
        .map_or(system.total_memory(), |limits| limits.total_memory);
    total / 2
}

/// A value of the record's state.
fn state<T: FromSql>(connection: &Connection, column: &str) -> Result<T, StoreError> {
    let sql = format!("SELECT {column} FROM record_state");
    Ok(connection.query_row(&sql, [], |row| row.get(0))?)
}

/// Which record it is.
fn store_id(connection: &Connection) -> Result<String, StoreError> {
    state(connection, "CAST(store_id AS VARCHAR)")
}

/// Free space on the disk of a file, in bytes, if the system tells.
fn free_space(file: &Path) -> Option<u64> {
    fs4::available_space(file.parent()?).ok()
}

fn log_length(log: &Path) -> u64 {
    std::fs::metadata(log).map_or(0, |log| log.len())
}

fn count(connection: &Connection, table: &str) -> Result<usize, StoreError> {
    let rows: i64 = connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
        row.get(0)
    })?;
    Ok(usize::try_from(rows).unwrap_or(0))
}
