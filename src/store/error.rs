//! The errors of the database, phrased so that an operator knows what to do next.

use std::io::ErrorKind;
use std::path::PathBuf;

use crate::failpoint::OrderedError;

/// An error of the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the data folder.
    #[error(
        "the data folder {folder} is in use by another guildlake (process {holder}); stop that process, or set DATA_DIR to another folder"
    )]
    Locked {
        /// The data folder.
        folder: PathBuf,
        /// The process id that the lock file names, or "unknown".
        holder: String,
    },
    /// The file was written by a newer guildlake.
    #[error(
        "the database {path} has schema version {found}, and this guildlake supports versions up to {known}; start the newer guildlake that wrote it, or restore a copy from before the upgrade"
    )]
    Newer {
        /// The DuckDB file.
        path: PathBuf,
        /// The version in the file.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// The file is a DuckDB database, but not one of guildlake.
    #[error(
        "{path} is a DuckDB file with the tables of another program; set DATABASE_URL to another file"
    )]
    Foreign {
        /// The DuckDB file.
        path: PathBuf,
    },
    /// DuckDB could not open the file.
    #[error("the database {path} can't be opened: {reason}")]
    Open {
        /// The DuckDB file.
        path: PathBuf,
        /// DuckDB's message.
        reason: String,
    },
    /// A row that the writer could not have written, or a file that can't be used any more.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// A report's file is not a single query with the columns that its header declares.
    #[error("the report can't be run: {0}")]
    NoReport(String),
    /// A report has more rows than the limit allows.
    #[error("the report has more than {most} rows")]
    TooLarge {
        /// The limit.
        most: usize,
    },
    /// All connections for reading are busy.
    #[error("too many queries are running; try again in a moment")]
    Busy,
    /// A query ended without a result: a bug of this program, with its cause in the log.
    #[error("a query ended without a result")]
    NoAnswer,
    /// The file system failed.
    #[error("{what}: {cause}")]
    Io {
        /// The operation that failed, with its path.
        what: String,
        /// The error of the operating system.
        cause: std::io::Error,
    },
    /// DuckDB failed.
    #[error("DuckDB: {0}")]
    Sql(duckdb::Error),
    /// DuckDB has invalidated the open database; only reopening it helps.
    #[error(
        "DuckDB has invalidated the open database ({0}); if the system log shows a failing disk, repair that first, then restart guildlake: every acknowledged commit is on disk"
    )]
    Stopped(duckdb::Error),
    /// A batch could not be converted into columns.
    #[error("Arrow: {0}")]
    Columns(#[from] arrow::error::ArrowError),
    /// A batch of rows does not fit the columns.
    #[error("rows: {0}")]
    Rows(#[from] serde_arrow::Error),
    /// A value of the database's JSON columns could not be written or read.
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl StoreError {
    /// Whether the error is transient: nothing was changed, and the operation can be tried again.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        self.is_full_disk() || self.is_out_of_memory()
    }

    /// Whether other queries use all the memory that DuckDB may use.
    #[must_use]
    pub fn is_out_of_memory(&self) -> bool {
        let Self::Sql(error) = self else { return false };
        error.to_string().contains("Out of Memory Error")
    }

    /// Whether the disk is full: nothing was changed, and the operation can be tried again.
    #[must_use]
    pub fn is_full_disk(&self) -> bool {
        let text = match self {
            Self::Io { cause, .. } => {
                return matches!(
                    cause.kind(),
                    ErrorKind::StorageFull | ErrorKind::QuotaExceeded
                );
            }
            Self::Sql(error) => error.to_string(),
            _ => return false,
        };
        ["No space left on device", "Disk quota exceeded"]
            .iter()
            .any(|sign| text.contains(sign))
    }
}

/// DuckDB's errors differ only in their messages.
impl From<duckdb::Error> for StoreError {
    fn from(error: duckdb::Error) -> Self {
        let text = error.to_string();
        let has_stopped = [
            "database has been invalidated",
            "FATAL Error",
            "Failed to create checkpoint",
            "fsync failed",
            "INTERNAL Error",
        ]
        .iter()
        .any(|sign| text.contains(sign));
        if has_stopped {
            Self::Stopped(error)
        } else {
            Self::Sql(error)
        }
    }
}

impl From<OrderedError> for StoreError {
    fn from(error: OrderedError) -> Self {
        Self::Damaged(error.to_string())
    }
}
