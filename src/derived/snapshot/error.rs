//! The errors of the snapshots. None of them affects the database.

use std::io;
use std::path::Path;

use parquet::errors::ParquetError;

use crate::store::StoreError;

/// An error of a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The record could not be read.
    #[error("the database failed: {0}")]
    Store(#[from] StoreError),
    /// A file could not be written as Parquet.
    #[error("Parquet: {0}")]
    Parquet(#[from] ParquetError),
    /// The manifest could not be written as JSON.
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The file system failed.
    #[error("{what}: {cause}")]
    Io {
        /// The operation that failed.
        what: String,
        /// The error of the operating system.
        cause: io::Error,
    },
    /// A file has another number of rows than the database.
    #[error("{what}: {counted} rows were counted, but {written} were written")]
    Miscounted {
        /// The table or partition.
        what: String,
        /// The number of rows in the database.
        counted: i64,
        /// The number of rows in the file.
        written: i64,
    },
    /// The remaining disk space is reserved for the database.
    #[error("only {free} bytes are free on the disk, and they are reserved for the database")]
    LittleSpace {
        /// The free bytes.
        free: u64,
    },
    /// The work was cancelled because the service stops.
    #[error("the work was cancelled because the service stops")]
    Stopped,
}

impl SnapshotError {
    pub(super) fn io(what: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let what = format!("can't {what} {}", path.display());
        move |cause| Self::Io { what, cause }
    }
}

impl From<crate::failpoint::OrderedError> for SnapshotError {
    fn from(error: crate::failpoint::OrderedError) -> Self {
        Self::from(crate::store::StoreError::from(error))
    }
}
