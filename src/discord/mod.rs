//! Discord as this project sees it: unchanged payloads, and the few facts that are needed to follow a guild.
//! Knows the domain ([`crate::message`], [`crate::guild`]) and writes nothing.

pub mod dispatch;
mod frame;
pub mod gateway;
pub mod news;
pub mod permissions;
mod reactions;
pub mod rest;

/// The project's home page, which Discord requires in the user agent. There is no public page yet, and nobody
/// can own a `.invalid` name.
const PROJECT_URL: &str = "https://guildlake.invalid";

/// The user agent of every request and of the gateway's handshake. Source:
/// <https://discord.com/developers/docs/reference#user-agent>
fn user_agent() -> String {
    format!("DiscordBot ({PROJECT_URL}, {})", env!("CARGO_PKG_VERSION"))
}
