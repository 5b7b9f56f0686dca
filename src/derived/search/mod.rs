//! The full-text search.

pub mod query;
