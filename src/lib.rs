//! guildlake collects the messages of chosen Discord channels and makes them ready for reporting.
//!
//! The map, in the direction of the data; no arrow points back:
//! - [`message`]: the domain and the merge law. Knows nobody.
//! - [`api`]: serves what the record holds. Knows `store`, `message`, `status`.

pub mod api;
pub mod message;
pub mod status;
pub mod store;
