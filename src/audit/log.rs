//! Writes entries behind the answers. A thread appends what has come together. If it can't, the entries wait; when
//! there is no room for more, [`AuditLog::has_room`] says so, and the API answers nothing that it could not record.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::{AuditFolder, Entry};

/// The number of entries that can wait for the disk, some 20 MB.
const MAX_WAITING: usize = 65_536;

/// The maximum number of entries that are written at once.
const MAX_BATCH: usize = 4_096;

/// How long entries are collected before they are written.
const COLLECT: Duration = Duration::from_millis(200);

/// The pause after a write that failed.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// How often old files are deleted.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);

/// The settings of the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditSettings {
    /// How long entries are kept.
    pub retention: Duration,
    /// The size of all files beyond which the oldest are deleted before their time.
    pub max_bytes: u64,
}

/// Takes entries. Cheap to clone; when the last clone is dropped, what waits is written.
#[derive(Clone)]
pub struct AuditLog(Option<Arc<Inner>>);

struct Inner {
    folder: AuditFolder,
    /// None once it is being dropped.
    entries: Option<Sender<Entry>>,
    waiting: Arc<AtomicUsize>,
    writer: Option<std::thread::JoinHandle<()>>,
}

impl AuditLog {
    /// A log that keeps nothing.
    #[must_use]
    pub fn off() -> Self {
        Self(None)
    }

    /// Begins to write to this folder.
    ///
    /// # Errors
    /// If the thread can't be started.
    pub fn start(folder: AuditFolder, settings: AuditSettings) -> std::io::Result<Self> {
        let (entries, received) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let writer = Writer {
            folder: folder.clone(),
            settings,
            waiting: Arc::clone(&waiting),
        };
        let writer = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || writer.run(&received))?;
        Ok(Self(Some(Arc::new(Inner {
            folder,
            entries: Some(entries),
            waiting,
            writer: Some(writer),
        }))))
    }

    /// The folder; none if the log is off.
    #[must_use]
    pub fn folder(&self) -> Option<&AuditFolder> {
        self.0.as_ref().map(|inner| &inner.folder)
    }

    /// Whether one more request can be recorded.
    #[must_use]
    pub fn has_room(&self) -> bool {
        let waiting = |inner: &Arc<Inner>| inner.waiting.load(Ordering::Relaxed) < MAX_WAITING;
        self.0.as_ref().is_none_or(waiting)
    }

    /// Records an entry, after what it tells of has happened.
    pub fn record(&self, entry: Entry) {
        let Some(inner) = &self.0 else { return };
        if let Some(entries) = &inner.entries {
            inner.waiting.fetch_add(1, Ordering::Relaxed);
            // The thread ends only after this sender.
            let _ = entries.send(entry);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop(self.entries.take());
        if let Some(writer) = self.writer.take() {
            // A panic of the thread was reported already.
            let _ = writer.join();
        }
    }
}

struct Writer {
    folder: AuditFolder,
    settings: AuditSettings,
    waiting: Arc<AtomicUsize>,
}

impl Writer {
    fn run(&self, entries: &Receiver<Entry>) {
        let mut sweep_at = Instant::now();
        let mut batch = Vec::new();
        let mut is_failing = false;
        loop {
            if Instant::now() >= sweep_at {
                self.sweep();
                sweep_at = Instant::now() + SWEEP_EVERY;
            }
            let is_last = self.collect(entries, &mut batch, sweep_at);
            if !batch.is_empty() {
                match self.folder.append(&batch) {
                    Ok(()) => {
                        self.waiting.fetch_sub(batch.len(), Ordering::Relaxed);
                        batch.clear();
                        if std::mem::take(&mut is_failing) {
                            tracing::info!("the audit log can be written again");
                        }
                    }
                    Err(error) if is_last => {
                        tracing::error!(%error, entries = batch.len(), "the last entries of the audit log can't be written");
                    }
                    Err(error) => {
                        if !std::mem::replace(&mut is_failing, true) {
                            tracing::error!(
                                %error,
                                "the audit log can't be written; its entries wait, and when no more can wait, requests are refused"
                            );
                        }
                        std::thread::sleep(RETRY_AFTER);
                    }
                }
            }
            if is_last {
                return;
            }
        }
    }

    /// Adds to a batch what comes within a short time; returns whether nothing comes after it.
    fn collect(&self, entries: &Receiver<Entry>, batch: &mut Vec<Entry>, until: Instant) -> bool {
        if batch.is_empty() {
            match entries.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(entry) => batch.push(entry),
                Err(RecvTimeoutError::Timeout) => return false,
                Err(RecvTimeoutError::Disconnected) => return true,
            }
        }
        let until = Instant::now() + COLLECT;
        while batch.len() < MAX_BATCH {
            match entries.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(entry) => batch.push(entry),
                Err(RecvTimeoutError::Timeout) => return false,
                Err(RecvTimeoutError::Disconnected) => return true,
            }
        }
        false
    }

    fn sweep(&self) {
        let AuditSettings {
            retention,
            max_bytes,
        } = self.settings;
        match self.folder.sweep(retention, max_bytes) {
            Ok(0) => {}
            Ok(files) => tracing::warn!(
                files,
                max_bytes,
                "files of the audit log were deleted before AUDIT_RETENTION, because they exceed AUDIT_MAX_SIZE"
            ),
            Err(error) => {
                tracing::warn!(%error, "old files of the audit log can't be deleted");
            }
        }
    }
}
