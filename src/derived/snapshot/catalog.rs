//! The catalog of the snapshots, for the API: a watched value that the follower writes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::manifest::{FileEntry, Manifest, NamedFile};

/// The existing snapshots, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    /// The newest snapshot is the current one.
    pub snapshots: Vec<Arc<Snapshot>>,
}

/// A snapshot, and its manifest as a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The manifest.
    pub manifest: Manifest,
    /// The size of the manifest's file in bytes.
    pub bytes: u64,
    /// The SHA-256 of the manifest's file, in hexadecimal.
    pub sha256: String,
    /// When the snapshot became the current one. The grace time of the snapshot before begins then.
    pub published_at: DateTime<Utc>,
}

impl Catalog {
    /// The current snapshot.
    #[must_use]
    pub fn latest(&self) -> Option<&Snapshot> {
        self.snapshots.first().map(Arc::as_ref)
    }

    /// Whether the current snapshot contains this file.
    #[must_use]
    pub fn is_current(&self, file: &NamedFile) -> bool {
        let latest = self.latest();
        latest.is_some_and(|latest| latest.files().any(|it| it == *file))
    }

    /// The file with this path, if a snapshot contains it. Other paths can't be requested.
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

    /// The path of the current snapshot's file with a stable name: `channels.parquet`,
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
    /// All files of the snapshot, including its manifest.
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

/// The API's access to the snapshots. Cheap to clone.
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

    /// The present catalog.
    #[must_use]
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.borrow())
    }

    /// The present catalog, and its later changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<Catalog>> {
        self.catalog.clone()
    }

    /// Requests a snapshot of the record as it is now, or later. A snapshot in progress does not count.
    pub fn request(&self) {
        self.wanted.notify_one();
    }

    /// Requests a snapshot for an API client: not within the floor time after the last one, whoever requested
    /// that.
    ///
    /// # Errors
    /// The time to wait, if it is too soon; nothing is requested then.
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
