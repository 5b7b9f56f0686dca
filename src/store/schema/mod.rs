//! What the tables of the record are: their columns with their meanings, the migrations, and the SQL that others share.

pub(crate) mod columns;
pub(crate) mod levels;
pub(crate) mod message;
pub(crate) mod sql;
pub(crate) mod tables;
