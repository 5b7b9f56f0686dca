//! DuckDB's write-ahead log, seen from outside: how long it was after the last commit, which tells
//! whether a commit that failed has left something behind.

use std::fs;
use std::path::{Path, PathBuf};

use super::paths::log_of;
use crate::durable;
use crate::store::StoreError;

/// Free space that folding it wants beside twice its length, in bytes.
const FOLD_MARGIN: u64 = 16 * 1024 * 1024;

/// The log of a record's file.
pub(crate) struct Log {
    path: PathBuf,
    /// In bytes, after the last commit.
    length: u64,
}

impl Log {
    /// Of this file, as it is now.
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

    /// In bytes, after the last commit.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Notes its length, after a commit or a fold.
    pub(crate) fn measure(&mut self) {
        self.length = self.length_now();
    }

    fn length_now(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |log| log.len())
    }

    /// DuckDB cuts off what a failed commit has written. If it could not, what comes behind would be
    /// lost with it.
    pub(crate) fn look_for_remains(
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

    /// Whether the disk has room to fold it; else how many bytes it takes.
    pub(crate) fn has_room_to_fold(&self) -> Result<(), u64> {
        let needed = self.length_now().saturating_mul(2) + FOLD_MARGIN;
        // A system that does not tell has room.
        let free = fs4::available_space(durable::folder_of(&self.path));
        if free.is_ok_and(|free| free < needed) {
            return Err(needed);
        }
        Ok(())
    }
}
