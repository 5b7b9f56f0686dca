//! The commit counter: a small file outside the record that counts commits. DuckDB silently drops a WAL that is
//! truncated, missing or of another time. The counter is written after each commit, so it can be behind the
//! record but never ahead of it. A record with fewer commits than its counter has therefore lost acknowledged
//! commits.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use chrono::{DateTime, Utc};

use crate::durable;

/// The suffix of the counter's file, which is beside the DuckDB file.
pub(crate) const SUFFIX: &str = ".commits";

/// The content of the counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CommitCount {
    /// The number of commits.
    pub(crate) commits: i64,
    /// The time of the last commit.
    pub(crate) at: DateTime<Utc>,
}

/// Writes the commit counter.
pub(crate) struct CommitCounter {
    file: File,
    store_id: String,
}

impl CommitCounter {
    /// Opens the counter's file. Also returns its last content, if that is readable and of this store.
    pub(crate) fn open(record: &Path, store_id: String) -> io::Result<(Self, Option<CommitCount>)> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(durable::with_suffix(record, SUFFIX))?;
        let mut text = vec![0; LINE];
        let said = match file.read_exact_at(&mut text, 0) {
            Ok(()) => std::str::from_utf8(&text)
                .ok()
                .and_then(|line| parse(line, &store_id)),
            Err(_) => None,
        };
        Ok((Self { file, store_id }, said))
    }

    /// Changes the store id that the counter belongs to.
    pub(crate) fn rebind(&mut self, store_id: String) {
        self.store_id = store_id;
    }

    /// Records a commit without fsync: a power failure can only make the counter smaller.
    pub(crate) fn saw(&self, CommitCount { commits, at }: CommitCount) -> io::Result<()> {
        let line = format!("{} {commits} {}", self.store_id, at.timestamp_micros());
        let line = format!("{line:<width$}\n", width = LINE - 1);
        self.file.write_all_at(line.as_bytes(), 0)
    }
}

/// The length of the line in bytes: a UUID and two numbers, padded with spaces.
const LINE: usize = 80;

fn parse(line: &str, store_id: &str) -> Option<CommitCount> {
    let mut words = line.split_ascii_whitespace();
    let is_this_ones = words.next()? == store_id;
    let testimony = CommitCount {
        commits: words.next()?.parse().ok()?,
        at: DateTime::from_timestamp_micros(words.next()?.parse().ok()?)?,
    };
    (is_this_ones && words.next().is_none()).then_some(testimony)
}
