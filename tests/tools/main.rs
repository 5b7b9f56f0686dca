//! What needs other programs: Python and DuckDB's command line (`make venv`), curl, strace. `cargo test` leaves these
//! tests out and says what each needs; `make test` runs them, and so does
//! `cargo test --test tools -- --include-ignored`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and prints its seeds and figures"
)]

mod api;
mod cli;
mod crash;

use testkit::program::Program;

/// The binary that these tests run.
const GUILDLAKE: Program = Program::at(env!("CARGO_BIN_EXE_guildlake"));
