//! The folder of the snapshots: what is on the disk, and how a manifest takes the place of another.

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

/// The current manifest.
const CURRENT: &str = "manifest.json";

/// The copies of manifests that stay.
pub(super) const MANIFESTS: &str = "manifests";

/// What is being written.
pub(super) const UNFINISHED: &str = "tmp";

/// How the names in there begin.
pub(super) const UNFINISHED_PREFIX: &str = ".tmp";

/// The folder of the snapshots. It is written by one process, which holds the data folder's lock.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
}

/// What a start finds: the folder, and the snapshots in it.
#[derive(Debug, Clone)]
pub struct Found {
    pub(super) folder: Folder,
    pub(super) catalog: Catalog,
}

impl Found {
    /// Looks into a data folder for snapshots of this record; nothing is made yet. To be done before
    /// the record goes on: afterwards a manifest that was ahead of it looks like one that is behind.
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

    /// A path of a manifest, on the disk.
    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Reads what there is of this record. A manifest that is of another record, ahead of this one, or
    /// can't be read is set aside: what it names is not to be trusted, and is written anew.
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

    /// The current snapshot and those before it that are still there.
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

    /// Whether a file is there, by its size. The hash takes longer; see `verify`.
    pub(super) fn has(&self, file: &NamedFile) -> bool {
        let found = fs::metadata(self.at(&file.path));
        found.is_ok_and(|found| found.is_file() && found.len() == file.bytes)
    }

    /// A file that has no name of the snapshots' yet. Dropping it removes it.
    pub(super) fn unfinished(&self) -> Result<NamedTempFile, SnapshotError> {
        let folder = self.at(UNFINISHED);
        fs::create_dir_all(&folder).map_err(SnapshotError::io("make", &folder))?;
        tempfile::Builder::new()
            .prefix(UNFINISHED_PREFIX)
            // As other files are: the user's mask decides who reads them.
            .permissions(fs::Permissions::from_mode(0o666))
            .tempfile_in(&folder)
            .map_err(SnapshotError::io("make a file in", &folder))
    }

    /// Gives a file that is on the disk its name. The name is not on the disk yet: see [`Folder::sync`].
    pub(super) fn name(&self, file: NamedTempFile, path: &str) -> Result<(), SnapshotError> {
        let to = self.at(path);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(SnapshotError::io("make", folder))?;
        }
        let renamed = file.persist(&to).map_err(|error| error.error);
        renamed.map_err(SnapshotError::io("name", &to))?;
        Ok(())
    }

    /// Puts the names of these files on the disk.
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

    /// Puts a manifest in the place of the current one. All its files are on the disk.
    pub(super) fn publish(&self, manifest: &Manifest) -> Result<Snapshot, SnapshotError> {
        let text = serde_json::to_vec_pretty(manifest)?;
        let path = manifest.path();
        // First the copy that stays: what is current has one.
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

/// A copy of a manifest, if that is what it is.
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

/// When a manifest was published: its copy is written right before.
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
