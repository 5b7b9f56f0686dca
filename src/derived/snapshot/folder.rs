//! The folder of the snapshots: its files, and how a manifest replaces another.

use std::fs::{self};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::SnapshotError;
use super::catalog::{Catalog, Snapshot};
use super::manifest::{Manifest, NamedFile};
use crate::store::RecordState;
use crate::{durable, failpoint};

/// The folder's name in the data folder.
const NAME: &str = "snapshots";

/// The name of the current manifest.
const CURRENT: &str = "manifest.json";

/// The folder with the copies of all manifests.
pub(super) const MANIFESTS: &str = "manifests";

/// The folder of unfinished files.
pub(super) const UNFINISHED: &str = "tmp";

/// The prefix of unfinished files.
pub(super) const UNFINISHED_PREFIX: &str = ".tmp";

/// The folder of the snapshots. Only the process that holds the lock of the data folder writes it.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
}

/// The folder as a start finds it, and its snapshots.
#[derive(Debug, Clone)]
pub struct Found {
    pub(super) folder: Folder,
    pub(super) catalog: Catalog,
}

impl Found {
    /// Looks for snapshots of this record in a data folder; nothing is created yet. This has to happen before
    /// the record changes: afterwards a manifest that was ahead of the record looks like one that is behind.
    #[must_use]
    pub fn look(data_dir: &Path, record: &RecordState) -> Self {
        let folder = Folder {
            root: data_dir.join(NAME),
        };
        let catalog = folder.load(record).unwrap_or_else(|error| {
            tracing::error!(%error, "the existing snapshots can't be read; the next snapshot writes every file again");
            Catalog::default()
        });
        Self { folder, catalog }
    }
}

