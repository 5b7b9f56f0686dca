//! The audit log: who read what, and who changed keys. It is a folder of NDJSON files with one entry per line, never
//! the content of a message, a search text or a key. What an entry says is the concern of those who write it.

mod entry;
mod folder;
mod log;
mod page;

pub use entry::{Actor, Entry, KeyChange};
pub use folder::AuditFolder;
pub use log::{AuditLog, AuditSettings};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use page::Cursor;
pub use page::{AuditPage, AuditRequest};
