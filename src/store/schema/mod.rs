//! The tables of the record: their columns with the meanings, the migrations, and SQL that several parts use.

pub(crate) mod arrow_cells;
pub(crate) mod columns;
pub(crate) mod compact;
pub(crate) mod coverage_view;
pub(crate) mod levels;
pub(crate) mod message;
pub(crate) mod sql;
pub(crate) mod tables;
