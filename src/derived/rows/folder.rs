//! The folder of the row store, and how an unusable row store is set aside.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::mark::Mark;
use super::store::RowStore;
use super::{RowsError, Settings};
use crate::derived::aside;

/// The folder's name in the data folder.
const NAME: &str = "rows";

/// The name of the key-value store in the folder.
const STORE: &str = "store";

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
        let path = self.store();
        aside::set_aside(&self.root, &path, "row store", reason)
            .map_err(RowsError::io("set aside", &path))
    }

    /// Deletes row stores that were set aside: they contain nothing that the record does not.
    pub(super) fn remove_asides(&self) {
        aside::remove(&self.root);
    }
}
