//! guildlake is a self-hosted service that archives Discord channels in DuckDB and serves the messages for reporting.
//!
//! The modules, from the domain up. No two modules import each other, and each imports only what it may know:
//! docs/ARCHITECTURE.md has the complete table, and `scripts/imports` checks it.
//! - [`message`]: the domain of messages and the merge rule. Knows no other module.
//! - [`guild`]: the domain of guilds, channels and threads: access, coverage, gateway sessions. Knows
//!   `message`.
//! - [`report`]: reports as SQL files with a header. Knows no other module.
//! - [`store`]: the record, one DuckDB file. Knows `message`, `guild` and `report`.
//! - [`discord`]: what Discord sends and allows. Knows `message` and `guild`.
//! - [`ingest`]: the one writer, the live side and backfill: turns what Discord sends into batches.
//! - [`derived`]: the followers of the record: the search index and the snapshots. Knows `store`, `message` and
//!   `status`.
//! - [`keys`]: API keys and what they open. Knows `guild` and `message`. [`audit`]: who read what.
//! - [`api`]: the HTTP API. Knows `store`, `report`, `derived`, `message`, `guild` and `status`.
//! - [`status`]: the state that `/health` reports. [`clock`]: Discord's time. [`failpoint`]: where tests order
//!   faults. `durable`: files that are replaced as a whole. `parquet_layout`: the layout of Parquet files.
//!   `log_lines`: rate-limited log lines. `open_files`: the limit of open files.
//! - [`config`]: the settings. [`service`] wires and supervises the parts; [`cli`] has one file per command.

pub mod api;
pub mod audit;
mod backoff;
pub mod cli;
pub mod clock;
pub mod config;
pub mod derived;
pub mod discord;
mod durable;
pub mod failpoint;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod guild;
pub mod ingest;
pub mod keys;
mod log_lines;
pub mod message;
mod open_files;
mod parquet_layout;
pub mod report;
pub mod service;
pub mod status;
pub mod store;
