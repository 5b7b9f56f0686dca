//! Compaction: moves a full level into the next as one sorted run. Rows arrive in the order of time and are
//! read by channel. Each compaction sorts its rows by (channel, id), so that a channel is contiguous in each
//! run and zone maps find it. Old rows are in large runs, of which a page touches few.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use duckdb::{Connection, InterruptHandle};

use crate::failpoint;
use crate::store::StoreError;
use crate::store::file::transaction;
use crate::store::schema::levels::LEVELS;
use crate::store::schema::sql;

/// How often the copying thread is interrupted until it ends.
const TELL_AGAIN: Duration = Duration::from_millis(5);

/// A compaction in progress. The long part, sorting and writing, runs at the same time as the writer, in a
/// transaction of its own. That transaction commits between two commits of the writer.
pub(crate) struct Compaction {
    /// The level whose rows move.
    pub(crate) from: usize,
    /// When the compaction began.
    pub(crate) began: Instant,
    /// The rows that move, as a condition.
    rows: String,
    /// Whether the compaction is abandoned rather than delete stale rows from its copy.
    may_repeat: bool,
    /// Messages whose row the writer changed since the copy began: their old rows are stale.
    changed: HashSet<i64>,
    is_cancelled: Arc<AtomicBool>,
    interrupt: Arc<InterruptHandle>,
    /// None once it was joined.
    thread: Option<JoinHandle<(Connection, Result<(), StoreError>)>>,
}

impl Compaction {
    /// Starts to copy a level as it is now: all of it, or the part `1 / 2^halvings` with the smallest ids. With
    /// `may_repeat` the compaction is abandoned if one of its rows changes before it is finished.
    pub(crate) fn begin(
        connection: Connection,
        from: usize,
        halvings: u32,
        may_repeat: bool,
    ) -> Result<Self, StoreError> {
        let (source, target) = (LEVELS[from], LEVELS[from + 1]);
        connection.execute_batch("BEGIN TRANSACTION")?;
        // The first query determines what the transaction sees.
        let part = 0.5_f64.powi(halvings.cast_signed());
        let cut: Option<i64> = connection.query_row(
            &format!("SELECT quantile_disc(message_id, {part}) FROM {source}"),
            [],
            |row| row.get(0),
        )?;
        let rows = format!("message_id <= {}", cut.unwrap_or(i64::MAX));
        let condition = rows.clone();
        let is_cancelled = Arc::new(AtomicBool::new(false));
        let interrupt = connection.interrupt_handle();
        let cancelled = Arc::clone(&is_cancelled);
        let copy = move || {
            let copied = if cancelled.load(Ordering::SeqCst) {
                Ok(())
            } else {
                copy(&connection, source, target, &condition)
            };
            (connection, copied)
        };
        let thread = thread::Builder::new().name("record-move".to_owned());
        let thread = thread.spawn(copy).map_err(|cause| StoreError::Io {
            what: "the system gives no thread for a move".to_owned(),
            cause,
        })?;
        Ok(Self {
            from,
            began: Instant::now(),
            rows,
            may_repeat,
            changed: HashSet::new(),
            is_cancelled,
            interrupt,
            thread: Some(thread),
        })
    }

    /// Whether the copying has ended.
    pub(crate) fn is_copied(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// The table whose rows move.
    pub(crate) fn source(&self) -> &'static str {
        LEVELS[self.from]
    }

    /// Records that the writer replaced these rows, or changed them in place.
    pub(crate) fn note_changed(&mut self, messages: impl Iterator<Item = i64>) {
        self.changed.extend(messages);
    }

    /// Waits for the copy and commits the move. Returns the connection, and whether the rows moved; if not,
    /// they are still in their level.
    pub(crate) fn finish(mut self) -> Result<(Connection, Result<bool, StoreError>), StoreError> {
        let (connection, copied) = self.join()?;
        let done = copied.and_then(|()| {
            if self.is_cancelled.load(Ordering::SeqCst) {
                connection.execute_batch("ROLLBACK")?;
                return Ok(false);
            }
            let stale = self.stale(&connection)?;
            if self.may_repeat && !stale.is_empty() {
                connection.execute_batch("ROLLBACK")?;
                return Ok(false);
            }
            self.exchange(&connection, &stale)?;
            transaction::commit(&connection, "move_written")?;
            Ok(true)
        });
        if done.is_err() {
            // After a failed COMMIT there is nothing to roll back.
            let _ = connection.execute_batch("ROLLBACK");
        }
        Ok((connection, done))
    }

    /// The changed messages whose old row is in the copy.
    fn stale(&self, connection: &Connection) -> Result<Vec<i64>, StoreError> {
        if self.changed.is_empty() {
            return Ok(Vec::new());
        }
        let mut statement = connection.prepare(&format!(
            "SELECT message_id FROM {} WHERE {} AND message_id IN ({})",
            self.source(),
            self.rows,
            sql::list(self.changed.iter().copied())
        ))?;
        let stale = statement.query_map([], |row| row.get(0))?;
        Ok(stale.collect::<Result<_, _>>()?)
    }

    /// Deletes the moved rows from their level, and stale rows from the copy. The writer waits meanwhile.
    fn exchange(&self, connection: &Connection, stale: &[i64]) -> Result<(), StoreError> {
        let (source, rows) = (self.source(), &self.rows);
        if stale.is_empty() {
            connection.execute_batch(&format!("DELETE FROM {source} WHERE {rows}"))?;
            return Ok(());
        }
        // DuckDB writes all copied rows into the WAL from here on, so compactions are repeated first to avoid
        // this case.
        let stale = sql::list(stale.iter().copied());
        let target = LEVELS[self.from + 1];
        connection.execute_batch(&format!(
            "DELETE FROM {target} WHERE message_id IN ({stale});
             DELETE FROM {source} WHERE {rows} AND message_id NOT IN ({stale});"
        ))?;
        Ok(())
    }

    fn join(&mut self) -> Result<(Connection, Result<(), StoreError>), StoreError> {
        let thread = self.thread.take();
        let joined = thread.and_then(|thread| thread.join().ok());
        joined.ok_or_else(|| StoreError::Damaged("a move's thread panicked".to_owned()))
    }

    /// Ends the copy early; the rows stay in their level.
    pub(crate) fn cancel(mut self) -> Result<Connection, StoreError> {
        self.interrupt_copy();
        let (connection, _) = self.join()?;
        // The ROLLBACK fails if the interrupt has ended the transaction already.
        let _ = connection.execute_batch("ROLLBACK");
        Ok(connection)
    }

    fn interrupt_copy(&self) {
        self.is_cancelled.store(true, Ordering::SeqCst);
        // An interrupt that comes before its query has begun is lost.
        while !self.is_copied() {
            self.interrupt.interrupt();
            thread::sleep(TELL_AGAIN);
        }
    }
}

/// No copy may outlive the record, because its connection would keep the file open.
impl Drop for Compaction {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.interrupt_copy();
            let _ = self.join();
        }
    }
}

fn copy(connection: &Connection, source: &str, target: &str, rows: &str) -> Result<(), StoreError> {
    failpoint::reach("move_begun")?;
    connection.execute_batch(&format!(
        "INSERT INTO {target} SELECT * FROM {source} WHERE {rows} ORDER BY channel_id, message_id"
    ))?;
    failpoint::reach_within(connection, "move_copied")?;
    Ok(())
}
