//! What can go wrong with the index. The record is not touched by any of it.

use std::io;
use std::path::Path;

use tantivy::TantivyError;
use tantivy::directory::error::{OpenDirectoryError, OpenReadError, OpenWriteError};

use crate::store::StoreError;

/// An error of the index.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The record could not be read.
    #[error("the record: {0}")]
    Store(#[from] StoreError),
    /// The index could not be read or written.
    #[error("the index: {0}")]
    Index(#[from] TantivyError),
    /// The index is not what it was written as.
    #[error("the index is damaged: {0}")]
    Damaged(String),
    /// The mark could not be written as JSON.
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
    /// The rest of the disk is the record's.
    #[error("there are only {free} bytes left on the disk, and they are kept for the record")]
    LittleSpace {
        /// So many.
        free: u64,
    },
    /// A part of a query would cost too much.
    #[error("character {}: {reason}", at.start + 1)]
    Refused {
        /// Its characters.
        at: std::ops::Range<usize>,
        /// A sentence that says what to type instead.
        reason: String,
    },
    /// A search took too long.
    #[error("the search took too long")]
    TooLong,
    /// The order to stop came first.
    #[error("it was told to stop")]
    Stopped,
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

    /// Whether the files are to blame, and not the disk's room, the system or the record. A full disk, too
    /// many open files or a disk that fails damage nothing that is there; a file that is missing, or has other
    /// contents than it should, is.
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

/// What the system says of a file is no damage, but that there is none; what tantivy says of its contents is.
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
