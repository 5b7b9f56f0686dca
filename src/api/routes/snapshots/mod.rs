//! The snapshots: their list, and their files.

pub(crate) mod files;
pub(crate) mod list;
