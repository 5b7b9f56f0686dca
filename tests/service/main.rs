//! The whole service over the simulated Discord: in this process, where a test looks at its status and its settings
//! (`ingest`), and as the binary, as a user runs it (`cli`).
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and prints its seeds and figures"
)]

mod cli;
mod ingest;

use testkit::program::Program;

/// The binary that these tests run.
const GUILDLAKE: Program = Program::at(env!("CARGO_BIN_EXE_guildlake"));
