//! What the tests of guildlake share. A test takes the smallest of these that shows what it is about:
//!
//! - [`payload`]: what Discord sends for a message, and when it was observed;
//! - [`record`]: a record in a folder of its own;
//! - [`lake`]: the HTTP API over a record, in this process or on a socket; [`scenes`]: such records with something in
//!   them;
//! - [`community`]: a record of several guilds, and of what a limited reader may see of them;
//! - [`search`] and [`snapshots`]: a record with the follower of its index, or of its snapshots;
//! - [`world`]: the whole service in this process, over a simulated Discord;
//! - [`program`] and [`service`]: the real binary, as a command and as a process that is watched; [`http`]: questions
//!   to it;
//! - [`plan`], [`ledger`] and [`truth`]: the dice of a run of kills, what it was promised, what really happened;
//! - [`log`] and [`venv`]: what was logged, and the programs of `make venv`.
//!
//! It is for tests only: it panics where something is not as it should be.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what a test calls may panic, and prints its seeds"
)]
#![allow(
    clippy::new_without_default,
    reason = "what makes a folder and opens a record is called, not defaulted"
)]
#![allow(
    missing_docs,
    reason = "helpers of tests: a comment stands where the name does not say it"
)]

pub mod community;
pub mod http;
pub mod lake;
pub mod ledger;
pub mod log;
pub mod payload;
pub mod plan;
pub mod program;
pub mod record;
pub mod scenes;
pub mod search;
pub mod service;
pub mod snapshots;
pub mod truth;
pub mod venv;
pub mod world;
