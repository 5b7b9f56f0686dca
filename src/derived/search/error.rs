//! What can go wrong with the index. The record is not touched by any of it.

use std::io;
use std::path::Path;

use tantivy::TantivyError;

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
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system answered.
        source: io::Error,
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
        move |source| Self::Io { what, source }
    }

    /// Whether the files are to blame, and not the disk's room or the record.
    pub(super) fn is_damage(&self) -> bool {
        match self {
            Self::Damaged(_) => true,
            Self::Index(error) => matches!(
                error,
                TantivyError::DataCorruption(_)
                    | TantivyError::OpenReadError(_)
                    | TantivyError::IncompatibleIndex(_)
                    | TantivyError::InternalError(_)
                    | TantivyError::SchemaError(_)
                    | TantivyError::FieldNotFound(_)
                    | TantivyError::DeserializeError(_)
            ),
            _ => false,
        }
    }
}