impl Folder {
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The path of a file that a manifest names.
    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Reads the snapshots of this record. A current manifest of another record, a manifest ahead of this
    /// record, or one that can't be parsed is renamed: its files can't be trusted and are written again.
    pub(super) fn load(&self, record: &RecordState) -> Result<Catalog, SnapshotError> {
        let path = self.at(CURRENT);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Catalog::default()),
            Err(error) => return Err(SnapshotError::io("read", &path)(error)),
        };
        let reason = match serde_json::from_slice::<Manifest>(&text) {
            Err(_) => "it can't be parsed",
            Ok(manifest) if !manifest.is_sound() => "it has another version, or is damaged",
            Ok(manifest) if manifest.store_id != record.store_id => {
                "it belongs to another database"
            }
            Ok(manifest) if manifest.revision > record.revision => "it is newer than the database",
            Ok(manifest) => {
                let current = Snapshot {
                    published_at: published_at(&self.at(&manifest.path()), &manifest),
                    manifest,
                    bytes: text.len() as u64,
                    sha256: hex(&Sha256::digest(&text)),
                };
                return Ok(Catalog {
                    snapshots: self.with_older(current),
                });
            }
        };
        let aside = self.at(&format!(
            "{CURRENT}.aside-{}",
            Utc::now().format("%Y%m%dT%H%M%S%6f")
        ));
        fs::rename(&path, &aside).map_err(SnapshotError::io("set aside", &path))?;
        synced(&self.root)?;
        tracing::error!(
            manifest = %aside.display(),
            reason,
            "the manifest of the snapshots can't be used and is renamed; the next snapshot writes every file again"
        );
        Ok(Catalog::default())
    }

    /// The current snapshot, and the older ones that still exist.
    fn with_older(&self, current: Snapshot) -> Vec<Arc<Snapshot>> {
        let names = fs::read_dir(self.at(MANIFESTS)).into_iter().flatten();
        let mut older: Vec<Snapshot> = names
            .filter_map(|entry| read_snapshot(&entry.ok()?.path()))
            .filter(|it| {
                let (it, current) = (&it.manifest, &current.manifest);
                it.store_id == current.store_id
                    && it.revision <= current.revision
                    && it.created_at < current.created_at
            })
            .collect();
        older.sort_by_key(|it| std::cmp::Reverse(it.manifest.created_at));
        older.insert(0, current);
        older.into_iter().map(Arc::new).collect()
    }

    /// Whether a file exists with the right size. A check of the hash takes longer; see `verify`.
    pub(super) fn has(&self, file: &NamedFile) -> bool {
        let found = fs::metadata(self.at(&file.path));
        found.is_ok_and(|found| found.is_file() && found.len() == file.bytes)
    }

    /// A temporary file, without a name of the snapshots. Dropping it deletes it.
    pub(super) fn unfinished(&self) -> Result<NamedTempFile, SnapshotError> {
        let folder = self.at(UNFINISHED);
        fs::create_dir_all(&folder).map_err(SnapshotError::io("make", &folder))?;
        tempfile::Builder::new()
            .prefix(UNFINISHED_PREFIX)
            // Like other files: the user's umask decides who can read it.
            .permissions(fs::Permissions::from_mode(0o666))
            .tempfile_in(&folder)
            .map_err(SnapshotError::io("make a file in", &folder))
    }

    /// Gives a synced file its name. The name itself is not synced yet: see [`Folder::sync`].
    pub(super) fn name(&self, file: NamedTempFile, path: &str) -> Result<(), SnapshotError> {
        let to = self.at(path);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(SnapshotError::io("make", folder))?;
        }
        let renamed = file.persist(&to).map_err(|error| error.error);
        renamed.map_err(SnapshotError::io("name", &to))?;
        Ok(())
    }

    /// Syncs the names of these files.
    pub(super) fn sync<'a>(
        &self,
        paths: impl Iterator<Item = &'a str>,
    ) -> Result<(), SnapshotError> {
        let mut folders: Vec<&Path> = paths
            .flat_map(|path| Path::new(path).ancestors().skip(1))
            .collect();
        folders.sort_unstable();
        folders.dedup();
        folders
            .iter()
            .try_for_each(|folder| synced(&self.root.join(folder)))
    }

    /// Makes a manifest the current one. All its files have to be on the disk.
    pub(super) fn publish(&self, manifest: &Manifest) -> Result<Snapshot, SnapshotError> {
        let text = serde_json::to_vec_pretty(manifest)?;
        let path = manifest.path();
        // The permanent copy comes first, so that the current manifest always has one.
        self.name(self.written(&text)?, &path)?;
        self.sync(std::iter::once(path.as_str()))?;
        failpoint::reach("snapshot_manifest_kept")?;
        let file = self.written(&text)?;
        failpoint::reach("snapshot_manifest_written")?;
        self.name(file, CURRENT)?;
        failpoint::reach("snapshot_manifest_named")?;
        synced(&self.root)?;
        failpoint::reach("snapshot_published")?;
        Ok(Snapshot {
            manifest: manifest.clone(),
            bytes: text.len() as u64,
            sha256: hex(&Sha256::digest(&text)),
            published_at: Utc::now(),
        })
    }

    fn written(&self, text: &[u8]) -> Result<NamedTempFile, SnapshotError> {
        let mut file = self.unfinished()?;
        let written = file
            .write_all(text)
            .and_then(|()| file.as_file().sync_all());
        written.map_err(SnapshotError::io("write", file.path()))?;
        Ok(file)
    }
}

/// Reads a copy of a manifest; none if the file is not one.
fn read_snapshot(path: &Path) -> Option<Snapshot> {
    let text = fs::read(path).ok()?;
    let manifest: Manifest = serde_json::from_slice(&text).ok()?;
    let is_named = path.ends_with(manifest.path());
    (manifest.is_sound() && is_named).then(|| Snapshot {
        bytes: text.len() as u64,
        sha256: hex(&Sha256::digest(&text)),
        published_at: published_at(path, &manifest),
        manifest,
    })
}

/// When a manifest was published: its copy is written right before that.
fn published_at(copy: &Path, manifest: &Manifest) -> DateTime<Utc> {
    let written = fs::metadata(copy).and_then(|found| found.modified());
    written.map_or(manifest.created_at, DateTime::from)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn synced(folder: &Path) -> Result<(), SnapshotError> {
    durable::sync_folder(folder).map_err(SnapshotError::io("sync", folder))
}
