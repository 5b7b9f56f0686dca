//! Maintenance of the record: compaction and checkpoints. The writer calls it between two commits; the long
//! part of a compaction runs at the same time as later commits. What fails is left as it was, and is tried
//! again later.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use duckdb::Connection;

use super::compaction::Compaction;
use super::level_bounds::LevelBounds;
use super::redact;
use crate::failpoint;
use crate::store::StoreError;
use crate::store::file::checkpoint::Checkpoints;
use crate::store::file::settings::StoreSettings;
use crate::store::file::wal::Wal;
use crate::store::schema::levels::{LEVELS, count};

/// The number of commits and of bytes in the WAL after which a checkpoint is due: a start after a crash replays
/// them, at about half a millisecond a commit. A checkpoint delays commits while it compresses level 0 (a
/// second for 60,000 messages). So checkpoints are left to the end of a compaction, after which level 0 is
/// small, as long as the WAL stays within these limits.
const LOG_COMMITS: u32 = 16_384;
const LOG_BYTES: u64 = 512 * 1024 * 1024;

/// How often a compaction is repeated because one of its rows was changed meanwhile. The stale row can be
/// deleted from the copy instead, but then DuckDB writes all of the copy into the WAL while commits wait.
const MOVES_REPEATED: u32 = 3;

/// The smallest part of a level that one compaction moves: a 64th.
const MAX_HALVINGS: u32 = 6;

/// The maximum of rows in level 0 during a compaction, as a multiple of its limit.
const MAX_HOT: usize = 3;

/// The pause after a failed compaction or checkpoint.
const AGAIN: Duration = Duration::from_secs(30);

/// How long the end of the service waits for open queries, and how often it tries the checkpoint.
const LAST_READS: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The state of compaction and of the WAL.
pub(crate) struct Maintenance {
    /// The number of rows in level 0 and level 1, and the limits.
    rows: [usize; 2],
    limits: [usize; 2],
    /// The connection for compactions; none while one is in progress.
    mover: Option<Connection>,
    moving: Option<Compaction>,
    /// After a failed compaction, none is started before this time.
    moves_wait_until: Option<Instant>,
    /// How many compactions in a row were abandoned, because rows were changed meanwhile.
    moves_repeated: u32,
    /// How often the part of a level that one compaction moves was halved, because more did not fit into the
    /// memory.
    move_halvings: u32,
    /// After a failed checkpoint, none is started before this time.
    folds_wait_until: Option<Instant>,
    log: Wal,
    /// The number of commits in the WAL.
    commits_in_log: u32,
    /// The level bounds, which the readers share.
    level_bounds: Arc<LevelBounds>,
    /// Declared after the connections, so that it is dropped after them: the end of its file handle would
    /// release DuckDB's lock.
    checkpoints: Checkpoints,
}

