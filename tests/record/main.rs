//! The record, through its public interface, over a real DuckDB file.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a seed is printed, to run it again")]

mod coverage;
mod damage;
mod deletes;
mod histories;
mod merge;
mod moves;
mod old_record;
mod pages;
mod refusals;
mod torn;
