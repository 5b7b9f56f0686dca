//! The service itself: its entry point, its state and its documentation. These routes need no key.

pub(crate) mod docs;
pub(crate) mod health;
pub(crate) mod index;
pub(crate) mod openapi;
pub(crate) mod ready;
mod trouble;

/// The version that the API reports.
const VERSION: &str = env!("CARGO_PKG_VERSION");
