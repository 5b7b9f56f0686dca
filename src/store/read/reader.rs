//! Queries: a bounded pool of connections next to the writer's. Each query runs on a thread for blocking work
//! and is interrupted when its caller goes away. A reader sees everything that was committed before it began.

use std::borrow::Borrow;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use deadpool::unmanaged::{Object, Pool};
use duckdb::{Connection, InterruptHandle};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::completeness::KnownCoverage;
use super::report_session::Session;
use crate::store::StoreError;

/// How long a query waits for a free connection before it fails with [`StoreError::Busy`].
const WAIT_FOR_CONNECTION: Duration = Duration::from_secs(10);

/// How often an abandoned query is interrupted until it ends.
const INTERRUPT_AGAIN: Duration = Duration::from_millis(20);

/// The maximum number of concurrent reports.
const REPORTS_AT_ONCE: u32 = 2;

/// Runs queries on the record. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    /// An asynchronous pool, so that waiting for a connection blocks no thread. The pool opens no connections
    /// of its own: such a connection would keep the file open after its reader is gone.
    connections: Pool<Connection>,
    /// The connections for reports, which may use all cores for a while and run in another catalog.
    reports: Pool<Session>,
    pub(super) known_coverage: Arc<Mutex<KnownCoverage>>,
    /// Declared after the connections, so that it is dropped after them: see `Checkpoints::handle` in
    /// `file/checkpoint.rs`.
    _database: Arc<File>,
}

impl Reader {
    /// A reader for the database that `connection` has open, with at most `most` concurrent queries.
    pub(crate) fn new(
        connection: &Connection,
        most: u32,
        database: Arc<File>,
    ) -> Result<Self, StoreError> {
        let connections = (0..most).map(|_| {
            let connection = connection.try_clone()?;
            // With it, DuckDB collects the rows of a LIMIT in the order of the table, which no query here
            // needs.
            connection.execute_batch("SET SESSION preserve_insertion_order = false")?;
            Ok::<_, StoreError>(connection)
        });
        let reports = (0..REPORTS_AT_ONCE).map(|_| Session::new(connection.try_clone()?));
        Ok(Self {
            connections: connections.collect::<Result<Vec<_>, _>>()?.into(),
            reports: reports.collect::<Result<Vec<_>, _>>()?.into(),
            known_coverage: Arc::default(),
            _database: database,
        })
    }

    /// Runs `query` on a thread for blocking work. Dropping the future interrupts the query.
    pub(crate) async fn run<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        run_on(&self.connections, query).await
    }

    /// Runs `query` like [`Reader::run`], in one transaction. A single statement needs one too: another commit
    /// can come between its planning and its execution, and DuckDB prunes tables that were empty when it
    /// planned.
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

    /// Runs the query of a report like [`Reader::run`].
    pub(super) async fn run_report<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Session) -> Result<T, StoreError> + Send + 'static,
    {
        run_on(&self.reports, query).await
    }

    /// Runs `query` on a thread for blocking work as soon as a connection is free. Dropping the result
    /// interrupts the query. The closure that `query` returns is called when the connection is back in the
    /// pool.
    pub(crate) async fn spawn<F, D>(&self, query: F) -> Result<InterruptOnDrop, StoreError>
    where
        F: FnOnce(&Connection) -> D + Send + 'static,
        D: FnOnce(),
    {
        spawn_on(&self.connections, query).await
    }
}

async fn run_on<C, T, F>(connections: &Pool<C>, query: F) -> Result<T, StoreError>
where
    C: Borrow<Connection> + Send + 'static,
    T: Send + 'static,
    F: FnOnce(&C) -> Result<T, StoreError> + Send + 'static,
{
    let (sender, answer) = oneshot::channel();
    let query = move |connection: &C| {
        let answer = query(connection);
        // The send fails if the caller has gone away.
        move || drop(sender.send(answer))
    };
    let _interrupt_on_drop = spawn_on(connections, query).await?;
    answer.await.unwrap_or(Err(StoreError::NoAnswer))
}

async fn spawn_on<C, F, D>(connections: &Pool<C>, query: F) -> Result<InterruptOnDrop, StoreError>
where
    C: Borrow<Connection> + Send + 'static,
    F: FnOnce(&C) -> D + Send + 'static,
    D: FnOnce(),
{
    let connection = tokio::time::timeout(WAIT_FOR_CONNECTION, connections.get());
    let connection = connection.await.ok().and_then(Result::ok);
    let connection = PooledConnection(connection.ok_or(StoreError::Busy)?);
    let interrupt = InterruptOnDrop::default();
    let running = Arc::clone(&interrupt.running);
    tokio::task::spawn_blocking(move || {
        let handle = Borrow::<Connection>::borrow(&*connection.0).interrupt_handle();
        if !start(&running, handle) {
            return;
        }
        // The query counts as ended before its connection is returned, also after a panic: from then on the
        // connection may run another query, which must not be interrupted.
        let ended = EndOnDrop(running);
        let done = query(&connection.0);
        drop(ended);
        drop(connection);
        done();
    });
    Ok(interrupt)
}

/// The state of a query, for its interruption.
#[derive(Default)]
enum Running {
    #[default]
    Waiting,
    Now(Arc<InterruptHandle>),
    /// The caller has gone away.
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
        // An interrupt between two statements of a query is lost, so it is repeated.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(interrupt_until_ended(Arc::clone(&self.running)));
        }
    }
}

async fn interrupt_until_ended(running: Arc<Mutex<Running>>) {
    loop {
        tokio::time::sleep(INTERRUPT_AGAIN).await;
        // The lock is held meanwhile, so that the connection can't begin another query.
        match &*lock(&running) {
            Running::Left(handle) => handle.interrupt(),
            Running::Waiting | Running::Now(_) | Running::Ended => return,
        }
    }
}

/// Marks the query as ended when dropped.
struct EndOnDrop(Arc<Mutex<Running>>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        *lock(&self.0) = Running::Ended;
    }
}

/// Marks the query as running; returns `false` if the caller has gone away already.
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

/// A connection that returns to the pool when dropped.
struct PooledConnection<C: Borrow<Connection>>(Object<C>);

impl<C: Borrow<Connection>> Drop for PooledConnection<C> {
    /// Ends the query's transaction, also after an interrupt or a panic. `is_autocommit` can't tell whether
    /// there is one, because it always returns true.
    fn drop(&mut self) {
        // The ROLLBACK fails, without effect, if no transaction is open.
        let connection: &Connection = (*self.0).borrow();
        let _ = connection.execute_batch("ROLLBACK");
    }
}
