//! What can go wrong with a snapshot. The record is not touched by any of it.

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
    /// The file system said no.
    #[error("{what}: {cause}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system answered.
        cause: io::Error,
    },
    /// A file has not the rows that the record has.
    #[error("{what}: {counted} rows were counted, but {written} were written")]
    Miscounted {
        /// Of what.
        what: String,
        /// So many there are,
        counted: i64,
        /// and so many came.
        written: i64,
    },
    /// The rest of the disk is the record's.
    #[error("only {free} bytes are free on the disk, and they are reserved for the database")]
    LittleSpace {
        /// So many.
        free: u64,
    },
    /// The order to stop came first.
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
