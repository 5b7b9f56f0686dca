//! The record, through its public interface, over a real DuckDB file.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod merge;
mod refusals;
mod support;
