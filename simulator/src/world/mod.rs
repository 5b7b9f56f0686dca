//! The truth: guilds, channels, threads, people and every message there is or was.
//! Nothing in here knows of sockets. Operations change the world and return the events that Discord would dispatch,
//! so that one lock around world and gateway keeps what REST shows and what the socket says in step.

pub(crate) mod change;
pub(crate) mod channel;
pub(crate) mod guild;
pub(crate) mod message;
pub(crate) mod operation;
pub(crate) mod permission;
pub(crate) mod poll;
pub(crate) mod reaction;
pub(crate) mod room;
pub(crate) mod user;

use std::collections::HashMap;

use crate::error::Error;
use crate::snowflake::Clock;

pub(crate) use change::{MessageChange, PayloadStyle};
pub(crate) use channel::{Channel, Kind, Thread};
pub(crate) use guild::{Guild, Presence, Role};
pub(crate) use message::Message;
pub(crate) use operation::{Event, PermissionChange};
pub(crate) use reaction::Emoji;
pub(crate) use user::User;

/// The index of the bot in `World::users`.
pub(crate) const BOT: u32 = 0;

/// Everything that exists.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) odd_style: f64,
    pub(crate) clock: Clock,
    pub(crate) users: Vec<User>,
    pub(crate) guilds: Vec<Guild>,
    pub(crate) channels: Vec<Channel>,
    pub(crate) channel_at: HashMap<u64, usize>,
    pub(crate) application_flags: u64,
    pub(crate) obfuscation: bool,
    /// Polls begun since the start, the last of them: position of the channel, and the message.
    pub(crate) open_polls: Vec<(usize, u64)>,
}

impl World {
    pub(crate) fn bot(&self) -> &User {
        &self.users[BOT as usize]
    }

    pub(crate) fn user_at(&self, id: u64) -> Option<u32> {
        self.users
            .iter()
            .position(|user| user.id == id)
            .and_then(|at| u32::try_from(at).ok())
    }

    pub(crate) fn guild_at(&self, id: u64) -> Result<usize, Error> {
        self.guilds
            .iter()
            .position(|guild| guild.id == id)
            .ok_or(Error::UnknownGuild(id))
    }

    /// The position of a channel or thread that exists now.
    pub(crate) fn channel_at(&self, id: u64) -> Result<usize, Error> {
        let at = *self.channel_at.get(&id).ok_or(Error::UnknownChannel(id))?;
        if self.channels[at].deleted {
            Err(Error::UnknownChannel(id))
        } else {
            Ok(at)
        }
    }

    pub(crate) fn guild_of(&self, channel: usize) -> &Guild {
        &self.guilds[self.channels[channel].guild]
    }

    /// A message that exists now.
    pub(crate) fn message(&self, channel: usize, id: u64) -> Option<&Message> {
        self.channels[channel]
            .find(id)
            .filter(|message| message.deleted.is_none())
    }

    pub(crate) fn add_channel(&mut self, channel: Channel) -> usize {
        let at = self.channels.len();
        self.channel_at.insert(channel.id, at);
        self.channels.push(channel);
        at
    }

    /// Channels and threads of a guild that exist now.
    pub(crate) fn channels_of(&self, guild: usize) -> impl Iterator<Item = (usize, &Channel)> {
        self.channels
            .iter()
            .enumerate()
            .filter(move |(_, channel)| channel.guild == guild && !channel.deleted)
    }
}
