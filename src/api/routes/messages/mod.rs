//! The archived messages: pages, downloads, single messages and their versions.

pub(crate) mod download;
pub(crate) mod get;
mod id;
pub(crate) mod list;
pub(crate) mod versions;
