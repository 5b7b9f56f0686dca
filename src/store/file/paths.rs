//! The names of the files beside the DuckDB file, and the errors of the operating system and of DuckDB about
//! them.

use std::io;
use std::path::{Path, PathBuf};

use crate::durable;
use crate::store::StoreError;

/// The path of the write-ahead log.
pub(crate) fn log_of(path: &Path) -> PathBuf {
    durable::with_suffix(path, ".wal")
}

pub(crate) fn failed(what: &str, path: &Path, cause: io::Error) -> StoreError {
    StoreError::Io {
        what: format!("can't {what} {}", path.display()),
        cause,
    }
}

/// Turns DuckDB's error into one that says what to do.
pub(crate) fn refusal(path: &Path, error: String) -> StoreError {
    let advice = if error.contains("Conflicting lock") || error.contains("Could not set lock") {
        "another program has the file open (the DuckDB command line?); close that program"
    } else if error.contains("Corrupt database file")
        || error.contains("Could not read enough bytes")
        || error.contains("not a valid DuckDB database file")
    {
        "the file is damaged or is not a DuckDB file; restore a backup, or move the file away (keep it: messages that were deleted on Discord exist nowhere else) and restart, so that the history is read again"
    } else if error.contains("Read-only file system")
        || error.contains("Operation not permitted")
        || error.contains("Permission denied")
    {
        "the file can't be written; give this user permission to write the file and its folder"
    } else {
        return StoreError::Open {
            path: path.to_owned(),
            reason: error,
        };
    };
    StoreError::Open {
        path: path.to_owned(),
        reason: format!("{advice} ({})", first_line(&error)),
    }
}

pub(crate) fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
