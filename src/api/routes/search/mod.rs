//! The full-text search: pages of hits, downloads, and completions of a name that is being typed.

pub(crate) mod cursor;
pub(crate) mod download;
mod find;
pub(crate) mod list;
pub(crate) mod query;
pub(crate) mod suggest;
