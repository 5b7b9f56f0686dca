//! The only writer of the database: a thread behind a bounded queue. It takes everything that waits, commits it
//! as one transaction with one fsync, and only then acknowledges it to the senders. A full queue blocks its
//! senders; when the last sender is gone, the rest is committed.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tracing::{debug, error, info, warn};

use crate::backoff::Pauses;
use crate::clock::Clock;
use crate::failpoint;
use crate::status::{RecordState, StatusSender};
use crate::store::{Batch, Committed, Record, StoreError, Unsettled};

/// The maximum size of the queue in bytes; beyond it the senders wait. The gateway is not read then, and
/// Discord closes the connection after a while: the session is resumed, or its loss is recorded.
const QUEUE_BYTES: u32 = 64 * 1024 * 1024;

/// The size that a request counts in addition to its messages, so that the number of requests is bounded too.
const REQUEST_BYTES: usize = 2048;

/// The maximum number of messages in a commit; further ones wait for the next commit.
const GROUP: usize = 10_000;

/// How long a position of the gateway without rows may wait for other requests.
const IDLE_MARK: Duration = Duration::from_secs(1);

/// The delay before the next try after a commit failed because of a full disk: the first and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// The maximum number of messages that wait to be requested again.
const UNSETTLED: usize = 1_000;

/// How often deleted messages are checked for content to redact.
const REMOVAL: Duration = Duration::from_secs(3600);

/// The writer has stopped; its own error is why the process ends.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the database writer has stopped")]
pub struct WriterClosed;

/// Sends batches to the writer.
#[derive(Clone)]
pub struct WriterHandle {
    requests: mpsc::UnboundedSender<Request>,
    /// The free bytes of the queue; a request returns its bytes when it is on disk.
    room: Arc<Semaphore>,
    status: StatusSender,
}

struct Request {
    batch: Batch,
    done: Option<oneshot::Sender<Committed>>,
    room: OwnedSemaphorePermit,
}

impl WriterHandle {
    /// Puts a batch into the queue; waits while the queue is full.
    ///
    /// # Errors
    /// If the writer has stopped.
    pub async fn send(&self, batch: Batch) -> Result<(), WriterClosed> {
        self.put(batch, None).await
    }

    /// Sends a batch and waits until it is on disk.
    ///
    /// # Errors
    /// If the writer has stopped; the batch is not stored then.
    pub async fn commit(&self, batch: Batch) -> Result<Committed, WriterClosed> {
        let (done, committed) = oneshot::channel();
        self.put(batch, Some(done)).await?;
        committed.await.map_err(|_| WriterClosed)
    }

    async fn put(
        &self,
        batch: Batch,
        done: Option<oneshot::Sender<Committed>>,
    ) -> Result<(), WriterClosed> {
        let bytes = u32::try_from(batch.text_bytes() + REQUEST_BYTES).unwrap_or(u32::MAX);
        let bytes = bytes.min(QUEUE_BYTES);
        let room = match Arc::clone(&self.room).try_acquire_many_owned(bytes) {
            Ok(room) => room,
            Err(_) => {
                self.status.send_modify(|status| status.held_back += 1);
                let room = Arc::clone(&self.room).acquire_many_owned(bytes);
                room.await.map_err(|_| WriterClosed)?
            }
        };
        let request = Request { batch, done, room };
        self.requests.send(request).map_err(|_| WriterClosed)
    }
}

/// The thread of the writer.
pub struct Writer {
    finished: oneshot::Receiver<Result<(), StoreError>>,
    unsettled: Option<mpsc::Receiver<Unsettled>>,
}

impl Writer {
    /// Starts the thread. It ends when the last handle is dropped and everything is committed.
    #[must_use]
    pub fn start(record: Record, status: StatusSender, clock: Clock) -> (Self, WriterHandle) {
        if let Some(at) = record.observed_at() {
            clock.stamp_after(at);
        }
        let (requests, queue) = mpsc::unbounded_channel();
        let (unsettled, found) = mpsc::channel(UNSETTLED);
        let (ended, finished) = oneshot::channel();
        let room = Arc::new(Semaphore::new(QUEUE_BYTES as usize));
        let handle = WriterHandle {
            requests,
            room: Arc::clone(&room),
            status: status.clone(),
        };
        let runtime = Handle::current();
        thread::Builder::new()
            .name("record-writer".to_owned())
            .spawn(move || {
                let desk = Desk {
                    record,
                    status,
                    clock,
                    removed_at: None,
                    unsettled,
                };
                let result = desk.work(&runtime, queue);
                // Otherwise senders would wait for free bytes for ever.
                room.close();
                // Nobody listens only if the process is ending anyway.
                let _ = ended.send(result);
            })
            .expect("the system gives the process a thread");
        let writer = Self {
            finished,
            unsettled: Some(found),
        };
        (writer, handle)
    }

    /// The messages that have to be requested again; none if somebody has taken the receiver already.
    pub fn take_unsettled(&mut self) -> Option<mpsc::Receiver<Unsettled>> {
        self.unsettled.take()
    }

    /// Waits for the end of the thread.
    ///
    /// # Errors
    /// The error that stopped the writer.
    pub async fn finished(self) -> Result<(), StoreError> {
        self.finished
            .await
            .unwrap_or_else(|_| Err(StoreError::Damaged("the writer's thread panicked".into())))
    }
}

