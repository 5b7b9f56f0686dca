//! The only one that writes: a thread with the record, and a bounded queue before it. It takes
//! what waits, commits it as one transaction with one fsync, and only then tells those who asked.
//! A full queue holds its senders back; when the last sender is gone the rest is committed.

use std::thread;
use std::time::Duration;

use chrono::Utc;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::status::StatusSender;
use crate::store::{Batch, Committed, Record, StoreError};

/// Requests that wait for the writer; beyond it their senders wait.
const QUEUE: usize = 4096;

/// Messages that one commit takes at most; more wait for the next one.
const GROUP: usize = 10_000;

/// How long a mark of the socket that comes with no rows may wait for company.
const IDLE_MARK: Duration = Duration::from_secs(1);

/// The writer is gone: it failed, and its error says why the process ends.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the record's writer has stopped")]
pub struct WriterClosed;

/// Hands batches to the writer.
#[derive(Clone)]
pub struct WriterHandle {
    requests: mpsc::Sender<Request>,
}

struct Request {
    batch: Batch,
    done: Option<oneshot::Sender<Committed>>,
}

impl WriterHandle {
    /// Puts a batch into the queue; waits while that is full.
    ///
    /// # Errors
    /// If the writer has stopped.
    pub async fn send(&self, batch: Batch) -> Result<(), WriterClosed> {
        let request = Request { batch, done: None };
        self.requests.send(request).await.map_err(|_| WriterClosed)
    }

    /// Hands a batch over and waits until it is on disk.
    ///
    /// # Errors
    /// If the writer has stopped; the batch is then not in the record.
    pub async fn commit(&self, batch: Batch) -> Result<Committed, WriterClosed> {
        let (done, committed) = oneshot::channel();
        let request = Request {
            batch,
            done: Some(done),
        };
        self.requests
            .send(request)
            .await
            .map_err(|_| WriterClosed)?;
        committed.await.map_err(|_| WriterClosed)
    }
}

/// The writer's thread.
pub struct Writer {
    finished: oneshot::Receiver<Result<(), StoreError>>,
}

impl Writer {
    /// Starts the thread. It ends when the last handle is dropped and everything is committed.
    #[must_use]
    pub fn start(record: Record, status: StatusSender) -> (Self, WriterHandle) {
        let (requests, queue) = mpsc::channel(QUEUE);
        let (ended, finished) = oneshot::channel();
        let runtime = Handle::current();
        thread::Builder::new()
            .name("record-writer".to_owned())
            .spawn(move || {
                let result = Room { record, status }.work(&runtime, queue);
                // Nobody listens only when the process is ending anyway.
                let _ = ended.send(result);
            })
            .expect("the system gives the process a thread");
        (Self { finished }, WriterHandle { requests })
    }

    /// Waits for the thread's end.
    ///
    /// # Errors
    /// What made it stop before its time.
    pub async fn finished(self) -> Result<(), StoreError> {
        self.finished
            .await
            .unwrap_or_else(|_| Err(StoreError::Damaged("the writer's thread panicked".into())))
    }
}

struct Room {
    record: Record,
    status: StatusSender,
}

impl Room {
    fn work(
        mut self,
        runtime: &Handle,
        mut queue: mpsc::Receiver<Request>,
    ) -> Result<(), StoreError> {
        let revision = self.record.revision();
        self.status.send_modify(|status| status.revision = revision);
        let mut waiting = Vec::new();
        loop {
            let idle_mark = !waiting.is_empty();
            let next = runtime.block_on(async {
                if idle_mark {
                    tokio::time::timeout(IDLE_MARK, queue.recv()).await
                } else {
                    Ok(queue.recv().await)
                }
            });
            match next {
                Ok(None) => break,
                Err(_) => {}
                Ok(Some(request)) => {
                    waiting.push(request);
                    take_group(&mut queue, &mut waiting);
                    if waiting.iter().all(is_only_a_mark) && !idle_mark {
                        continue;
                    }
                }
            }
            self.commit(&mut waiting)?;
            self.record.maintain()?;
        }
        self.commit(&mut waiting)?;
        self.record.checkpoint();
        Ok(())
    }

    /// Commits all that waits, and tells those who asked.
    fn commit(&mut self, waiting: &mut Vec<Request>) -> Result<(), StoreError> {
        if waiting.is_empty() {
            return Ok(());
        }
        let mut group = Batch::default();
        let mut dones = Vec::new();
        for request in waiting.drain(..) {
            group.append(request.batch);
            dones.extend(request.done);
        }
        let sequence = group.sessions.last().map(|session| session.sequence);
        let parked = group.parked.len() as u64;
        let committed = self.record.commit(group, Utc::now())?;
        self.status.send_modify(|status| {
            status.revision = committed.revision;
            status.parked_payloads += parked;
            if let Some(sequence) = sequence {
                status.gateway.sequence = sequence;
            }
        });
        for done in dones {
            // Who asked may have gone; the rows are in the record all the same.
            let _ = done.send(committed);
        }
        Ok(())
    }
}

fn take_group(queue: &mut mpsc::Receiver<Request>, waiting: &mut Vec<Request>) {
    let mut messages: usize = waiting.iter().map(|it| it.batch.messages.len()).sum();
    while messages < GROUP {
        let Ok(request) = queue.try_recv() else {
            return;
        };
        messages += request.batch.messages.len();
        waiting.push(request);
    }
}

/// Whether a request only says how far the socket is.
fn is_only_a_mark(request: &Request) -> bool {
    request.done.is_none() && request.batch.is_only_a_mark()
}
