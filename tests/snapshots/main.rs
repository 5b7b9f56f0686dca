//! Snapshots against the record that they are of: the same rows, only what changed is written, and
//! nobody who reads by a manifest ever sees anything but one moment, whatever is killed or damaged.
//!
//! `make snapshots` runs the kills a hundred times, and measures at full size.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and prints its seeds and figures"
)]

mod changes;
mod damage;
mod follower;
mod kill;
mod partitions;
mod size;
