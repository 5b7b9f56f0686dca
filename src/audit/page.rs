//! Reads the audit log, the newest entries first.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;

use chrono::{DateTime, Utc};

use super::{AuditFolder, Entry};

/// The maximum number of files that one page reads. A page of a rare key can therefore have few entries, or none, and
/// a next page.
const MAX_FILES: usize = 8;

/// A page of entries to read.
#[derive(Debug, Clone)]
pub struct AuditRequest {
    /// Only entries at or after this time.
    pub from: Option<DateTime<Utc>>,
    /// Only entries before this time.
    pub to: Option<DateTime<Utc>>,
    /// Only what was done with this key, or to it.
    pub key_id: Option<String>,
    /// The cursor of the last page.
    pub cursor: Option<String>,
    /// The maximum number of entries.
    pub limit: usize,
}

/// A page of entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries, the newest first.
    pub entries: Vec<Entry>,
    /// Where the next page continues; none on the last page.
    pub next_cursor: Option<String>,
}

impl AuditFolder {
    /// Reads a page; none if the cursor is not one of this folder. Blocks.
    ///
    /// # Errors
    /// If a file can't be read.
    pub fn page(&self, request: &AuditRequest) -> io::Result<Option<AuditPage>> {
        let mut files = self.files()?;
        // The line before which the page continues, in the last of the files.
        let mut before = None;
        if let Some(cursor) = &request.cursor {
            let Some(Cursor { name, line }) = Cursor::parse(cursor) else {
                return Ok(None);
            };
            let name = OsStr::new(name);
            // A file that was deleted meanwhile has nothing to continue with, nor do the older ones.
            files.retain(|(_, path)| path.file_stem().is_some_and(|stem| stem <= name));
            let last = files.last().and_then(|(_, path)| path.file_stem());
            before = (last == Some(name)).then_some(line);
        }
        let mut page = AuditPage::default();
        let mut read = 0;
        while let Some((began_at, path)) = files.pop() {
            if request.to.is_some_and(|to| began_at >= to) {
                before = None;
                continue;
            }
            let text = match fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let next = |line| Some(Cursor { name: &name, line }.to_string());
            let lines: Vec<&str> = text.lines().collect();
            let end = before.take().unwrap_or(lines.len()).min(lines.len());
            for at in (0..end).rev() {
                // A line that a crash cut is none.
                let Ok(entry) = serde_json::from_str::<Entry>(lines[at]) else {
                    continue;
                };
                if request.wants(&entry) {
                    if page.entries.len() == request.limit {
                        page.next_cursor = next(at + 1);
                        return Ok(Some(page));
                    }
                    page.entries.push(entry);
                }
            }
            // All older files end before this one begins.
            if request.from.is_some_and(|from| began_at < from) {
                break;
            }
            read += 1;
            if read == MAX_FILES && !files.is_empty() {
                page.next_cursor = next(0);
                break;
            }
        }
        Ok(Some(page))
    }
}

impl AuditRequest {
    fn wants(&self, entry: &Entry) -> bool {
        let is_of = |key: &str| {
            entry.actor.as_ref().is_some_and(|it| it.key_id == key)
                || entry.change.as_ref().is_some_and(|it| it.key_id == key)
        };
        self.from.is_none_or(|from| entry.at >= from)
            && self.to.is_none_or(|to| entry.at < to)
            && self.key_id.as_deref().is_none_or(is_of)
    }
}

/// Where a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor<'a> {
    /// The name of a file without its extension.
    name: &'a str,
    /// The number of its lines that are left.
    line: usize,
}

impl<'a> Cursor<'a> {
    /// Parses a cursor as it is written, and in no other spelling.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (name, line) = text.split_once('.')?;
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let cursor = Self {
            name,
            line: line.parse().ok()?,
        };
        // The number's own parser takes a sign and leading zeros.
        let is_canonical = cursor.to_string() == text;
        (is_name && !name.is_empty() && is_canonical).then_some(cursor)
    }
}

impl fmt::Display for Cursor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.name, self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_every_entry_once_from_the_newest_on() {
        let folder = tempfile::tempdir().unwrap();
        let folder = AuditFolder::in_folder(folder.path());
        let all: Vec<Entry> = (0..100)
            .map(|n| Entry {
                at: DateTime::from_timestamp(1_900_000_000 + n, 0).unwrap(),
                event: "request".to_owned(),
                path: format!("/v1/messages/{n}"),
                ..Entry::default()
            })
            .collect();
        for entries in all.chunks(7) {
            folder.append(entries).unwrap();
        }
        let mut request = AuditRequest {
            from: None,
            to: None,
            key_id: None,
            cursor: None,
            limit: 9,
        };
        let mut found = Vec::new();
        loop {
            let page = folder.page(&request).unwrap().unwrap();
            found.extend(page.entries);
            request.cursor = page.next_cursor;
            if request.cursor.is_none() {
                break;
            }
        }
        found.reverse();
        assert_eq!(found, all);
        for cursor in [
            "../keys.0",
            "20250101T000000000000Z.+1",
            "20250101T000000000000Z.01",
            ".1",
            "x",
        ] {
            request.cursor = Some(cursor.to_owned());
            assert_eq!(folder.page(&request).unwrap(), None, "{cursor}");
        }
    }
}
