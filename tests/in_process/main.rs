//! Parts of the service in this process: the HTTP API over a real record, the record, the search and the snapshots of
//! one, the client of Discord's REST API. Nothing but cargo and DuckDB's library is needed: `make unit` runs them.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and prints its seeds and figures"
)]

mod api;
mod kit;
mod record;
mod relevance;
mod rest;
mod rows;
mod search;
mod snapshots;
