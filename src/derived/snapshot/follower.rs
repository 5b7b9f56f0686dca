//! The follower: takes snapshots, and between them verifies their files. Errors are logged and tried again; the
//! record is not affected.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant as Deadline, sleep_until};
use tokio_util::sync::CancellationToken;

use super::SnapshotError;
use super::catalog::{Catalog, Snapshot, Snapshots};
use super::folder::{Folder, Found};
use super::manifest::{Manifest, NamedFile};
use super::take::{Take, Taken};
use crate::failpoint;
use crate::status::{SnapshotState, SnapshotStatus, StatusSender};
use crate::store::{Moment, Reader, RecordState, StoreError};

/// The pause after a failed snapshot.
const RETRY: Duration = Duration::from_secs(60);

/// The maximum time between two checks for expired snapshots, because clocks are set and machines sleep.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// How often all files are read and compared with their hashes, besides once at the start.
const VERIFY_EVERY: Duration = Duration::from_secs(24 * 3600);

/// The bytes per second that this verification reads, so that others can use the disk.
const VERIFY_PACE: f64 = 32e6;

/// When snapshots are taken, and how long old ones stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The time between two snapshots; none to take them only on request.
    pub interval: Option<Duration>,
    /// The grace time: how long the files of a replaced snapshot stay.
    pub grace: Duration,
    /// The minimum time between a snapshot and the next one on request of a client.
    pub floor: Duration,
}

/// A snapshot that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The record's last revision that the snapshot contains.
    pub revision: i64,
    /// The number of files.
    pub files: usize,
    /// The number of new files.
    pub written: usize,
    /// The size of the new files in bytes.
    pub bytes: u64,
}

/// Keeps the snapshots up to date.
pub struct Follower {
    reader: Reader,
    folder: Folder,
    settings: Settings,
    catalog: watch::Sender<Arc<Catalog>>,
    /// A request of the service itself, which is served at once.
    wanted: Arc<Notify>,
    /// A request of a client, which is served after the floor time.
    asked: Arc<Notify>,
    /// When the last attempt ended, on a monotonic clock.
    ended: watch::Sender<Option<Deadline>>,
    status: StatusSender,
    verification: Verification,
}

/// The state of the verification of files.
struct Verification {
    left: VecDeque<NamedFile>,
    /// When the next file may be read.
    at: Deadline,
    /// When the verification starts again.
    again_at: Deadline,
}

/// The next action.
enum Next {
    Stop,
    Take,
    Sweep,
    Verify,
    VerifyAgain,
}

impl Follower {
    /// Follows the record that `reader` reads, beginning with the snapshots that were found at the start.
    #[must_use]
    pub fn new(
        reader: Reader,
        Found { folder, catalog }: Found,
        settings: Settings,
        status: StatusSender,
    ) -> Self {
        status.send_modify(|status| status.snapshot.found(catalog.latest()));
        Self {
            reader,
            folder,
            settings,
            catalog: watch::Sender::new(Arc::new(catalog)),
            wanted: Arc::default(),
            asked: Arc::default(),
            ended: watch::Sender::new(None),
            status,
            verification: Verification {
                left: VecDeque::new(),
                at: Deadline::now(),
                again_at: Deadline::now(),
            },
        }
    }

    /// The API's access to the snapshots.
    #[must_use]
    pub fn snapshots(&self) -> Snapshots {
        Snapshots {
            folder: Arc::new(PathBuf::from(self.folder.root())),
            catalog: self.catalog.subscribe(),
            wanted: Arc::clone(&self.wanted),
            asked: Arc::clone(&self.asked),
            ended: self.ended.subscribe(),
            floor: self.settings.floor,
        }
    }

