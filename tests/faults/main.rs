//! What must not be lost, whatever is killed, cut off or damaged. `make test` runs a few rounds of each; `make crash`,
//! `make damage`, `make load`, `make malformed`, `make outages`, `make search`, `make snapshots` and `make soak` run many.
//! `GUILDLAKE_SEED` plays the dice of a run again, not its timing. (`tests/failpoints` needs a feature, and is a
//! program of its own.)
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and prints its seeds and figures"
)]

mod crash;
mod load;
mod malformed;
mod outages;
mod record;
mod search;
mod snapshots;
mod soak;

use testkit::program::Program;

/// The binary that these tests run.
const GUILDLAKE: Program = Program::at(env!("CARGO_BIN_EXE_guildlake"));
