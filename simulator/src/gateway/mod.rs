//! The gateway: sessions, sockets, and what goes wrong with them.
//! Sessions live in the hub, under the same lock as the world; a connection is a task that carries frames for one
//! session and can be lost at any time, as the session cannot.

mod connection;
pub(crate) mod hub;
mod identify;
mod transport;

pub(crate) use connection::{reset, serve};
pub(crate) use hub::{Command, Hub, Session};
