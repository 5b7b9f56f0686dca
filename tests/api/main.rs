//! The API as callers see it: the real router over a real record, in this process, and on real
//! sockets where a socket is what matters.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod auth;
mod changes;
mod conventions;
mod coverage;
mod download;
mod log;
mod message;
mod messages;
mod parameters;
mod readers;
mod ready;
mod reports;
mod schemathesis;
mod search;
mod service;
mod snapshots;
mod socket;
mod times;
mod versions;