impl Maintenance {
    /// The state for a record that was just opened.
    pub(crate) fn new(
        connection: &Connection,
        settings: &StoreSettings,
        level_bounds: Arc<LevelBounds>,
        checkpoints: Checkpoints,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            rows: level_rows(connection)?,
            limits: settings.level_limits(),
            mover: Some(connection.try_clone()?),
            moving: None,
            moves_wait_until: None,
            moves_repeated: 0,
            move_halvings: 0,
            folds_wait_until: None,
            log: Wal::of(&settings.path),
            commits_in_log: 0,
            level_bounds,
            checkpoints,
        })
    }

    pub(crate) fn log(&self) -> &Wal {
        &self.log
    }

    /// The compaction in progress, which has to know of changes to its rows.
    pub(crate) fn moving(&mut self) -> Option<&mut Compaction> {
        self.moving.as_mut()
    }

    /// Tells the compaction in progress which messages are going to be redacted.
    pub(crate) fn note_due(
        &mut self,
        connection: &Connection,
        noticed_before: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if let Some(moving) = &mut self.moving {
            let due = redact::due(connection, moving.source(), noticed_before)?;
            moving.note_changed(due.into_iter());
        }
        Ok(())
    }

    /// Counts a commit, and the rows that it added to level 0.
    pub(crate) fn committed(&mut self, appended: usize) {
        self.rows[0] += appended;
        self.commits_in_log += 1;
        self.log.measure();
    }

    /// Starts a compaction when a level is full, and checkpoints when the WAL is long.
    pub(crate) fn maintain(&mut self, connection: &Connection) -> Result<(), StoreError> {
        if let Some(moving) = &self.moving {
            // If rows arrive faster than compaction moves them, commits wait, so that level 0 is bounded.
            if moving.is_copied() || self.rows[0] >= MAX_HOT * self.limits[0] {
                self.finish_move(connection)?;
            }
            return Ok(());
        }
        let full = (0..self.rows.len()).find(|&at| self.rows[at] >= self.limits[at]);
        if let Some(from) = full
            && is_time(self.moves_wait_until)
            && let Some(mover) = self.mover.take()
        {
            let may_repeat = self.moves_repeated < MOVES_REPEATED;
            match Compaction::begin(mover, from, self.move_halvings, may_repeat) {
                Ok(moving) => self.moving = Some(moving),
                Err(error) => {
                    self.mover = Some(connection.try_clone()?);
                    return Err(error);
                }
            }
        } else if (self.commits_in_log >= LOG_COMMITS || self.log.length() >= LOG_BYTES)
            && is_time(self.folds_wait_until)
        {
            self.checkpoint(connection)?;
        }
        Ok(())
    }

    /// Waits for the compaction in progress, if there is one, and commits it.
    pub(crate) fn finish_move(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let Some(moving) = self.moving.take() else {
            return Ok(());
        };
        let (from, began) = (moving.from, moving.began);
        let (copied, waited) = (began.elapsed(), Instant::now());
        self.level_bounds.will_move(from);
        let (mover, moved) = moving.finish()?;
        self.mover = Some(mover);
        match moved {
            Ok(true) => {
                self.log.measure();
                (self.moves_repeated, self.move_halvings) = (0, 0);
                failpoint::reach("move_durable")?;
                self.rows = level_rows(connection)?;
                self.level_bounds.moved(connection, from)?;
                let held_up = waited.elapsed();
                self.checkpoint(connection)?;
                let folded = waited.elapsed() - held_up;
                tracing::debug!(
                    from = LEVELS[from],
                    copied_ms = copied.as_millis(),
                    held_up_ms = held_up.as_millis(),
                    folded_ms = folded.as_millis(),
                    "a compaction moved rows into the next level"
                );
                Ok(())
            }
            Ok(false) => {
                self.moves_repeated += 1;
                Ok(())
            }
            Err(error @ StoreError::Sql(_)) => {
                self.log.ensure_unchanged("a move", &error)?;
                tracing::warn!(%error, "a compaction failed; its rows stay in their level until the next try");
                if error.is_out_of_memory() && self.move_halvings < MAX_HALVINGS {
                    self.move_halvings += 1;
                } else {
                    self.moves_wait_until = Some(Instant::now() + AGAIN);
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Checkpoints, unless something prevents it; a compaction in progress is cancelled and starts again later.
    pub(crate) fn checkpoint(&mut self, connection: &Connection) -> Result<(), StoreError> {
        // DuckDB can't checkpoint while another transaction writes.
        if let Some(moving) = self.moving.take() {
            self.mover = Some(moving.cancel()?);
        }
        // A checkpoint that finds the disk full invalidates the open database, so a long WAL is better.
        if let Err(needed) = self.log.has_room_to_checkpoint() {
            self.folds_wait_until = Some(Instant::now() + AGAIN);
            tracing::warn!(
                needed,
                "the disk has too little free space for a checkpoint; the WAL grows until there is enough"
            );
            return Ok(());
        }
        failpoint::reach("checkpoint_begun")?;
        match self.checkpoints.run(connection) {
            Ok(()) => {
                failpoint::reach("checkpoint_done")?;
                self.commits_in_log = 0;
                self.folds_wait_until = None;
            }
            // A long query can block the checkpoint, or the disk has no room for the journal. The WAL stays
            // then, and stays valid.
            Err(error) if error.is_passing() || matches!(error, StoreError::Sql(_)) => {
                self.folds_wait_until = Some(Instant::now() + AGAIN);
                tracing::debug!(%error, "the checkpoint is postponed");
            }
            Err(error) => return Err(error),
        }
        self.log.measure();
        Ok(())
    }

    /// The final checkpoint: without it, the next start has to replay the WAL. Open queries can block it, so it
    /// is repeated for a while.
    pub(crate) fn checkpoint_at_end(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let until = Instant::now() + LAST_READS;
        loop {
            self.checkpoint(connection)?;
            if self.log.length() == 0 || self.log.has_room_to_checkpoint().is_err() {
                return Ok(());
            }
            if Instant::now() >= until {
                tracing::info!(
                    "open queries block the final checkpoint; the WAL is replayed at the next start"
                );
                return Ok(());
            }
            thread::sleep(LOOK_AGAIN);
        }
    }
}

fn is_time(until: Option<Instant>) -> bool {
    until.is_none_or(|until| Instant::now() >= until)
}

/// The number of rows in level 0 and level 1.
fn level_rows(connection: &Connection) -> Result<[usize; 2], StoreError> {
    Ok([count(connection, LEVELS[0])?, count(connection, LEVELS[1])?])
}
