//! The lock of the data folder: one process per folder. The lock is the operating system's, which releases it
//! when the process ends, so a crash leaves none behind. The text in the file only names the owner for the
//! error of a second process.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Seek, Write};
use std::path::Path;

use crate::store::StoreError;

/// The name of the lock file in the data folder.
const LOCK_FILE: &str = "guildlake.lock";

/// The exclusive right to write in a data folder, held until dropped.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

impl DataLock {
    /// Creates the folder if necessary, and takes the lock.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another process holds the lock; [`StoreError::Io`] if the folder can't be
    /// created or written.
    pub fn acquire(folder: &Path) -> Result<Self, StoreError> {
        let io = |what: String| move |cause| StoreError::Io { what, cause };
        fs::create_dir_all(folder).map_err(io(format!(
            "the data folder {} can't be created",
            folder.display()
        )))?;
        let path = folder.join(LOCK_FILE);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(io(format!("{} can't be written", path.display())))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = fs::read_to_string(&path).unwrap_or_default();
                return Err(StoreError::Locked {
                    folder: folder.to_owned(),
                    holder: match holder.trim() {
                        "" => "unknown".to_owned(),
                        pid => pid.to_owned(),
                    },
                });
            }
            Err(TryLockError::Error(source)) => {
                return Err(io(format!("{} can't be locked", path.display()))(source));
            }
        }
        let named = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        named.map_err(io(format!("{} can't be written", path.display())))?;
        Ok(Self { _file: file })
    }
}
