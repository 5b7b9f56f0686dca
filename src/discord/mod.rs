//! Discord, as this project sees it: raw payloads in, and the few facts that are needed to follow
//! a guild. Knows the domain ([`crate::message`]) and the catalog's vocabulary; writes nothing.

pub mod dispatch;
mod frame;
pub mod gateway;
pub mod news;
pub mod permissions;
mod reactions;
pub mod rest;

/// Where the project is at home, which Discord wants to know; there is no public place yet, and
/// `.invalid` is nobody's.
const PROJECT_URL: &str = "https://guildlake.invalid";

/// Who asks, in every request and in the handshake of the socket.
/// Source: <https://discord.com/developers/docs/reference#user-agent>
fn user_agent() -> String {
    format!("DiscordBot ({PROJECT_URL}, {})", env!("CARGO_PKG_VERSION"))
}
