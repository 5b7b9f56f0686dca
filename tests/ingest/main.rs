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
#[path = "../cli/program.rs"]
#[allow(dead_code, reason = "this target needs a part of it")]
mod program;
mod proxy;
mod reconnects;
mod refusals;
mod restart;
mod said_last;
mod scene;
mod scope;
mod support;
#[path = "../shared/truth.rs"]
mod truth;
mod walks;
