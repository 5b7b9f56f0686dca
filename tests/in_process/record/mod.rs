//! The record, through its public interface, over a real DuckDB file.

mod coverage;
mod deletes;
mod histories;
mod merge;
mod moves;
mod old_record;
mod pages;
mod refusals;
