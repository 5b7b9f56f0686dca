//! DuckDB's write-ahead log, seen from outside. Its length after the last commit shows whether a failed commit
//! has left data behind.

use std::fs;
use std::path::{Path, PathBuf};

use super::paths::log_of;
use crate::durable;
use crate::store::StoreError;

/// The free space that a checkpoint needs in addition to twice the WAL's length, in bytes.
const CHECKPOINT_MARGIN: u64 = 16 * 1024 * 1024;

/// The WAL of a DuckDB file.
pub(crate) struct Wal {
    path: PathBuf,
    /// The length after the last commit, in bytes.
    length: u64,
}

impl Wal {
    /// The WAL of this DuckDB file, with its present length.
    pub(crate) fn of(database: &Path) -> Self {
        let mut log = Self {
            path: log_of(database),
            length: 0,
        };
        log.measure();
        log
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The length after the last commit, in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Stores the present length, after a commit or a checkpoint.
    pub(crate) fn measure(&mut self) {
        self.length = self.length_now();
    }

    fn length_now(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |log| log.len())
    }

    /// An error if a failed commit has left data in the WAL. DuckDB truncates what a failed commit has written;
    /// if it could not, later commits would be lost together with that rest.
    pub(crate) fn ensure_unchanged(
        &self,
        what: &str,
        error: &StoreError,
    ) -> Result<(), StoreError> {
        if self.length_now() > self.length {
            return Err(StoreError::Damaged(format!(
                "{what} failed and left incomplete data in the WAL; restart guildlake ({error})"
            )));
        }
        Ok(())
    }

    /// Whether the disk has room for a checkpoint; if not, the number of bytes that it needs.
    pub(crate) fn has_room_to_checkpoint(&self) -> Result<(), u64> {
        let needed = self.length_now().saturating_mul(2) + CHECKPOINT_MARGIN;
        // A system that does not report its free space is assumed to have room.
        let free = fs4::available_space(durable::folder_of(&self.path));
        if free.is_ok_and(|free| free < needed) {
            return Err(needed);
        }
        Ok(())
    }
}
