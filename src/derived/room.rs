//! The disk's last room is the record's: what follows it stops before.

use std::path::Path;

/// What is left to the record of a disk that gets full: room for its log, and for a checkpoint of a log of
/// a hundred megabytes. That of a longer one wants more, and waits until there is.
const RESERVE: u64 = 256 * 1024 * 1024;

/// Looks whether there is more.
///
/// # Errors
/// How many bytes are left, if there is not.
pub(super) fn look_for_room(folder: &Path) -> Result<(), u64> {
    match fs4::available_space(folder) {
        Ok(free) if free < RESERVE => Err(free),
        _ => Ok(()),
    }
}
