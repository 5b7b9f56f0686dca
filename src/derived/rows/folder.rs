//! The folder of the row store, and how an unusable row store is set aside.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::Utc;

use super::mark::Mark;
use super::store::RowStore;
use super::{RowsError, Settings};
use crate::durable;

/// The folder's name in the data folder.
const NAME: &str = "rows";

/// The name of the key-value store in the folder.
const STORE: &str = "store";

/// The prefix of row stores that were set aside.
const ASIDE: &str = "aside-";

/// The folder of the row store. Only the process that holds the lock of the data folder uses it.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
}

/// A summary of a row store.
#[derive(Debug, Clone)]
pub struct RowsSummary {
    /// The watermark; none if the row store was not filled to the end.
    pub mark: Option<Mark>,
    /// The size on the disk in bytes, without the journal.
    pub bytes: u64,
}

impl RowsSummary {
    /// The summary of the row store in a data folder; none if there is none. The service must not run.
    ///
    /// # Errors
    /// If the row store can't be opened.
    pub fn read(data_dir: &Path, settings: Settings) -> Result<Option<Self>, RowsError> {
        let folder = Folder::new(data_dir);
        if !folder.exists() {
            return Ok(None);
        }
        let store = Arc::new(folder.open(settings)?);
        Ok(Some(Self {
            mark: store.mark()?,
            bytes: store.bytes(),
        }))
    }
}

impl Folder {
    pub(super) fn new(data_dir: &Path) -> Self {
        Self {
            root: data_dir.join(NAME),
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    fn store(&self) -> PathBuf {
        self.root.join(STORE)
    }

    pub(super) fn exists(&self) -> bool {
        self.store().exists()
    }

    /// Opens the row store, or creates an empty one.
    pub(super) fn open(&self, settings: Settings) -> Result<RowStore, RowsError> {
        fs::create_dir_all(&self.root).map_err(RowsError::io("make", &self.root))?;
        RowStore::open(&self.store(), settings)
    }

    /// Renames the row store, so that a new one can be created. One that was set aside earlier is deleted.
    pub(super) fn set_aside(&self, reason: &str) -> Result<(), RowsError> {
        self.remove_asides();
        let path = self.store();
        let name = format!("{ASIDE}{}", Utc::now().format("%Y%m%dT%H%M%S%6f"));
        match fs::rename(&path, self.root.join(&name)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(RowsError::io("set aside", &path)(error)),
        }
        tracing::warn!(
            reason,
            "the row store can't be used; it was renamed to {name} and is rebuilt from the database"
        );
        durable::sync_folder(&self.root).map_err(RowsError::io("sync", &self.root))
    }

    /// Deletes row stores that were set aside: they contain nothing that the record does not.
    pub(super) fn remove_asides(&self) {
        let Ok(entries) = fs::read_dir(&self.root) else {
            return;
        };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(ASIDE) {
                // What can't be deleted now is tried again by the next call.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}
