//! The socket to Discord's Gateway. A [`Socket`] hands over the text of each frame, in order. When a
//! connection ends it says why and connects again, after a pause that grows until a session was
//! followed for a while; it resumes the session as long as Discord allows it.
//!
//! The WebSocket itself is `tokio-websockets`; the payloads and the queue of new sessions are
//! twilight's. twilight's own shard is not used: it connects again inside its stream, at once after
//! each close, where no pause can be put in, and it sends no `User-Agent`.

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
use crate::store::SessionMark;

/// What a guild's conversation needs: its channels and threads, its messages and their text, reactions and votes.
/// Only the text needs Discord's leave.
pub const INTENTS: Intents = Intents::GUILDS
    .union(Intents::GUILD_MESSAGES)
    .union(Intents::GUILD_MESSAGE_REACTIONS)
    .union(Intents::GUILD_MESSAGE_POLLS)
    .union(Intents::MESSAGE_CONTENT);

/// Whether a session brings what is listened to: it keeps the intents that it was begun with.
#[must_use]
pub fn is_resumable(session: &SessionMark) -> bool {
    session.intents == INTENTS.bits()
}

/// One new session in so many is left unused: Discord resets the token of a bot that goes beyond
/// its daily limit (1,000), and another program may use it too.
const RESERVE: u32 = 50;

/// New sessions that may be begun today.
#[must_use]
pub fn sessions_left(info: &GatewayInfo) -> u32 {
    let limit = info.session_start_limit;
    limit.remaining.saturating_sub(limit.total / RESERVE)
}

/// Why the socket can't go on.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Discord closed it for good.
    #[error(
        "Discord closed the connection and a new attempt would fail too (close code {code}): {advice}"
    )]
    Closed {
        /// The close code.
        code: u16,
        /// What to do.
        advice: &'static str,
    },
    /// There is no TLS to connect with.
    #[error("the TLS certificates of this machine can't be used: {0}")]
    Tls(String),
}

/// Whether a close code ends it for good, and then what to do about it.
/// Source: <https://discord.com/developers/docs/topics/opcodes-and-status-codes#gateway-gateway-close-event-codes>
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
