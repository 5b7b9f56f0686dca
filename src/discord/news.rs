//! What a frame of the gateway says, once it was read.

use chrono::DateTime;
use chrono::Utc;
use serde::Deserialize;

use super::rest::{ChannelInfo, RoleId, RoleInfo};
use crate::message::{ChannelId, GuildId, Message, MessageId, Observed, ReactionEvent, UserId};

/// What a frame is.
#[derive(Debug)]
pub enum Received {
    /// Something happened.
    Dispatch(Dispatch),
    /// Discord is there, and everything that it had to say until now has come.
    HeartbeatAck,
    /// Of no concern here.
    Other,
}

/// When a frame came, and when the one before it: what it tells of happened in between.
#[derive(Debug, Clone, Copy)]
pub struct Heard {
    /// What had happened until then was told before it.
    pub after: DateTime<Utc>,
    /// The time of this frame.
    pub now: DateTime<Utc>,
    /// The same as the time of an observation, which no other frame or page has.
    pub observed_at: DateTime<Utc>,
    /// The last sequence number of the session that was taken, and when the session began: what comes with a number
    /// that was taken is a repeat of something that happened since then.
    pub taken: Option<(u64, DateTime<Utc>)>,
}

impl Heard {
    /// When Discord showed what comes with this sequence number, and whether it is a repeat.
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

/// A dispatch: its name, its place in the session, and what it says.
#[derive(Debug)]
pub struct Dispatch {
    /// `MESSAGE_CREATE`, …
    pub name: String,
    /// Its number in the session.
    pub sequence: u64,
    /// The session has brought this number before.
    pub is_repeat: bool,
    /// What it says.
    pub news: News,
}

/// What a dispatch says.
#[derive(Debug)]
pub enum News {
    /// A new session began.
    Ready {
        /// The session's id.
        session_id: String,
        /// Where to resume it.
        resume_url: String,
        /// The guilds that will be told of now.
        guilds: Vec<GuildId>,
        /// The bot, if it says so.
        me: Option<UserId>,
    },
    /// The session goes on; everything missed was replayed.
    Resumed,
    /// A message as it is now; or some fields of it, with the payload as it came.
    Message(Box<Message>, Option<String>),
    /// Somebody reacted to a message, or voted in its poll, or took that back.
    Reaction(Box<Message>, Box<ReactionEvent>),
    /// Messages that are gone.
    Gone(Vec<Message>),
    /// A guild with its channels and threads, at the start of a session or after an outage.
    Guild {
        /// The guild.
        id: GuildId,
        /// Its name.
        name: String,
        /// Channels and active threads.
        channels: Vec<ChannelInfo>,
        /// Its roles.
        roles: Vec<RoleInfo>,
    },
    /// A guild went away.
    GuildGone {
        /// The guild.
        id: GuildId,
        /// It is an outage, and the guild comes back; else the bot is in it no more.
        is_outage: bool,
    },
    /// A channel or thread as it is now.
    Channel {
        /// Its guild.
        guild_id: GuildId,
        /// The channel.
        channel: Box<ChannelInfo>,
        /// It was made just now: nothing stood in it before.
        is_new: bool,
    },
    /// Threads that can be read now.
    Threads {
        /// Their guild.
        guild_id: GuildId,
        /// The threads.
        threads: Vec<ChannelInfo>,
    },
    /// A channel or thread was deleted.
    ChannelGone {
        /// Its guild.
        guild_id: GuildId,
        /// The channel.
        id: ChannelId,
    },
    /// A role as it is now.
    Role {
        /// Its guild.
        guild_id: GuildId,
        /// The role.
        role: RoleInfo,
    },
    /// A role went: what can be read may have changed with it.
    Permissions(GuildId),
    /// A member as they are now. The roles of the bot decide what it can read; nobody else's do, and
    /// no name.
    Member {
        /// Their guild.
        guild_id: GuildId,
        /// Who.
        user_id: UserId,
        /// Their roles.
        roles: Vec<RoleId>,
    },
    /// The bot was added to a thread or removed from it.
    ThreadMembership(ChannelId),
    /// Of no concern here.
    Other,
    /// Could not be understood.
    Unreadable {
        /// The channel, if that much could be read.
        channel_id: Option<ChannelId>,
        /// The message, if that much could be read.
        message_id: Option<MessageId>,
        /// Why not.
        reason: String,
        /// The payload as it came.
        payload: String,
    },
}

/// Where a channel belongs, for the older form of updates and deletes that does not say it.
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
