//! The three tables that messages are in, and the way from one to the next. Rows arrive by time and
//! are read by channel: each move sorts a whole level by (channel, id), so that a channel is
//! contiguous in each run and zone maps find it. What is kept long is in large runs, of which a page
//! touches few.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use duckdb::{Connection, InterruptHandle};

use super::{StoreError, lookup};
use crate::failpoint;

/// The tables, from the youngest rows to the oldest; each message is in one of them.
pub(super) const LEVELS: [&str; 3] = ["messages_hot", "messages_small_runs", "messages_runs"];

/// How often a thread that is to end is told so.
const TELL_AGAIN: Duration = Duration::from_millis(5);

/// A level on its way into the next. The long part, the sorting and writing, goes on beside the
/// writer in a transaction of its own; the rows change places when that is committed, between two
/// commits of the writer's.
pub(super) struct Move {
    /// The level.
    pub(super) from: usize,
    /// Since when.
    pub(super) began: Instant,
    /// Messages whose row was changed meanwhile: their old rows are not moved.
    changed: HashSet<i64>,
    /// Whether rows were changed that nobody listed: then nothing can be moved.
    is_spoiled: bool,
    is_cancelled: Arc<AtomicBool>,
    interrupt: Arc<InterruptHandle>,
    /// None once it was waited for.
    thread: Option<JoinHandle<(Connection, Result<(), StoreError>)>>,
}

impl Move {
    /// Starts to copy a level as it is now.
    pub(super) fn begin(connection: Connection, from: usize) -> Result<Self, StoreError> {
        let (source, target) = (LEVELS[from], LEVELS[from + 1]);
        // The first look is the moment that the transaction sees.
        connection.execute_batch(&format!("BEGIN TRANSACTION; SELECT count(*) FROM {source}"))?;
        let is_cancelled = Arc::new(AtomicBool::new(false));
        let interrupt = connection.interrupt_handle();
        let cancelled = Arc::clone(&is_cancelled);
        let copy = move || {
            let copied = if cancelled.load(Ordering::SeqCst) {
                Ok(())
            } else {
                copy(&connection, source, target)
            };
            (connection, copied)
        };
        let thread = thread::Builder::new().name("record-move".to_owned());
        let thread = thread.spawn(copy).map_err(|source| StoreError::Io {
            what: "the system gives no thread for a move".to_owned(),
            source,
        })?;
        Ok(Self {
            from,
            began: Instant::now(),
            changed: HashSet::new(),
            is_spoiled: false,
            is_cancelled,
            interrupt,
            thread: Some(thread),
        })
    }

    /// Whether the rows are copied.
    pub(super) fn is_copied(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Notes that the writer replaced rows.
    pub(super) fn note_changed(&mut self, messages: impl Iterator<Item = i64>) {
        self.changed.extend(messages);
    }

    /// Notes that the writer changed rows of which it has no list.
    pub(super) fn spoil(&mut self) {
        self.is_spoiled = true;
    }

    /// Waits for the copy, and lets the rows change places. Answers the connection, and whether they
    /// did; if not, they are where they were.
    pub(super) fn finish(mut self) -> Result<(Connection, Result<bool, StoreError>), StoreError> {
        let (connection, copied) = self.join()?;
        let done = copied.and_then(|()| {
            if self.is_spoiled || self.is_cancelled.load(Ordering::SeqCst) {
                connection.execute_batch("ROLLBACK")?;
                return Ok(false);
            }
            self.exchange(&connection)?;
            failpoint::reach("move_written")?;
            connection.execute_batch("COMMIT")?;
            Ok(true)
        });
        if done.is_err() {
            // After a failed COMMIT there is nothing to roll back.
            let _ = connection.execute_batch("ROLLBACK");
        }
        Ok((connection, done))
    }

    /// Takes the moved rows out of their level, and those that changed meanwhile out of the copy.
    /// Nobody else writes now.
    fn exchange(&self, connection: &Connection) -> Result<(), StoreError> {
        let (source, target) = (LEVELS[self.from], LEVELS[self.from + 1]);
        if self.changed.is_empty() {
            connection.execute_batch(&format!("DELETE FROM {source}"))?;
            return Ok(());
        }
        // Of the changed ones only those whose row was in this level are in the copy.
        let mut statement = connection.prepare(&format!(
            "SELECT message_id FROM {source} WHERE message_id IN ({})",
            lookup::list(self.changed.iter().copied())
        ))?;
        let left = statement.query_map([], |row| row.get::<_, i64>(0))?;
        let left = left.collect::<Result<Vec<_>, _>>()?;
        if left.is_empty() {
            connection.execute_batch(&format!("DELETE FROM {source}"))?;
            return Ok(());
        }
        let left = lookup::list(left.into_iter());
        connection.execute_batch(&format!(
            "DELETE FROM {target} WHERE message_id IN ({left});
             DELETE FROM {source} WHERE message_id NOT IN ({left});"
        ))?;
        Ok(())
    }

    fn join(&mut self) -> Result<(Connection, Result<(), StoreError>), StoreError> {
        let thread = self.thread.take();
        let joined = thread.and_then(|thread| thread.join().ok());
        joined.ok_or_else(|| StoreError::Damaged("a move's thread panicked".to_owned()))
    }

    /// Ends the copy early; the rows stay where they are.
    pub(super) fn cancel(mut self) -> Result<Connection, StoreError> {
        self.interrupt_copy();
        let (connection, _) = self.join()?;
        // Refused where the interrupt ended the transaction already.
        let _ = connection.execute_batch("ROLLBACK");
        Ok(connection)
    }

    fn interrupt_copy(&self) {
        self.is_cancelled.store(true, Ordering::SeqCst);
        // An order that comes before its query has begun is lost.
        while !self.is_copied() {
            self.interrupt.interrupt();
            thread::sleep(TELL_AGAIN);
        }
    }
}

/// No copy goes on behind a record that is gone: its connection would keep the file open.
impl Drop for Move {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.interrupt_copy();
            let _ = self.join();
        }
    }
}

fn copy(connection: &Connection, source: &str, target: &str) -> Result<(), StoreError> {
    failpoint::reach("move_begun")?;
    connection.execute_batch(&format!(
        "INSERT INTO {target} SELECT * FROM {source} ORDER BY channel_id, message_id"
    ))?;
    failpoint::reach("move_copied")
}
