//! The API as callers see it: the real router over a real record, in this process, and on real
//! sockets where a socket is what matters.

mod access;
mod auth;
mod changes;
mod client_address;
mod connections;
mod conventions;
mod coverage;
mod download;
mod limited_search;
mod log;
mod message;
mod messages;
mod origin;
mod parameters;
mod quotas;
mod readers;
mod ready;
mod reports;
mod search;
mod service;
mod snapshots;
mod socket;
mod times;
mod versions;
