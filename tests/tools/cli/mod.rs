//! The commands, and what other programs make of what they print and write.

mod backfill;
mod demo;
mod recipes;
mod snapshot;
