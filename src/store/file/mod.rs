//! The DuckDB file: opening, locking, committing, checkpoints, and recovery after a crash.

pub(crate) mod checkpoint;
pub(crate) mod commit_counter;
pub(crate) mod epochs;
pub(crate) mod lock;
pub(crate) mod migrate;
pub(crate) mod open;
pub(crate) mod paths;
pub(crate) mod report_catalog;
pub(crate) mod settings;
pub(crate) mod transaction;
pub(crate) mod wal;
