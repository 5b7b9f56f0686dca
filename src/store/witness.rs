//! How far the record was, told outside the file: DuckDB drops a log that is cut, missing or of
//! another time without a word. Written after each commit; it can be behind, never ahead, so a
//! record that knows less than its witness has lost commits that were acknowledged.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use chrono::{DateTime, Utc};

/// The witness's file stands beside the record: its name with this behind it.
const SUFFIX: &str = ".commits";

/// What the witness says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Testimony {
    /// Which record it is of.
    pub(super) store_id: String,
    /// How many commits there were.
    pub(super) commits: i64,
    /// The last one's time.
    pub(super) at: DateTime<Utc>,
}

/// Writes how far the record is.
pub(super) struct Witness {
    file: File,
}

impl Witness {
    /// Opens the file beside the record; answers what it said last, if that can be read.
    pub(super) fn open(record: &Path) -> io::Result<(Self, Option<Testimony>)> {
        let mut name = record.as_os_str().to_owned();
        name.push(SUFFIX);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(name)?;
        let mut text = vec![0; LINE];
        let said = match file.read_exact_at(&mut text, 0) {
            Ok(()) => std::str::from_utf8(&text).ok().and_then(parse),
            Err(_) => None,
        };
        Ok((Self { file }, said))
    }

    /// Notes a commit. Not synced by itself: what a power cut takes away makes it say less.
    pub(super) fn saw(&self, testimony: &Testimony) -> io::Result<()> {
        let Testimony {
            store_id,
            commits,
            at,
        } = testimony;
        let line = format!("{store_id} {commits} {}", at.timestamp_micros());
        let line = format!("{line:<width$}\n", width = LINE - 1);
        self.file.write_all_at(line.as_bytes(), 0)
    }
}

/// The length of the one line: a UUID and two numbers.
const LINE: usize = 80;

fn parse(line: &str) -> Option<Testimony> {
    let mut words = line.split_ascii_whitespace();
    let testimony = Testimony {
        store_id: words.next()?.to_owned(),
        commits: words.next()?.parse().ok()?,
        at: DateTime::from_timestamp_micros(words.next()?.parse().ok()?)?,
    };
    words.next().is_none().then_some(testimony)
}
