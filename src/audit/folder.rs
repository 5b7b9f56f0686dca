//! The files of the audit log. A file is named after the time of its first entry, so their names sort by time. The
//! newest is appended to; a file is never changed otherwise, and is deleted as a whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

use super::Entry;

const FOLDER: &str = "audit";

/// The size from which a new file is begun. A page of `/v1/audit` reads whole files.
const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;

/// The form of a file's name, before its extension.
const NAME: &str = "%Y%m%dT%H%M%S%6fZ";
const EXTENSION: &str = "ndjson";

/// The folder of the audit log.
#[derive(Debug, Clone)]
pub struct AuditFolder(PathBuf);

impl AuditFolder {
    /// The folder in this data folder, whether it exists or not.
    #[must_use]
    pub fn in_folder(data_dir: &Path) -> Self {
        Self(data_dir.join(FOLDER))
    }

    /// Appends entries to the newest file, or begins a new one. Two processes may do so at once: a line is written by
    /// one call. There is no fsync, which would make each commit of the record wait: a kill loses none of them, a power
    /// failure can lose those of the last seconds.
    ///
    /// # Errors
    /// If the folder or a file can't be written; then some of the entries may be in it.
    pub fn append(&self, entries: &[Entry]) -> io::Result<()> {
        let mut file = self.newest_with_room()?;
        let mut lines = Vec::new();
        if !ends_with_a_line(&mut file)? {
            // A write that failed has left a part of a line, which must not spoil the next one.
            lines.push(b'\n');
        }
        for entry in entries {
            serde_json::to_writer(&mut lines, entry)?;
            lines.push(b'\n');
        }
        file.write_all(&lines)
    }

    fn newest_with_room(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.append(true).read(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let now = Utc::now();
        if let Some((began_at, path)) = self.files()?.pop() {
            let is_young = now - began_at < TimeDelta::days(1);
            if is_young && fs::metadata(&path)?.len() < MAX_FILE_BYTES {
                return options.open(path);
            }
        }
        fs::create_dir_all(&self.0)?;
        let name = format!("{}.{EXTENSION}", now.format(NAME));
        let file = options.create(true).open(self.0.join(name))?;
        crate::durable::sync_folder(&self.0)?;
        Ok(file)
    }

    /// The files with the times of their first entries, the oldest first.
    pub(super) fn files(&self) -> io::Result<Vec<(DateTime<Utc>, PathBuf)>> {
        let found = match fs::read_dir(&self.0) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut files = Vec::new();
        for file in found {
            let path = file?.path();
            if path.extension().is_none_or(|it| it != EXTENSION) {
                continue;
            }
            let name = path.file_stem().and_then(|name| name.to_str());
            let time = name.and_then(|name| NaiveDateTime::parse_from_str(name, NAME).ok());
            files.extend(time.map(|time| (time.and_utc(), path)));
        }
        files.sort_unstable();
        Ok(files)
    }

    /// Deletes the files whose last entry is older than `retention`, and the oldest beyond `max_bytes`. Returns how
    /// many of them were deleted because of their size, before their time.
    pub(super) fn sweep(&self, retention: Duration, max_bytes: u64) -> io::Result<usize> {
        let files = self.files()?;
        let oldest = TimeDelta::from_std(retention)
            .ok()
            .and_then(|retention| Utc::now().checked_sub_signed(retention));
        let mut bytes = 0;
        let mut too_early = 0;
        for (at, (_, path)) in files.iter().enumerate().rev() {
            bytes += fs::metadata(path)?.len();
            // The last entry of a file is older than the first of the next one. The newest file is still written.
            let next = files.get(at + 1).map(|(began_at, _)| *began_at);
            let is_over = next.zip(oldest).is_some_and(|(next, oldest)| next < oldest);
            let is_beyond = next.is_some() && bytes > max_bytes;
            if is_over || is_beyond {
                fs::remove_file(path)?;
                too_early += usize::from(!is_over);
            }
        }
        Ok(too_early)
    }
}

fn ends_with_a_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}
