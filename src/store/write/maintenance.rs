//! What keeps the record fit to be read and to be opened: rows move on into sorted runs, and the log is
//! folded into the file. The writer calls it between two commits; the long part of a move goes on
//! beside those. What can't be done now is left as it was, and tried again later.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use duckdb::Connection;

use super::compaction::Move;
use super::redact as content;
use crate::failpoint;
use crate::store::StoreError;
use crate::store::file::checkpoint::Checkpoints;
use crate::store::file::level_bounds::Whereabouts;
use crate::store::file::settings::StoreSettings;
use crate::store::file::wal::Log;
use crate::store::schema::levels::{LEVELS, count};

/// Commits and bytes in the log after which it is folded into the file: a start after a crash
/// replays them, at about half a millisecond a commit. Folding holds commits up while it compresses
/// what is hot (a second for 60,000 messages), so that it is left to the move, after which little is
/// hot, as long as that is bearable.
const LOG_COMMITS: u32 = 16_384;
const LOG_BYTES: u64 = 512 * 1024 * 1024;

/// How often a move is done again because a row of it was changed meanwhile. The stale row can be taken
/// out of the copy, but then DuckDB writes all of the copy into the log, while commits wait.
const MOVES_REPEATED: u32 = 3;

/// To what part of a level a move may shrink: a 64th.
const MOST_HALVINGS: u32 = 6;

/// How many times its limit the hot table may hold while a move goes on.
const MOST_HOT: usize = 3;

/// How long after a move or a fold that failed the next is tried.
const AGAIN: Duration = Duration::from_secs(30);

/// How long the end of a record waits for those who still read, and how often it looks.
const LAST_READS: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The state of moves and of the log.
pub(crate) struct Upkeep {
    /// How many rows are in the hot table and in small runs, and how many may be.
    rows: [usize; 2],
    limits: [usize; 2],
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
    /// No fold of the log before this time: the last one failed.
    folds_wait_until: Option<Instant>,
    log: Log,
    /// Commits that are in the log.
    commits_in_log: u32,
    /// Which level may hold what, for the readers.
    whereabouts: Arc<Whereabouts>,
    /// Behind the connections, which have the file open.
    checkpoints: Checkpoints,
}

impl Upkeep {
    /// Of a record that was just opened.
    pub(crate) fn new(
        connection: &Connection,
        settings: &StoreSettings,
        whereabouts: Arc<Whereabouts>,
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
            log: Log::of(&settings.path),
            commits_in_log: 0,
            whereabouts,
            checkpoints,
        })
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// The move under way, which wants to know of changes to its rows.
    pub(crate) fn moving(&mut self) -> Option<&mut Move> {
        self.moving.as_mut()
    }

    /// Tells the move under way of messages whose content is to be taken out.
    pub(crate) fn note_due(
        &mut self,
        connection: &Connection,
        noticed_before: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if let Some(moving) = &mut self.moving {
            let due = content::due(connection, moving.source(), noticed_before)?;
            moving.note_changed(due.into_iter());
        }
        Ok(())
    }

    /// Counts a commit, and the rows that it added to the hot table.
    pub(crate) fn committed(&mut self, appended: usize) {
        self.rows[0] += appended;
        self.commits_in_log += 1;
        self.log.measure();
    }

    /// Moves a level that is full into the next, and folds the log when it is long.
    pub(crate) fn maintain(&mut self, connection: &Connection) -> Result<(), StoreError> {
        if let Some(moving) = &self.moving {
            // Rows that come faster than they move wait for it: what is hot is bounded.
            if moving.is_copied() || self.rows[0] >= MOST_HOT * self.limits[0] {
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
            match Move::begin(mover, from, self.move_halvings, may_repeat) {
                Ok(moving) => self.moving = Some(moving),
                Err(error) => {
                    self.mover = Some(connection.try_clone()?);
                    return Err(error);
                }
            }
        } else if (self.commits_in_log >= LOG_COMMITS || self.log.length() >= LOG_BYTES)
            && is_time(self.folds_wait_until)
        {
            self.fold(connection)?;
        }
        Ok(())
    }

    /// Waits for the move under way, if there is one, and lets its rows change places.
    pub(crate) fn finish_move(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let Some(moving) = self.moving.take() else {
            return Ok(());
        };
        let (from, began) = (moving.from, moving.began);
        let (copied, waited) = (began.elapsed(), Instant::now());
        self.whereabouts.will_move(from);
        let (mover, moved) = moving.finish()?;
        self.mover = Some(mover);
        match moved {
            Ok(true) => {
                self.log.measure();
                (self.moves_repeated, self.move_halvings) = (0, 0);
                failpoint::reach("move_durable")?;
                self.rows = level_rows(connection)?;
                self.whereabouts.moved(connection, from)?;
                let held_up = waited.elapsed();
                self.fold(connection)?;
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
                self.log.look_for_remains("a move", &error)?;
                tracing::warn!(%error, "a compaction failed; its rows stay in their level until the next try");
                if error.is_out_of_memory() && self.move_halvings < MOST_HALVINGS {
                    self.move_halvings += 1;
                } else {
                    self.moves_wait_until = Some(Instant::now() + AGAIN);
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Folds the log into the file, unless something is in the way; a move under way begins anew.
    pub(crate) fn fold(&mut self, connection: &Connection) -> Result<(), StoreError> {
        // It can't be done beside another transaction that writes.
        if let Some(moving) = self.moving.take() {
            self.mover = Some(moving.cancel()?);
        }
        // A checkpoint that finds the disk full puts DuckDB out of order: rather a long log.
        if let Err(needed) = self.log.has_room_to_fold() {
            self.folds_wait_until = Some(Instant::now() + AGAIN);
            tracing::warn!(
                needed,
                "the disk has too little free space for a checkpoint; the WAL grows until there is enough"
            );
            return Ok(());
        }
        failpoint::reach("checkpoint_begun")?;
        match self.checkpoints.fold(connection) {
            Ok(()) => {
                failpoint::reach("checkpoint_done")?;
                self.commits_in_log = 0;
                self.folds_wait_until = None;
            }
            // A long read can be in the way, or the disk has no room for the journal; then the log stays,
            // and stays valid.
            Err(error) if error.is_passing() || matches!(error, StoreError::Sql(_)) => {
                self.folds_wait_until = Some(Instant::now() + AGAIN);
                tracing::debug!(%error, "the checkpoint is postponed");
            }
            Err(error) => return Err(error),
        }
        self.log.measure();
        Ok(())
    }

    /// Folds the log at the end, where no other start than the next one will do it. Others may still
    /// read, and are waited for a while.
    pub(crate) fn fold_at_last(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let until = Instant::now() + LAST_READS;
        loop {
            self.fold(connection)?;
            if self.log.length() == 0 || self.log.has_room_to_fold().is_err() {
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

/// How many rows are hot, and in small runs.
fn level_rows(connection: &Connection) -> Result<[usize; 2], StoreError> {
    Ok([count(connection, LEVELS[0])?, count(connection, LEVELS[1])?])
}
