//! The commands, as a user runs them: the real binary, its exit codes, what it says and where.

mod backfill;
mod demo;
mod doctor;
mod index;
mod keys;
mod serve;
mod settings;
mod snapshot;
