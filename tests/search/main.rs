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
mod table;

use testkit::program::Program;

/// The binary that these tests run.
const GUILDLAKE: Program = Program::at(env!("CARGO_BIN_EXE_guildlake"));
