//! The socket: twilight's shard, which hands over the raw text of every frame, in order, and
//! resumes a session across disconnects and restarts. Here it is set up, and its ends are named.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use twilight_gateway::queue::InMemoryQueue;
use twilight_gateway::{CloseFrame, ConfigBuilder, Intents, Session, Shard, ShardId};

use super::rest::GatewayInfo;
use crate::store::SessionMark;

/// What a guild's conversation needs: its channels and threads, its messages, and their text.
pub const INTENTS: Intents = Intents::GUILDS
    .union(Intents::GUILD_MESSAGES)
    .union(Intents::MESSAGE_CONTENT);

/// One new session in so many is left unused: Discord resets the token of a bot that goes beyond
/// its daily limit (1,000), and another program may use it too.
const RESERVE: u32 = 50;

/// New sessions that may be begun today.
#[must_use]
pub fn sessions_left(info: &GatewayInfo) -> u32 {
    let limit = info.session_start_limit;
    limit.remaining.saturating_sub(limit.total / RESERVE)
}

/// A close with this frame leaves the session open, so that the next start can resume it.
pub const CLOSE_RESUMABLE: CloseFrame<'static> = CloseFrame::RESUME;

/// Why the socket can't go on.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Discord closed it for good.
    #[error("Discord closed the connection for good ({code}): {advice}")]
    Closed {
        /// The close code.
        code: u16,
        /// What to do.
        advice: &'static str,
    },
}

/// A shard that is not connected yet: it resumes `session` if there is one, at the place where
/// that left off in the record, and else begins a new one, as soon as Discord allows one.
#[must_use]
pub fn shard(token: &SecretString, info: &GatewayInfo, session: Option<&SessionMark>) -> Shard {
    let limit = info.session_start_limit;
    let queue = InMemoryQueue::new(
        u16::try_from(limit.max_concurrency.max(1)).unwrap_or(u16::MAX),
        sessions_left(info),
        Duration::from_millis(limit.reset_after_ms),
        limit.total.max(limit.remaining) - limit.total / RESERVE,
    );
    // The socket's address is what Discord's REST API names, never twilight's built-in one.
    let url = info.url.as_str().trim_end_matches('/').to_owned();
    let mut config = ConfigBuilder::new(token.expose_secret().to_owned(), INTENTS)
        .proxy_url(url)
        .queue(queue);
    if let Some(session) = session {
        config = config
            .session(Session::new(session.sequence, session.session_id.clone()))
            .resume_url(session.resume_url.clone());
    }
    Shard::with_config(ShardId::ONE, config.build())
}

/// What to do about a close code that ends it for good.
/// Source: <https://discord.com/developers/docs/topics/opcodes-and-status-codes#gateway-gateway-close-event-codes>
#[must_use]
pub fn fatal_close(code: u16) -> GatewayError {
    let advice = match code {
        4004 => "the token is wrong or was reset; set DISCORD_BOT_TOKEN to a valid one",
        4010 | 4011 => "the bot is in too many guilds for one connection; guildlake uses one",
        4012 => "this version of the gateway protocol is no longer served; update guildlake",
        4013 => "the intents are invalid; update guildlake",
        4014 => {
            "an intent is not enabled; in the Developer Portal, under Bot, switch on «Message Content Intent»"
        }
        _ => "no reason is documented for this code",
    };
    GatewayError::Closed { code, advice }
}
