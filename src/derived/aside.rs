//! What a follower can't use any more is set aside: renamed, so that a new one can be made in its place, and deleted
//! once that is whole. It contains nothing that the record does not.

use std::fs;
use std::io;
use std::path::Path;

use chrono::Utc;

use crate::durable;

/// The prefix of what was set aside.
const ASIDE: &str = "aside-";

/// Renames `path`, which is in the folder `root` and is called `what` in the log. What was set aside earlier is
/// deleted. If there is nothing at the path, nothing happens.
pub(super) fn set_aside(root: &Path, path: &Path, what: &str, reason: &str) -> io::Result<()> {
    remove(root);
    let name = format!("{ASIDE}{}", Utc::now().format("%Y%m%dT%H%M%S%6f"));
    match fs::rename(path, root.join(&name)) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    tracing::warn!(
        reason,
        "the {what} can't be used; it was renamed to {name} and is rebuilt from the database"
    );
    durable::sync_folder(root)
}

/// Deletes what was set aside in a folder.
pub(super) fn remove(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(ASIDE) {
            // What can't be deleted now is tried again by the next call.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
