//! Reading: a bounded pool of connections beside the writer's, each query on a thread of its own
//! and interrupted when the one who asked goes away. A reader sees what was committed, never less.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use duckdb::{Connection, InterruptHandle};
use r2d2::{ManageConnection, Pool};
use tokio::sync::{Semaphore, oneshot};

use super::StoreError;

/// How long a query waits for a free connection before the answer is "too busy".
const WAIT_FOR_CONNECTION: Duration = Duration::from_secs(10);

/// Reads the record. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    pool: Pool<Connections>,
    /// A place for each connection: waiting for one holds no thread.
    places: Arc<Semaphore>,
}

impl Reader {
    /// Readers of the database that `connection` has open, `most` at once.
    pub(super) fn new(connection: Connection, most: u32) -> Result<Self, StoreError> {
        let pool = Pool::builder()
            .max_size(most)
            // None before it is asked for: a connection that is made beside would keep the file
            // open after its reader is gone.
            .min_idle(Some(0))
            // A connection is a handle inside this process: it does not go stale.
            .test_on_check_out(false)
            .max_lifetime(None)
            .idle_timeout(None)
            .build(Connections {
                root: Mutex::new(connection),
            })
            .map_err(|_| StoreError::Busy)?;
        let places = Arc::new(Semaphore::new(most as usize));
        Ok(Self { pool, places })
    }

    /// Runs `query` on a thread for blocking work. Dropping the future interrupts it.
    pub(super) async fn run<T, F>(&self, query: F) -> Result<T, StoreError>
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
        let _interrupt_on_drop = self.spawn(query).await?;
        answer.await.unwrap_or(Err(StoreError::NoAnswer))
    }

    /// Runs `query` on a thread for blocking work, once a connection is free; it is interrupted
    /// when the answer is dropped. What `query` returns is called when its connection is back.
    pub(super) async fn spawn<F, D>(&self, query: F) -> Result<InterruptOnDrop, StoreError>
    where
        F: FnOnce(&Connection) -> D + Send + 'static,
        D: FnOnce(),
    {
        let place = Arc::clone(&self.places).acquire_owned();
        let place = tokio::time::timeout(WAIT_FOR_CONNECTION, place)
            .await
            .map_err(|_| StoreError::Busy)?;
        let interrupt = InterruptOnDrop::default();
        let running = Arc::clone(&interrupt.running);
        let pool = self.pool.clone();
        tokio::task::spawn_blocking(move || {
            let Ok(connection) = pool.get() else { return };
            if !start(&running, connection.interrupt_handle()) {
                return;
            }
            // Dropped before the connection, after a panic too: from then on the connection may
            // serve another query, which must not be hit.
            let ended = EndOnDrop(running);
            let done = query(&connection);
            drop(ended);
            drop(connection);
            drop(pool);
            drop(place);
            done();
        });
        Ok(interrupt)
    }
}

/// Where a query is, seen from the one who may interrupt it.
#[derive(Default)]
enum Running {
    #[default]
    Waiting,
    Now(Arc<InterruptHandle>),
    Ended,
}

/// Interrupts its query when dropped.
#[derive(Default)]
pub(super) struct InterruptOnDrop {
    running: Arc<Mutex<Running>>,
}

impl Drop for InterruptOnDrop {
    fn drop(&mut self) {
        let mut running = lock(&self.running);
        if let Running::Now(handle) = &*running {
            handle.interrupt();
        }
        *running = Running::Ended;
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

fn lock(running: &Mutex<Running>) -> std::sync::MutexGuard<'_, Running> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How the pool makes a connection: another handle to the database that is open already.
struct Connections {
    root: Mutex<Connection>,
}

impl ManageConnection for Connections {
    type Connection = Connection;
    type Error = duckdb::Error;

    fn connect(&self) -> Result<Connection, duckdb::Error> {
        self.root
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .try_clone()
    }

    fn is_valid(&self, connection: &mut Connection) -> Result<(), duckdb::Error> {
        connection.execute_batch("SELECT 1")
    }

    /// Asked when a connection comes back. The transaction of a page ends here, also one that an
    /// interrupt aborted or a panic left (`is_autocommit` would not tell: it always says yes).
    fn has_broken(&self, connection: &mut Connection) -> bool {
        // Without a transaction this is refused, and nothing else happens.
        let _ = connection.execute_batch("ROLLBACK");
        self.is_valid(connection).is_err()
    }
}
