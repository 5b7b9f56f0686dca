//! What the API gives, read by other programs: Python, DuckDB, schemathesis.

mod download;
mod reports;
mod schemathesis;
mod snapshots;