/// The state of the thread.
struct Desk {
    record: Record,
    status: StatusSender,
    clock: Clock,
    /// When deleted messages were last checked.
    removed_at: Option<Instant>,
    unsettled: mpsc::Sender<Unsettled>,
}

impl Desk {
    fn work(
        mut self,
        runtime: &Handle,
        mut queue: mpsc::UnboundedReceiver<Request>,
    ) -> Result<(), StoreError> {
        let revision = self.record.revision();
        self.status.send_modify(|status| status.revision = revision);
        self.remove_content()?;
        self.hand_on_unsettled();
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
            match self.record.maintain() {
                // The redaction can wait.
                Err(error) if error.is_passing() => {}
                done => done?,
            }
            self.remove_content()?;
        }
        self.commit(&mut waiting)?;
        self.record.close()
    }

    /// Commits everything that waits, and acknowledges it to the senders.
    fn commit(&mut self, waiting: &mut Vec<Request>) -> Result<(), StoreError> {
        if waiting.is_empty() {
            return Ok(());
        }
        let mut group = Batch::default();
        let mut dones = Vec::new();
        let mut rooms = Vec::with_capacity(waiting.len());
        for request in waiting.drain(..) {
            group.append(request.batch);
            dones.extend(request.done);
            rooms.push(request.room);
        }
        let sequence = group.sessions.last().map(|session| session.sequence);
        let parked = group.parked.len() as u64;
        let committed = self.commit_when_there_is_room(&group)?;
        drop(rooms);
        self.hand_on_unsettled();
        self.status.send_modify(|status| {
            status.revision = committed.revision;
            status.parked_payloads += parked;
            if let Some(sequence) = sequence {
                status.gateway.sequence = sequence;
            }
        });
        for done in dones {
            // The sender may be gone; the rows are stored anyway.
            let _ = done.send(committed);
        }
        failpoint::reach("commit_acknowledged")?;
        debug!(
            target: "guildlake::commit",
            "commit={} sequence={}",
            committed.number,
            sequence.unwrap_or(0)
        );
        Ok(())
    }

    /// Passes on messages that have to be requested again. Without a receiver, or if too many wait, they stay
    /// as they are.
    fn hand_on_unsettled(&mut self) {
        for message in self.record.take_unsettled() {
            // Counted before it can be taken, so that nobody sees a count below zero.
            self.status.send_modify(|status| status.unsettled += 1);
            if self.unsettled.try_send(message).is_err() {
                self.status.send_modify(|status| status.unsettled -= 1);
                return;
            }
        }
    }

    /// Waits while the disk is full: nothing is acknowledged in the meantime, and nothing is lost.
    fn commit_when_there_is_room(&mut self, group: &Batch) -> Result<Committed, StoreError> {
        let mut pauses = Pauses::new(FIRST_PAUSE, MAX_PAUSE);
        let mut was_full = false;
        loop {
            match self.record.commit(group, self.clock.now()) {
                Err(error) if error.is_full_disk() => {
                    was_full = true;
                    let pause = pauses.next();
                    error!(
                        %error,
                        "the disk is full: nothing is archived until there is free space; the service then continues by itself (next try in {})",
                        humantime::format_duration(pause)
                    );
                    self.set_state(RecordState::DiskFull);
                    thread::sleep(pause);
                }
                Err(error) if error.is_out_of_memory() => {
                    error!(
                        %error,
                        "queries use all of MEMORY_LIMIT: the commit is delayed (next try in {})",
                        humantime::format_duration(FIRST_PAUSE)
                    );
                    thread::sleep(FIRST_PAUSE);
                }
                done => {
                    if was_full && done.is_ok() {
                        info!("the disk has free space again: the service continues to archive");
                        self.set_state(RecordState::Ok);
                    }
                    return done;
                }
            }
        }
    }

    fn set_state(&self, state: RecordState) {
        self.status.send_modify(|status| status.record = state);
    }

    fn remove_content(&mut self) -> Result<(), StoreError> {
        let is_time = self.removed_at.is_none_or(|at| at.elapsed() >= REMOVAL);
        if is_time || self.record.has_content_left() {
            self.removed_at = Some(Instant::now());
            match self.record.remove_content(self.clock.now()) {
                Err(error) if error.is_passing() => {
                    warn!(%error, "the content of deleted messages could not be redacted; the next try is in {}", humantime::format_duration(REMOVAL));
                }
                done => drop(done?),
            }
            let revision = self.record.revision();
            self.status.send_modify(|status| status.revision = revision);
        }
        Ok(())
    }
}

fn take_group(queue: &mut mpsc::UnboundedReceiver<Request>, waiting: &mut Vec<Request>) {
    let mut messages: usize = waiting.iter().map(|it| it.batch.messages.len()).sum();
    while messages < GROUP {
        let Ok(request) = queue.try_recv() else {
            return;
        };
        messages += request.batch.messages.len();
        waiting.push(request);
    }
}

/// Whether a request only contains a position of the gateway.
fn is_only_a_mark(request: &Request) -> bool {
    request.done.is_none() && request.batch.is_only_a_mark()
}
