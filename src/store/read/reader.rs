//! Reading: a bounded pool of connections beside the writer's, each query on a thread of its own
//! and interrupted when the one who asked goes away. A reader sees what was committed, never less.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use deadpool::unmanaged::{Object, Pool};
use duckdb::{Connection, InterruptHandle};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::pace::Paces;
use crate::store::StoreError;
use crate::store::file::level_bounds::Whereabouts;
use crate::store::file::report_catalog;

/// How long a query waits for a free connection before the answer is "too busy".
const WAIT_FOR_CONNECTION: Duration = Duration::from_secs(10);

/// How often a query that nobody wants is told to end.
const INTERRUPT_AGAIN: Duration = Duration::from_millis(20);

/// Reports that run at once.
const REPORTS_AT_ONCE: u32 = 2;

/// Reads the record. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    /// Waiting for a connection holds no thread. The pool makes none by itself: one that is made
    /// beside would keep the file open after its reader is gone.
    connections: Pool<Connection>,
    /// For reports: each may hold all cores for a while, and they stand on another catalog.
    reports: Pool<Connection>,
    /// Shared by all clones.
    pub(crate) paces: Arc<Paces>,
    /// Shared with the writer.
    pub(crate) whereabouts: Arc<Whereabouts>,
    /// After the connections: see `Checkpoints::handle` in `file/checkpoint.rs`.
    _database: Arc<File>,
}

impl Reader {
    /// Readers of the database that `connection` has open, `most` at once.
    pub(crate) fn new(
        connection: &Connection,
        most: u32,
        whereabouts: Arc<Whereabouts>,
        database: Arc<File>,
    ) -> Result<Self, StoreError> {
        let connections = (0..most).map(|_| {
            let connection = connection.try_clone()?;
            // Else a LIMIT collects its rows by the order of the table, for which nobody asks.
            connection.execute_batch("SET SESSION preserve_insertion_order = false")?;
            Ok::<_, StoreError>(connection)
        });
        let reports = (0..REPORTS_AT_ONCE).map(|_| {
            let connection = connection.try_clone()?;
            report_catalog::prepare(&connection)?;
            Ok::<_, StoreError>(connection)
        });
        Ok(Self {
            connections: connections.collect::<Result<Vec<_>, _>>()?.into(),
            reports: reports.collect::<Result<Vec<_>, _>>()?.into(),
            paces: Arc::default(),
            whereabouts,
            _database: database,
        })
    }

    /// Runs `query` on a thread for blocking work. Dropping the future interrupts it.
    pub(crate) async fn run<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        run_on(&self.connections, query).await
    }

    /// The same at one moment of the record. Around one statement too: between planning it and running
    /// it others may commit, and DuckDB leaves out what held nothing when it planned.
    pub(crate) async fn run_at_one_moment<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.run(move |connection| {
            connection.execute_batch("BEGIN TRANSACTION READ ONLY")?;
            query(connection)
        })
        .await
    }

    /// As [`Reader::run`], for a report.
    pub(crate) async fn run_report<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        run_on(&self.reports, query).await
    }

    /// Runs `query` on a thread for blocking work, once a connection is free; it is interrupted
    /// when the answer is dropped. What `query` returns is called when its connection is back.
    pub(crate) async fn spawn<F, D>(&self, query: F) -> Result<InterruptOnDrop, StoreError>
    where
        F: FnOnce(&Connection) -> D + Send + 'static,
        D: FnOnce(),
    {
        spawn_on(&self.connections, query).await
    }
}

async fn run_on<T, F>(connections: &Pool<Connection>, query: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
{
    let (sender, answer) = oneshot::channel();
    let query = move |connection: &Connection| {
        let answer = query(connection);
        // The receiver is gone when nobody waits any more.
        move || drop(sender.send(answer))
    };
    let _interrupt_on_drop = spawn_on(connections, query).await?;
    answer.await.unwrap_or(Err(StoreError::NoAnswer))
}

async fn spawn_on<F, D>(
    connections: &Pool<Connection>,
    query: F,
) -> Result<InterruptOnDrop, StoreError>
where
    F: FnOnce(&Connection) -> D + Send + 'static,
    D: FnOnce(),
{
    let connection = tokio::time::timeout(WAIT_FOR_CONNECTION, connections.get());
    let connection = connection.await.ok().and_then(Result::ok);
    let connection = Lent(connection.ok_or(StoreError::Busy)?);
    let interrupt = InterruptOnDrop::default();
    let running = Arc::clone(&interrupt.running);
    tokio::task::spawn_blocking(move || {
        if !start(&running, connection.0.interrupt_handle()) {
            return;
        }
        // Dropped before the connection, after a panic too: from then on the connection may
        // serve another query, which must not be hit.
        let ended = EndOnDrop(running);
        let done = query(&connection.0);
        drop(ended);
        drop(connection);
        done();
    });
    Ok(interrupt)
}

/// Where a query is, seen from the one who may interrupt it.
#[derive(Default)]
enum Running {
    #[default]
    Waiting,
    Now(Arc<InterruptHandle>),
    /// Nobody wants the answer any more.
    Left(Arc<InterruptHandle>),
    Ended,
}

/// Interrupts its query when dropped.
#[derive(Default)]
pub struct InterruptOnDrop {
    running: Arc<Mutex<Running>>,
}

impl Drop for InterruptOnDrop {
    fn drop(&mut self) {
        let mut running = lock(&self.running);
        let Running::Now(handle) = &*running else {
            *running = Running::Ended;
            return;
        };
        handle.interrupt();
        *running = Running::Left(Arc::clone(handle));
        // An order that comes between two statements of a query is lost.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(interrupt_until_ended(Arc::clone(&self.running)));
        }
    }
}

async fn interrupt_until_ended(running: Arc<Mutex<Running>>) {
    loop {
        tokio::time::sleep(INTERRUPT_AGAIN).await;
        // Held meanwhile: the connection can't go on to another query.
        match &*lock(&running) {
            Running::Left(handle) => handle.interrupt(),
            Running::Waiting | Running::Now(_) | Running::Ended => return,
        }
    }
}

/// Notes that a query has ended.
struct EndOnDrop(Arc<Mutex<Running>>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        *lock(&self.0) = Running::Ended;
    }
}

/// Notes that the query runs; `false` if nobody wants it any more.
fn start(running: &Mutex<Running>, handle: Arc<InterruptHandle>) -> bool {
    let mut running = lock(running);
    if matches!(*running, Running::Ended) {
        return false;
    }
    *running = Running::Now(handle);
    true
}

fn lock(running: &Mutex<Running>) -> parking_lot::MutexGuard<'_, Running> {
    running.lock()
}

/// A connection that goes back to the pool when dropped.
struct Lent(Object<Connection>);

impl Drop for Lent {
    /// The transaction of a page ends here, also one that an interrupt aborted or a panic left
    /// (`is_autocommit` would not tell: it always says yes).
    fn drop(&mut self) {
        // Without a transaction this is refused, and nothing else happens.
        let _ = self.0.execute_batch("ROLLBACK");
    }
}
