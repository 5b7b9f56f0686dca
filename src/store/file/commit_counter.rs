//! How far the record was, told outside the file: DuckDB drops a log that is cut, missing or of
//! another time without a word. Written after each commit; it can be behind, never ahead, so a
//! record that knows less than its witness has lost commits that were acknowledged.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use chrono::{DateTime, Utc};

use crate::durable;

/// The witness's file stands beside the record: its name with this behind it.
const SUFFIX: &str = ".commits";

/// What the witness says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Testimony {
    /// How many commits there were.
    pub(crate) commits: i64,
    /// The last one's time.
    pub(crate) at: DateTime<Utc>,
}

/// Writes how far the record is.
pub(crate) struct Witness {
    file: File,
    store_id: String,
}

impl Witness {
    /// Opens the file beside the record; answers what it said last of this store, if that can be
    /// read.
    pub(crate) fn open(record: &Path, store_id: String) -> io::Result<(Self, Option<Testimony>)> {
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

    /// From now on testifies of the store with this id.
    pub(crate) fn attend(&mut self, store_id: String) {
        self.store_id = store_id;
    }

    /// Notes a commit. Not synced by itself: what a power cut takes away makes it say less.
    pub(crate) fn saw(&self, Testimony { commits, at }: Testimony) -> io::Result<()> {
        let line = format!("{} {commits} {}", self.store_id, at.timestamp_micros());
        let line = format!("{line:<width$}\n", width = LINE - 1);
        self.file.write_all_at(line.as_bytes(), 0)
    }
}

/// The length of the one line: a UUID and two numbers.
const LINE: usize = 80;

fn parse(line: &str, store_id: &str) -> Option<Testimony> {
    let mut words = line.split_ascii_whitespace();
    let is_this_ones = words.next()? == store_id;
    let testimony = Testimony {
        commits: words.next()?.parse().ok()?,
        at: DateTime::from_timestamp_micros(words.next()?.parse().ok()?)?,
    };
    (is_this_ones && words.next().is_none()).then_some(testimony)
}
