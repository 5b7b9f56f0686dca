//! The reports: their list, and the result of each.

pub(crate) mod description;
pub(crate) mod files;
pub(crate) mod get;
pub(crate) mod list;
