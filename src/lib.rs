//! guildlake collects the messages of chosen Discord channels and makes them ready for reporting.
//!
//! The map, in the direction of the data; no arrow points back (`scripts/imports` holds it):
//! - [`message`]: the domain and the merge rule. Knows no other room.
//! - [`guild`]: what is known of guilds, channels and threads, and which ranges of messages are complete. Knows `message`.
//! - [`report`]: reports as SQL files with a header. Knows no other room.
//! - [`store`]: the record, one DuckDB file. Knows `message`, `guild` and `report`.
//! - [`discord`]: what Discord sends, raw, and what it allows. Knows `message` and `guild`.
//! - [`ingest`]: joins the two: one writer, the live socket, the history.
//! - [`derived`]: what follows the record by revision: the search index, the snapshots. Knows `store`, `message`, `status`.
//! - [`api`]: serves what the record holds. Knows `store`, `report`, `derived`, `message`, `guild`, `status`.
//! - [`status`]: what the service says of itself. [`clock`]: the time as Discord has it.
//!   [`failpoint`]: where tests order faults. `parquet_layout`: how Parquet files are laid out.
//! - [`config`]: the settings. [`service`] wires and supervises the parts; [`cli`] runs commands.

pub mod api;
pub mod cli;
pub mod clock;
pub mod config;
pub mod derived;
pub mod discord;
mod durable;
pub mod failpoint;
pub mod guild;
pub mod ingest;
mod log_lines;
pub mod message;
mod parquet_layout;
pub mod report;
pub mod service;
pub mod status;
pub mod store;
