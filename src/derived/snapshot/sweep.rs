//! Deletes files that no snapshot needs any more, after the grace time, so that everyone who began to read by
//! an older manifest can finish. Only files whose names have the form of the snapshots' own names are deleted.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::Utc;

use super::catalog::{Catalog, Snapshot};
use super::folder::{Folder, MANIFESTS, UNFINISHED, UNFINISHED_PREFIX};
use super::verify::DAMAGED;
use crate::store::Table;

impl Folder {
    /// The snapshots that are to stay: the current one, and those that were replaced less than the grace time
    /// ago.
    pub(super) fn within_grace(snapshots: Vec<Arc<Snapshot>>, grace: Duration) -> Catalog {
        let mut replaced_at = None;
        let is_kept = |snapshot: &Arc<Snapshot>| {
            let replaced = replaced_at.replace(snapshot.published_at);
            // A time in the future, after the clock was set back, counts as now.
            replaced.is_none_or(|at| (Utc::now() - at).to_std().unwrap_or_default() < grace)
        };
        Catalog {
            snapshots: snapshots.into_iter().filter(is_kept).collect(),
        }
    }

    /// Deletes the unfinished files of a killed process.
    pub(super) fn remove_unfinished(&self) {
        let folder = self.at(UNFINISHED);
        // A symbolic link could lead to files of others.
        if !fs::symlink_metadata(&folder).is_ok_and(|found| found.is_dir()) {
            return;
        }
        for_each(&folder, |file| {
            let name = file.file_name().and_then(|name| name.to_str());
            let is_ours = name.is_some_and(|name| name.starts_with(UNFINISHED_PREFIX));
            if is_ours && fs::symlink_metadata(file).is_ok_and(|found| found.is_file()) {
                remove(file);
            }
        });
    }

    /// Deletes files that none of these snapshots names and that are older than the grace time: newer ones may
    /// belong to a snapshot that is not published yet, or somebody may still read them.
    pub(super) fn sweep(&self, catalog: &Catalog, grace: Duration) {
        let named: HashSet<_> = catalog
            .snapshots
            .iter()
            .flat_map(|snapshot| snapshot.files())
            .map(|file| self.at(&file.path))
            .collect();
        let sweep_file = |file: &Path| {
            if is_ours(file) && !named.contains(file) && is_older(file, grace) {
                remove(file);
            }
        };
        for_each(&self.at(MANIFESTS), sweep_file);
        for table in Table::ALL {
            let folder = self.at(table.name());
            for_each(&folder, |entry| {
                sweep_file(entry);
                if is_partition(entry, "guild_id=") {
                    for_each(entry, |month| {
                        if is_partition(month, "month=") {
                            for_each(month, sweep_file);
                            // The deletion fails unless the folder is empty.
                            let _ = fs::remove_dir(month);
                        }
                    });
                    let _ = fs::remove_dir(entry);
                }
            });
        }
    }
}

fn for_each(folder: &Path, mut visit: impl FnMut(&Path)) {
    let entries = fs::read_dir(folder).into_iter().flatten();
    for entry in entries.flatten() {
        visit(&entry.path());
    }
}

fn is_partition(folder: &Path, key: &str) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(key)) && folder.is_dir()
}

/// Whether a file's name has the form of a table's file or of a manifest: a revision, and a hash or a time.
fn is_ours(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str());
    let Some(name) = name.filter(|_| file.is_file()) else {
        return false;
    };
    let name = name.strip_suffix(DAMAGED).unwrap_or(name);
    let Some((stem, extension)) = name.split_once('.') else {
        return false;
    };
    let Some((revision, rest)) = stem.split_once('-') else {
        return false;
    };
    let is_number = !revision.is_empty() && revision.bytes().all(|it| it.is_ascii_digit());
    let is_rest = match extension {
        "parquet" => rest.len() == 16 && rest.bytes().all(|it| it.is_ascii_hexdigit()),
        "json" => rest.len() == 22 && rest.ends_with('Z'),
        _ => false,
    };
    is_number && is_rest
}

fn is_older(file: &Path, grace: Duration) -> bool {
    let changed = fs::metadata(file).and_then(|found| found.modified());
    // A time in the future counts as no age.
    changed.is_ok_and(|at| {
        SystemTime::now()
            .duration_since(at)
            .is_ok_and(|ago| ago > grace)
    })
}

fn remove(file: &Path) {
    if let Err(error) = fs::remove_file(file) {
        tracing::warn!(file = %file.display(), %error, "a file of an old snapshot can't be deleted");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_our_own_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        for (name, ours) in [
            ("12-0123456789abcdef.parquet", true),
            ("12-0123456789abcdef.parquet.damaged", true),
            ("12-20261123T155500123456Z.json", true),
            ("12-20261123T155500123456.json", false),
            ("12-0123456789abcdef.csv", false),
            ("mine.parquet", false),
            ("x-0123456789abcdef.parquet", false),
            ("-0123456789abcdef.parquet", false),
            ("12-0123456789abcdef.parquet.bak", false),
            ("notes.txt", false),
        ] {
            let file = folder.path().join(name);
            fs::write(&file, "").unwrap();
            assert_eq!(is_ours(&file), ours, "{name}");
        }
    }
}
