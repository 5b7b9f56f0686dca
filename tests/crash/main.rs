//! The real binary, killed and stopped at random moments under traffic, again and again. The truth
//! stays here: the simulated Discord runs in this process, only the service dies.
//!
//! `make test` runs a few rounds, `make crash` many. `GUILDLAKE_SEED` plays the dice of a run
//! again (not its timing), `GUILDLAKE_CRASH_ROUNDS` and `GUILDLAKE_TERM_ROUNDS` set the number of rounds.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and prints its seeds and results"
)]

mod birth;
mod disk;
mod fsync;
mod kill;
mod plan;
mod strace;
mod terminate;

use testkit::program::Program;

/// The binary that these tests run.
const GUILDLAKE: Program = Program::at(env!("CARGO_BIN_EXE_guildlake"));
