//! Discord, as this project sees it: raw payloads in, and the few facts that are needed to follow
//! a guild. Knows the domain ([`crate::message`]) and the catalog's vocabulary; writes nothing.

pub mod dispatch;
pub mod gateway;
pub mod permissions;
mod reactions;
pub mod rest;
