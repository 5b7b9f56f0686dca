//! The reserve of disk space for the record: followers stop writing before they use it up.

use std::path::Path;

/// The reserve in bytes: space for the WAL, and for a checkpoint of a WAL of a hundred megabytes. The
/// checkpoint of a longer WAL needs more, and waits until there is.
const RESERVE: u64 = 256 * 1024 * 1024;

/// Checks whether more than the reserve is free.
///
/// # Errors
/// The number of free bytes, if that is less than the reserve.
pub(super) fn look_for_room(folder: &Path) -> Result<(), u64> {
    match fs4::available_space(folder) {
        Ok(free) if free < RESERVE => Err(free),
        _ => Ok(()),
    }
}
