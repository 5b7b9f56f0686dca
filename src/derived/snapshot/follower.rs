//! The follower: takes a snapshot again and again, and between two looks whether the files are what they
//! should be. What goes wrong is told and tried again; the record goes on without it.

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

/// The pause after a snapshot that failed.
const RETRY: Duration = Duration::from_secs(60);

/// After so long it is looked again whether an old snapshot is to go: clocks are set, and machines sleep.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// How often all files are read and compared with their hashes, besides once at the start.
const VERIFY_EVERY: Duration = Duration::from_secs(24 * 3600);

/// Bytes a second that this reads, so that others have the disk.
const VERIFY_PACE: f64 = 32e6;

/// When snapshots are taken, and how long old ones stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The time from one to the next; none to take them only when they are asked for.
    pub interval: Option<Duration>,
    /// How long the files of an older one stay after another took its place.
    pub grace: Duration,
    /// How long after one none is taken for a caller.
    pub floor: Duration,
}

/// A snapshot that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The record's last commit that is in it.
    pub revision: i64,
    /// How many files it has.
    pub files: usize,
    /// How many of them are new,
    pub written: usize,
    /// and how many bytes those have.
    pub bytes: u64,
}

/// Keeps the snapshots up to date.
pub struct Follower {
    reader: Reader,
    folder: Folder,
    settings: Settings,
    catalog: watch::Sender<Arc<Catalog>>,
    /// By the service itself: at once.
    wanted: Arc<Notify>,
    /// By a caller: not before the floor.
    asked: Arc<Notify>,
    /// When the last try ended, by a clock that nobody sets.
    ended: watch::Sender<Option<Deadline>>,
    status: StatusSender,
    verification: Verification,
}

/// What is still to be compared with its hash.
struct Verification {
    left: VecDeque<NamedFile>,
    /// When the next file may be read.
    at: Deadline,
    /// When it begins anew.
    again_at: Deadline,
}

/// What is to be done next.
enum Next {
    Stop,
    Take,
    Sweep,
    Verify,
    VerifyAgain,
}

impl Follower {
    /// Follows the record that `reader` reads, from the snapshots that were found at its start.
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

    /// What the API asks.
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
        // The process before may have ended in the middle of it.
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
                                // A record that is new fills soon.
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
        // Asked for while one was under way: it is that one's turn once the floor is over.
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

    /// The first is due when the last one is as old as two may be apart, or is not whole.
    fn first_due(&self) -> Option<Deadline> {
        let interval = self.settings.interval?;
        let catalog = Arc::clone(&self.catalog.borrow());
        let age = catalog.latest().and_then(|latest| {
            let is_whole = latest.files().all(|file| self.folder.has(&file));
            let age = Utc::now() - latest.manifest.created_at;
            age.to_std().ok().filter(|_| is_whole)
        });
        // A clock that was set back leaves one in the future: its age is not known.
        let left = age.map_or(Duration::ZERO, |age| interval.saturating_sub(age));
        Some(Deadline::now() + left)
    }

    /// When the oldest snapshot has been old for the grace time; none if there is no old one.
    fn sweep_due(&self) -> Option<Deadline> {
        let catalog = self.catalog.borrow();
        let [.., replacing, _] = catalog.snapshots.as_slice() else {
            return None;
        };
        let age = (Utc::now() - replacing.published_at).to_std();
        let left = self.settings.grace.saturating_sub(age.unwrap_or_default());
        Some(Deadline::now() + left.min(SWEEP_EVERY))
    }

    /// Takes out of the folder what is too old.
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
    /// Why there is none; the one before stands.
    pub async fn take(&self, stop: &CancellationToken) -> Result<Outcome, SnapshotError> {
        let taken = self.take_now(stop).await;
        self.ended.send_replace(Some(Deadline::now()));
        taken
    }

    async fn take_now(&self, stop: &CancellationToken) -> Result<Outcome, SnapshotError> {
        let began = Instant::now();
        self.set_state(SnapshotState::Writing);
        // On a disk that is nearly full the old ones make room.
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
                // It may be on the disk all the same, and then its files are not to be touched.
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

    /// Makes a snapshot the current one, and takes out of the folder what is too old.
    async fn publish(&self, manifest: &Manifest) -> Result<Arc<Snapshot>, SnapshotError> {
        let (folder, grace) = (self.folder.clone(), self.settings.grace);
        let (manifest, catalog) = (manifest.clone(), self.catalog.clone());
        // Once begun it is not left: readers see the new one as soon as it is there.
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

    /// Takes over what is on the disk, which can be this snapshot.
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

    /// Compares the next file with its hash; `false` if it is damaged.
    async fn verify_next(&mut self, stop: &CancellationToken) -> bool {
        let Some(file) = self.verification.left.pop_front() else {
            return true;
        };
        // What another snapshot has left behind is nobody's any more.
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

/// Shows those of these snapshots that are to stay, and then removes what the others had.
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
    /// What there is.
    fn found(&mut self, latest: Option<&Snapshot>) {
        self.state = SnapshotState::Idle;
        self.revision = latest.map(|it| it.manifest.revision);
        self.created_at = latest.map(|it| it.manifest.created_at);
    }
}
