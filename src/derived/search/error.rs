//! The errors of the search index. None of them affects the database.

use std::io;
use std::path::Path;

use tantivy::TantivyError;
use tantivy::directory::error::{OpenDirectoryError, OpenReadError, OpenWriteError};

use crate::store::StoreError;

/// An error of the search index.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The database could not be read.
    #[error("the database failed: {0}")]
    Store(#[from] StoreError),
    /// The index could not be read or written.
    #[error("the search index failed: {0}")]
    Index(#[source] TantivyError),
    /// The files of the index differ from what was written.
    #[error("the search index is damaged: {0}")]
    Damaged(String),
    /// The mark could not be written as JSON.
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
    /// A part of a query would be too expensive.
    #[error("character {}: {reason}", at.start + 1)]
    Refused {
        /// The characters of the query concerned.
        at: std::ops::Range<usize>,
        /// A sentence that tells what to type instead.
        reason: String,
    },
    /// A search took too long.
    #[error("the search took too long")]
    TooLong,
    /// The work was cancelled because the service stops.
    #[error("the work was cancelled because the service stops")]
    Stopped,
}

/// The text of the error by which a walk within tantivy says that the deadline has passed.
pub(super) const TOO_LONG: &str = "the search took too long";

impl From<TantivyError> for SearchError {
    fn from(error: TantivyError) -> Self {
        match error {
            TantivyError::SystemError(reason) if reason == TOO_LONG => Self::TooLong,
            error => Self::Index(error),
        }
    }
}

impl SearchError {
    pub(super) fn refused(at: &std::ops::Range<usize>, reason: String) -> Self {
        let at = at.clone();
        Self::Refused { at, reason }
    }

    pub(super) fn io(what: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let what = format!("can't {what} {}", path.display());
        move |cause| Self::Io { what, cause }
    }

    /// Whether the index files are damaged. A full disk, too many open files, a failing disk and errors of the
    /// database don't damage the index; a file that is missing or has the wrong content does.
    pub(super) fn is_damage(&self) -> bool {
        match self {
            Self::Damaged(_) => true,
            Self::Index(error) => match error {
                TantivyError::DataCorruption(_)
                | TantivyError::IncompatibleIndex(_)
                | TantivyError::InternalError(_)
                | TantivyError::SchemaError(_)
                | TantivyError::FieldNotFound(_)
                | TantivyError::DeserializeError(_)
                | TantivyError::OpenReadError(
                    OpenReadError::FileDoesNotExist(_) | OpenReadError::IncompatibleIndex(_),
                )
                | TantivyError::OpenWriteError(OpenWriteError::FileAlreadyExists(_))
                | TantivyError::OpenDirectoryError(
                    OpenDirectoryError::DoesNotExist(_) | OpenDirectoryError::NotADirectory(_),
                ) => true,
                TantivyError::IoError(error)
                | TantivyError::OpenReadError(OpenReadError::IoError {
                    io_error: error, ..
                })
                | TantivyError::OpenWriteError(OpenWriteError::IoError {
                    io_error: error, ..
                })
                | TantivyError::OpenDirectoryError(OpenDirectoryError::IoError {
                    io_error: error,
                    ..
                }) => is_of_the_files(error),
                _ => false,
            },
            _ => false,
        }
    }
}

/// Errors of the operating system about a file are no damage, except that the file is missing; tantivy's errors
/// about the contents are damage.
fn is_of_the_files(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, NotFound, UnexpectedEof};
    matches!(error.kind(), NotFound | InvalidData | UnexpectedEof)
}

impl From<crate::failpoint::OrderedError> for SearchError {
    fn from(error: crate::failpoint::OrderedError) -> Self {
        Self::from(crate::store::StoreError::from(error))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_full_disk_is_no_damage_and_a_missing_file_is() {
        let system = |code| io::Error::from_raw_os_error(code);
        let contents = |kind| io::Error::new(kind, "the footer");
        for (error, is_damage) in [
            (system(2), true),    // ENOENT
            (system(5), false),   // EIO
            (system(12), false),  // ENOMEM
            (system(13), false),  // EACCES
            (system(24), false),  // EMFILE
            (system(28), false),  // ENOSPC
            (system(30), false),  // EROFS
            (system(122), false), // EDQUOT
            (contents(io::ErrorKind::InvalidData), true),
            (contents(io::ErrorKind::UnexpectedEof), true),
        ] {
            let (what, error) = (error.to_string(), Arc::new(error));
            let filepath = "x.idx".into();
            let ways = [
                TantivyError::IoError(Arc::clone(&error)),
                OpenReadError::IoError {
                    io_error: Arc::clone(&error),
                    filepath: std::path::PathBuf::clone(&filepath),
                }
                .into(),
                OpenWriteError::IoError {
                    io_error: error,
                    filepath,
                }
                .into(),
            ];
            for way in ways {
                assert_eq!(SearchError::from(way).is_damage(), is_damage, "{what}");
            }
        }
        let missing = OpenReadError::FileDoesNotExist("x.idx".into());
        assert!(SearchError::from(TantivyError::from(missing)).is_damage());
    }
}
