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
#[path = "../cli/program.rs"]
#[allow(dead_code, reason = "this target needs a part of it")]
mod program;
mod record;
mod service;
mod strace;
mod terminate;
#[path = "../shared/truth.rs"]
#[allow(dead_code, reason = "this target needs a part of it")]
mod truth;
