//! What snapshots there are, for those who ask: a watched value that the follower writes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::manifest::{FileEntry, Manifest, NamedFile};

/// The snapshots whose files are there, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    /// The newest is the current one.
    pub snapshots: Vec<Arc<Snapshot>>,
}

/// A snapshot, and its manifest as a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// What it says.
    pub manifest: Manifest,
    /// How many bytes its file has.
    pub bytes: u64,
    /// The hash of these bytes, in hexadecimal.
    pub sha256: String,
    /// When it became the current one: from then on the one before is old.
    pub published_at: DateTime<Utc>,
}

impl Catalog {
    /// The current snapshot.
    #[must_use]
    pub fn latest(&self) -> Option<&Snapshot> {
        self.snapshots.first().map(Arc::as_ref)
    }

    /// Whether the current snapshot has this file.
    #[must_use]
    pub fn is_current(&self, file: &NamedFile) -> bool {
        let latest = self.latest();
        latest.is_some_and(|latest| latest.files().any(|it| it == *file))
    }

    /// The file of this path, if a snapshot has it. Nothing else can be asked for.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<NamedFile> {
        self.snapshots.iter().find_map(|snapshot| {
            if snapshot.manifest.path() == path {
                return Some(snapshot.own_file());
            }
            let mut files = snapshot.manifest.files.iter();
            files.find(|file| file.path == path).map(FileEntry::named)
        })
    }

    /// The file of the current snapshot that goes by a name which stays the same: `channels.parquet`,
    /// `messages/guild_id=…/month=….parquet`, `manifest.json`.
    #[must_use]
    pub fn latest_file(&self, stable_name: &str) -> Option<String> {
        let manifest = &self.latest()?.manifest;
        if stable_name == "manifest.json" {
            return Some(manifest.path());
        }
        let mut files = manifest.files.iter();
        let file = files.find(|file| file.stable_name() == stable_name)?;
        Some(file.path.clone())
    }
}

impl Snapshot {
    /// Everything that has to be on the disk for it.
    pub fn files(&self) -> impl Iterator<Item = NamedFile> {
        let files = self.manifest.files.iter().map(FileEntry::named);
        std::iter::once(self.own_file()).chain(files)
    }

    /// The manifest's own file.
    fn own_file(&self) -> NamedFile {
        NamedFile {
            path: self.manifest.path(),
            bytes: self.bytes,
            sha256: self.sha256.clone(),
        }
    }
}

/// The snapshots as the API sees them. Cheap to clone.
#[derive(Clone)]
pub struct Snapshots {
    pub(super) folder: Arc<PathBuf>,
    pub(super) catalog: watch::Receiver<Arc<Catalog>>,
    pub(super) wanted: Arc<Notify>,
    pub(super) asked: Arc<Notify>,
    pub(super) ended: watch::Receiver<Option<Instant>>,
    pub(super) floor: Duration,
}

impl Snapshots {
    /// The folder that paths are relative to.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What there is now.
    #[must_use]
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.borrow())
    }

    /// What there is, and each change of it.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<Catalog>> {
        self.catalog.clone()
    }

    /// Asks for a snapshot of the record as it is now, or later. One that is under way is not it.
    pub fn request(&self) {
        self.wanted.notify_one();
    }

    /// The same for a caller: not before the floor after the last one, whoever took that.
    ///
    /// # Errors
    /// How long to wait, if it is too soon; nothing was asked for then.
    pub fn request_for_caller(&self) -> Result<(), Duration> {
        let ended = *self.ended.borrow();
        let left = ended.map(|ended| self.floor.saturating_sub(ended.elapsed()));
        match left.filter(|left| !left.is_zero()) {
            Some(left) => Err(left),
            None => {
                self.asked.notify_one();
                Ok(())
            }
        }
    }
}
