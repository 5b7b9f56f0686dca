//! The search against the table that it follows: whatever is killed, damaged or refused, the index finds
//! exactly the messages that the table has, and says how far it is.
//!
//! The suite runs a few rounds; `make search` runs many. `GUILDLAKE_SEED` plays the dice of a run again
//! (not its timing).
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and prints its seeds and figures"
)]

mod ahead;
mod crash;
mod damage;
mod files;
mod fuzz;
mod http;
mod lake;
#[path = "../crash/plan.rs"]
#[allow(dead_code, reason = "this target needs a part of it")]
mod plan;
#[path = "../cli/program.rs"]
#[allow(dead_code, reason = "this target needs a part of it")]
mod program;
#[path = "../crash/service.rs"]
#[allow(dead_code, reason = "this target needs a part of it")]
mod service;
mod table;
