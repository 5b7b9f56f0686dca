//! The commands, as a user runs them: the real binary, its exit codes, what it says and where.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and prints its seeds"
)]

mod backfill;
mod demo;
mod doctor;
mod index;
mod recipes;
mod serve;
mod settings;
mod snapshot;

use testkit::program::Program;

/// The binary that these tests run.
const GUILDLAKE: Program = Program::at(env!("CARGO_BIN_EXE_guildlake"));
