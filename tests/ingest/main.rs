//! From Discord's events to the record: the whole service against the simulator, over real
//! sockets, compared with the simulator's own truth.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and prints its seeds"
)]

mod ends;
mod evidence;
mod faults;
mod flapping;
mod guilds;
mod members;
mod odd_answers;
mod odd_lists;
mod proxy;
mod reconnects;
mod refusals;
mod restart;
mod said_last;
mod scene;
mod scope;
mod walks;

use testkit::program::Program;

/// The binary that these tests run.
const GUILDLAKE: Program = Program::at(env!("CARGO_BIN_EXE_guildlake"));
