//! The errors of the row store. None of them affects the database.

use std::io;
use std::path::Path;

use rustix::io::Errno;

use crate::store::StoreError;

/// An error of the row store.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// The database could not be read.
    #[error("the database failed: {0}")]
    Record(#[from] StoreError),
    /// The row store could not be read or written.
    #[error("the row store failed: {0}")]
    Fjall(#[from] fjall::Error),
    /// The files of the row store differ from what was written.
    #[error("the row store is damaged: {0}")]
    Damaged(String),
    /// Files have content that was redacted since.
    #[error("content was redacted, so files without it are made")]
    Redacted,
    /// The watermark could not be written as JSON.
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
    /// The remaining disk space is reserved for the database.
    #[error("only {free} bytes are free on the disk, and they are reserved for the database")]
    LittleSpace {
        /// The free bytes.
        free: u64,
    },
    /// The caller has gone away, or the service stops.
    #[error("the work was cancelled")]
    Stopped,
}

impl RowsError {
    pub(super) fn io(what: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let what = format!("can't {what} {}", path.display());
        move |cause| Self::Io { what, cause }
    }

    /// Whether the files are damaged. A full disk, too many open files and errors of the database don't damage the
    /// row store; a file that is missing or has the wrong content does.
    pub(super) fn is_damage(&self) -> bool {
        match self {
            Self::Damaged(_) => true,
            Self::Record(error) => matches!(error, StoreError::Damaged(_)),
            Self::Fjall(error) => match error {
                fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => {
                    is_of_the_files(error)
                }
                // Another part of this process still has the files open.
                fjall::Error::Locked
                // An earlier write failed, and the log has its reason. The files are checked when they are opened.
                | fjall::Error::Poisoned => false,
                _ => true,
            },
            // The files are intact, and of no use any more.
            Self::Redacted => true,
            Self::Json(_) | Self::Io { .. } | Self::LittleSpace { .. } | Self::Stopped => false,
        }
    }
}

/// Errors of the operating system are damage, except for those that say that something is used up or not allowed.
fn is_of_the_files(error: &io::Error) -> bool {
    use io::ErrorKind::{
        Interrupted, OutOfMemory, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
        TimedOut,
    };
    let is_used_up = matches!(
        error.kind(),
        Interrupted
            | OutOfMemory
            | PermissionDenied
            | QuotaExceeded
            | ReadOnlyFilesystem
            | StorageFull
            | TimedOut
    );
    let code = error.raw_os_error().map(Errno::from_raw_os_error);
    !is_used_up && !matches!(code, Some(Errno::MFILE | Errno::NFILE))
}

impl From<crate::failpoint::OrderedError> for RowsError {
    fn from(error: crate::failpoint::OrderedError) -> Self {
        Self::from(StoreError::from(error))
    }
}
