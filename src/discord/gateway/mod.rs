//! The client of Discord's gateway. A [`Socket`] delivers the text of each frame, in order. When a connection
//! ends, it reports the cause and reconnects after a pause that grows until a session was followed for a while.
//! It resumes the session as long as Discord allows it.
//!
//! The WebSocket is `tokio-websockets`; the payloads and the queue of new sessions are twilight's. twilight's
//! own shard is not used, because it reconnects inside of its stream, immediately after each close and without
//! a way to pause, and because it sends no `User-Agent`.

mod connection;
mod end;
mod pause;
mod probe;
mod socket;

pub use end::Cause;
pub use pause::ReconnectSettings;
pub use probe::probe;
pub use socket::{Ended, Socket, SocketEvent};

use twilight_model::gateway::Intents;

use super::rest::GatewayInfo;
use crate::guild::SessionMark;

/// The intents: channels and threads, messages and their text, reactions and poll votes. Only the text is a
/// privileged intent.
pub const INTENTS: Intents = Intents::GUILDS
    .union(Intents::GUILD_MESSAGES)
    .union(Intents::GUILD_MESSAGE_REACTIONS)
    .union(Intents::GUILD_MESSAGE_POLLS)
    .union(Intents::MESSAGE_CONTENT);

/// Whether a stored session has the present intents; a session keeps those that it was started with.
#[must_use]
pub fn is_resumable(session: &SessionMark) -> bool {
    session.intents == INTENTS.bits()
}

/// The share of the daily sessions that is left unused: Discord resets the token of a bot that exceeds its
/// daily limit (1,000), and another program may use the same bot.
const RESERVE: u32 = 50;

/// The number of new sessions that may still be started today.
#[must_use]
pub fn sessions_left(info: &GatewayInfo) -> u32 {
    let limit = info.session_start_limit;
    limit.remaining.saturating_sub(limit.total / RESERVE)
}

/// Why the gateway can't be followed any more.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Discord closed the connection with a code that a new attempt can't fix.
    #[error(
        "Discord closed the connection and a new attempt would fail too (close code {code}): {advice}"
    )]
    Closed {
        /// The close code.
        code: u16,
        /// What to do about it.
        advice: &'static str,
    },
    /// TLS is not available.
    #[error("the TLS certificates of this machine can't be used: {0}")]
    Tls(String),
}

/// The error for a close code that a new attempt can't fix, with what to do about it.
/// Source:
/// <https://discord.com/developers/docs/topics/opcodes-and-status-codes#gateway-gateway-close-event-codes>
fn fatal_close(code: u16) -> Option<GatewayError> {
    let advice = match code {
        4004 => "the token is wrong or was reset; set DISCORD_BOT_TOKEN to a valid one",
        4010 | 4011 => "the bot is in too many guilds for one connection; guildlake uses one",
        4012 => "this version of the gateway protocol is no longer served; update guildlake",
        4013 => "the intents are invalid; update guildlake",
        4014 => {
            "an intent is not enabled; in the Developer Portal, under Bot, enable «Message Content Intent»"
        }
        _ => return None,
    };
    Some(GatewayError::Closed { code, advice })
}
