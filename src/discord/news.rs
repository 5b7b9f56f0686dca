//! The meaning of a gateway frame, after it was parsed.

use chrono::DateTime;
use chrono::Utc;
use serde::Deserialize;

use super::rest::{ChannelInfo, RoleId, RoleInfo};
use crate::message::{ChannelId, GuildId, Message, MessageId, Observed, ReactionEvent, UserId};

/// The kind of a frame.
#[derive(Debug)]
pub enum Received {
    /// A dispatch.
    Dispatch(Dispatch),
    /// The answer to a heartbeat: the connection works, and everything until now has arrived.
    HeartbeatAck,
    /// Not relevant.
    Other,
}

/// The arrival times of a frame and of the one before it: the event in the frame happened in between.
#[derive(Debug, Clone, Copy)]
pub struct Heard {
    /// Everything until this time was sent in earlier frames.
    pub after: DateTime<Utc>,
    /// The time of this frame.
    pub now: DateTime<Utc>,
    /// The same as the time of an observation, which is unique among all frames and pages.
    pub observed_at: DateTime<Utc>,
    /// The last processed sequence number of the session, and when the session began: a frame with a processed
    /// number repeats an event that happened since then.
    pub taken: Option<(u64, DateTime<Utc>)>,
}

impl Heard {
    /// The observation time of a frame with this sequence number, and whether the frame is a repetition.
    #[must_use]
    pub fn observed(&self, sequence: u64) -> (Observed, bool) {
        match self.taken {
            Some((taken, began_at)) if sequence <= taken => {
                (Observed::frame(began_at, sequence), true)
            }
            _ => (Observed::frame(self.observed_at, sequence), false),
        }
    }
}

/// A dispatch: its name, its sequence number and its meaning.
#[derive(Debug)]
pub struct Dispatch {
    /// `MESSAGE_CREATE`, …
    pub name: String,
    /// The sequence number in the session.
    pub sequence: u64,
    /// The session has delivered this number before.
    pub is_repeat: bool,
    /// The meaning of the payload.
    pub news: News,
}

/// The meaning of a dispatch.
#[derive(Debug)]
pub enum News {
    /// A new session began.
    Ready {
        /// The id of the session.
        session_id: String,
        /// The URL at which the session can be resumed.
        resume_url: String,
        /// The guilds that will be sent next.
        guilds: Vec<GuildId>,
        /// The bot's own user, if it is named.
        me: Option<UserId>,
    },
    /// The session was resumed; everything missed was replayed.
    Resumed,
    /// A message in its current state, or some of its fields, with the unchanged payload.
    Message(Box<Message>, Option<String>),
    /// Somebody reacted to a message or voted in its poll, or took that back.
    Reaction(Box<Message>, Box<ReactionEvent>),
    /// Deleted messages.
    Gone(Vec<Message>),
    /// A guild with its channels and threads, at the start of a session or after an outage.
    Guild {
        /// The id of the guild.
        id: GuildId,
        /// The name of the guild.
        name: String,
        /// The channels and active threads.
        channels: Vec<ChannelInfo>,
        /// The roles.
        roles: Vec<RoleInfo>,
    },
    /// A guild became unavailable.
    GuildGone {
        /// The id of the guild.
        id: GuildId,
        /// Whether it is an outage and the guild will come back; otherwise the bot is no longer a member.
        is_outage: bool,
    },
    /// A channel or thread in its current state.
    Channel {
        /// The guild of the channel.
        guild_id: GuildId,
        /// The channel.
        channel: Box<ChannelInfo>,
        /// Whether the channel was just created and contained nothing before.
        is_new: bool,
    },
    /// Threads that can be read from now on.
    Threads {
        /// The guild of the threads.
        guild_id: GuildId,
        /// The threads.
        threads: Vec<ChannelInfo>,
    },
    /// A channel or thread was deleted.
    ChannelGone {
        /// The guild of the channel.
        guild_id: GuildId,
        /// The channel.
        id: ChannelId,
    },
    /// A role in its current state.
    Role {
        /// The guild of the role.
        guild_id: GuildId,
        /// The role.
        role: RoleInfo,
    },
    /// A role was deleted, which may have changed permissions.
    Permissions(GuildId),
    /// A member in their current state. Only the roles of the bot matter, because they decide what it can read.
    Member {
        /// The guild.
        guild_id: GuildId,
        /// The user.
        user_id: UserId,
        /// The roles of the member.
        roles: Vec<RoleId>,
    },
    /// The bot was added to a thread or removed from it.
    ThreadMembership(ChannelId),
    /// Not relevant.
    Other,
    /// The payload could not be parsed.
    Unreadable {
        /// The channel, if it could be parsed.
        channel_id: Option<ChannelId>,
        /// The message, if it could be parsed.
        message_id: Option<MessageId>,
        /// Why the payload could not be parsed.
        reason: String,
        /// The unchanged payload.
        payload: String,
    },
}

/// Looks up the guild of a channel, for the older form of updates and deletes that does not contain it.
pub type GuildOf<'a> = &'a dyn Fn(ChannelId) -> Option<GuildId>;

#[derive(Deserialize)]
pub(super) struct Place {
    #[serde(default)]
    pub(super) guild_id: Option<GuildId>,
    #[serde(default)]
    pub(super) channel_id: Option<ChannelId>,
}

impl Place {
    pub(super) fn guild(&self, guild_of: GuildOf<'_>) -> Option<GuildId> {
        self.guild_id.or_else(|| guild_of(self.channel_id?))
    }
}

pub(super) fn read<'a, T: Deserialize<'a>>(payload: &'a str) -> Result<T, String> {
    serde_json::from_str(payload).map_err(|error| error.to_string())
}