    /// Takes snapshots until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        // The process before may have ended during a sweep.
        self.sweep().await;
        let mut due = self.first_due();
        loop {
            match self.next(due, &stop).await {
                Next::Stop => return,
                Next::Sweep => self.sweep().await,
                Next::VerifyAgain => {
                    self.verification.again_at = Deadline::now() + VERIFY_EVERY;
                    let catalog = Arc::clone(&self.catalog.borrow());
                    let files = catalog.latest().into_iter().flat_map(Snapshot::files);
                    self.verification.left = files.collect();
                }
                Next::Verify => {
                    if !self.verify_next(&stop).await {
                        due = Some(Deadline::now());
                    }
                }
                Next::Take => match self.take(&stop).await {
                    Ok(outcome) => {
                        let pause = self
                            .settings
                            .interval
                            .map(|interval| match outcome.revision {
                                // A new record fills quickly.
                                0 => interval.min(RETRY),
                                _ => interval,
                            });
                        due = pause.map(|pause| Deadline::now() + pause);
                    }
                    Err(_) if stop.is_cancelled() => return,
                    Err(error) => {
                        tracing::error!(%error, "the snapshot could not be taken; the next try is in {}", humantime::format_duration(RETRY));
                        self.set_state(SnapshotState::Failed);
                        due = Some(Deadline::now() + RETRY);
                    }
                },
            }
        }
    }

    async fn next(&self, due: Option<Deadline>, stop: &CancellationToken) -> Next {
        let at = async |deadline: Option<Deadline>| match deadline {
            Some(deadline) => sleep_until(deadline).await,
            None => std::future::pending().await,
        };
        // A request during a snapshot is served when the floor time after that snapshot has passed.
        let asked = async || {
            let ended = *self.ended.borrow();
            if let Some(ended) = ended {
                sleep_until(ended + self.settings.floor).await;
            }
            self.asked.notified().await;
        };
        let verification = &self.verification;
        tokio::select! {
            biased;
            () = stop.cancelled() => Next::Stop,
            () = self.wanted.notified() => Next::Take,
            () = asked() => Next::Take,
            () = at(due) => Next::Take,
            () = at(self.sweep_due()) => Next::Sweep,
            () = sleep_until(verification.at), if !verification.left.is_empty() => Next::Verify,
            () = sleep_until(verification.again_at) => Next::VerifyAgain,
        }
    }

    /// The first snapshot is due when the interval since the last one has passed, or if a file of the last one
    /// is missing.
    fn first_due(&self) -> Option<Deadline> {
        let interval = self.settings.interval?;
        let catalog = Arc::clone(&self.catalog.borrow());
        let age = catalog.latest().and_then(|latest| {
            let is_whole = latest.files().all(|file| self.folder.has(&file));
            let age = Utc::now() - latest.manifest.created_at;
            age.to_std().ok().filter(|_| is_whole)
        });
        // If the clock was set back, the last snapshot lies in the future and its age is unknown.
        let left = age.map_or(Duration::ZERO, |age| interval.saturating_sub(age));
        Some(Deadline::now() + left)
    }

    /// When the oldest replaced snapshot has reached the grace time; none if there is no replaced one.
    fn sweep_due(&self) -> Option<Deadline> {
        let catalog = self.catalog.borrow();
        let [.., replacing, _] = catalog.snapshots.as_slice() else {
            return None;
        };
        let age = (Utc::now() - replacing.published_at).to_std();
        let left = self.settings.grace.saturating_sub(age.unwrap_or_default());
        Some(Deadline::now() + left.min(SWEEP_EVERY))
    }

    /// Deletes expired snapshots from the folder.
    async fn sweep(&self) {
        let (folder, grace) = (self.folder.clone(), self.settings.grace);
        let catalog = self.catalog.clone();
        let sweep = move || {
            let snapshots = catalog.borrow().snapshots.clone();
            sweep_to(&folder, &catalog, snapshots, grace);
        };
        if let Err(error) = tokio::task::spawn_blocking(sweep).await {
            tracing::error!(%error, "the files of old snapshots could not be deleted");
        }
    }

    /// Takes a snapshot now.
    ///
    /// # Errors
    /// Why there is none; the snapshot before stays the current one.
    pub async fn take(&self, stop: &CancellationToken) -> Result<Outcome, SnapshotError> {
        let taken = self.take_now(stop).await;
        self.ended.send_replace(Some(Deadline::now()));
        taken
    }

    async fn take_now(&self, stop: &CancellationToken) -> Result<Outcome, SnapshotError> {
        let began = Instant::now();
        self.set_state(SnapshotState::Writing);
        // Expired snapshots are deleted first, to make space on a nearly full disk.
        self.sweep().await;
        let (folder, status, token) = (self.folder.clone(), self.status.clone(), stop.clone());
        let catalog = Arc::clone(&self.catalog.borrow());
        let taken = move |moment: &Moment<'_>| {
            folder.remove_unfinished();
            let take = Take {
                folder: &folder,
                catalog: &catalog,
                status: &status,
                stop: &token,
            };
            take.run(moment)
        };
        let taken: Taken = self.reader.at_one_moment(stop, taken).await?;
        let (written, bytes) = (taken.written, taken.bytes);
        let snapshot = match self.publish(&taken.manifest).await {
            Ok(snapshot) => snapshot,
            Err(error) => {
                // The manifest may be on the disk in spite of the error, and then its files must not be
                // deleted.
                self.look_again(taken.manifest).await;
                return Err(error);
            }
        };
        self.status
            .send_modify(|status| status.snapshot.found(Some(&snapshot)));
        let outcome = Outcome {
            revision: snapshot.manifest.revision,
            files: snapshot.manifest.files.len(),
            written,
            bytes,
        };
        tracing::info!(
            revision = outcome.revision,
            files = outcome.files,
            written,
            bytes,
            seconds = began.elapsed().as_secs_f64(),
            "a snapshot was taken"
        );
        Ok(outcome)
    }

    /// Makes a snapshot the current one, and deletes expired ones from the folder.
    async fn publish(&self, manifest: &Manifest) -> Result<Arc<Snapshot>, SnapshotError> {
        let (folder, grace) = (self.folder.clone(), self.settings.grace);
        let (manifest, catalog) = (manifest.clone(), self.catalog.clone());
        // The task is not cancelled once it has begun, because readers see the new manifest as soon as it
        // exists.
        let publish = move || {
            let snapshot = Arc::new(folder.publish(&manifest)?);
            let mut snapshots = vec![Arc::clone(&snapshot)];
            snapshots.extend(catalog.borrow().snapshots.iter().cloned());
            sweep_to(&folder, &catalog, snapshots, grace);
            failpoint::reach("snapshot_swept")?;
            Ok(snapshot)
        };
        let published = tokio::task::spawn_blocking(publish).await;
        published.unwrap_or(Err(StoreError::NoAnswer.into()))
    }

    /// Loads what is on the disk, which may include this snapshot.
    async fn look_again(&self, manifest: Manifest) {
        let folder = self.folder.clone();
        let record = RecordState {
            store_id: manifest.store_id,
            schema_version: manifest.schema_version,
            revision: manifest.revision,
        };
        let found = tokio::task::spawn_blocking(move || folder.load(&record)).await;
        match found {
            Ok(Ok(catalog)) => drop(self.catalog.send_replace(Arc::new(catalog))),
            Ok(Err(error)) => tracing::error!(%error, "the existing snapshots can't be read"),
            Err(error) => tracing::error!(%error, "the existing snapshots can't be read"),
        }
    }

    /// Compares the next file with its hash; `false` if the file is damaged.
    async fn verify_next(&mut self, stop: &CancellationToken) -> bool {
        let Some(file) = self.verification.left.pop_front() else {
            return true;
        };
        // The file of a replaced snapshot need not be verified.
        if !self.catalog.borrow().is_current(&file) {
            return true;
        }
        #[expect(clippy::cast_precision_loss, reason = "a pace")]
        let pause = Duration::from_secs_f64(file.bytes as f64 / VERIFY_PACE);
        let (folder, stop) = (self.folder.clone(), stop.clone());
        let verified = tokio::task::spawn_blocking(move || folder.verify(&file, &stop)).await;
        self.verification.at = Deadline::now() + pause;
        match verified {
            Ok(Ok(true)) | Ok(Err(SnapshotError::Stopped)) => true,
            Ok(Ok(false)) => {
                self.status
                    .send_modify(|status| status.snapshot.damaged_files += 1);
                false
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "a snapshot file could not be verified");
                true
            }
            Err(error) => {
                tracing::error!(%error, "a snapshot file could not be verified");
                true
            }
        }
    }

    fn set_state(&self, state: SnapshotState) {
        self.status
            .send_modify(|status| status.snapshot.state = state);
    }
}

/// Publishes the snapshots that are to stay, and then deletes the files of the others.
fn sweep_to(
    folder: &Folder,
    catalog: &watch::Sender<Arc<Catalog>>,
    snapshots: Vec<Arc<Snapshot>>,
    grace: Duration,
) {
    let kept = Arc::new(Folder::within_grace(snapshots, grace));
    catalog.send_replace(Arc::clone(&kept));
    folder.sweep(&kept, grace);
}

impl SnapshotStatus {
    /// Stores the latest snapshot in the status.
    fn found(&mut self, latest: Option<&Snapshot>) {
        self.state = SnapshotState::Idle;
        self.revision = latest.map(|it| it.manifest.revision);
        self.created_at = latest.map(|it| it.manifest.created_at);
    }
}
