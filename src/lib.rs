//! guildlake collects the messages of chosen Discord channels and makes them ready for reporting.
//!
//! The map, in the direction of the data; no arrow points back:
//! - [`discord`]: what Discord sends, raw, and what it allows. Knows `message` and the catalog's words.
//! - [`message`]: the domain and the merge law. Knows nobody.

pub mod discord;
pub mod message;
pub mod status;
pub mod store;
