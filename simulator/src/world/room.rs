//! What a test learns about a channel or thread.
//! A plain copy, so that nothing borrowed leaves the lock.

use super::permission::{READ_MESSAGE_HISTORY, VIEW_CHANNEL};
use super::{Kind, World};

/// A guild, as a test sees it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct GuildInfo {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
}

/// A member of a guild, as a test sees it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct UserInfo {
    /// Its id.
    pub id: u64,
    /// Its `username` now.
    pub name: String,
    /// Whether it is an app: an app can react and does not vote.
    pub bot: bool,
}

/// A channel or thread, as a test sees it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ChannelInfo {
    /// Its id.
    pub id: u64,
    /// Its guild.
    pub guild_id: u64,
    /// Its type.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The category of a channel, the channel of a thread.
    pub parent_id: Option<u64>,
    /// Whether the bot sees it (VIEW_CHANNEL, CONNECT for voice, membership or MANAGE_THREADS for private threads).
    pub visible: bool,
    /// Whether the bot may read what was said before.
    pub history: bool,
    /// Whether it is an archived thread.
    pub archived: bool,
    /// Whether the bot is a member of the thread.
    pub joined: bool,
    /// How many messages it holds now.
    pub messages: usize,
}

impl World {
    pub(crate) fn members(&self, guild: usize) -> Vec<UserInfo> {
        let members = self.guilds[guild].members.iter();
        let users = members.map(|&at| &self.users[at as usize]);
        users
            .map(|user| UserInfo {
                id: user.id,
                name: user.name.clone(),
                bot: user.bot,
            })
            .collect()
    }

    pub(crate) fn room(&self, at: usize) -> ChannelInfo {
        let channel = &self.channels[at];
        let permissions = self.permissions(at);
        ChannelInfo {
            id: channel.id,
            guild_id: self.guilds[channel.guild].id,
            kind: channel.kind,
            name: channel.name.clone(),
            parent_id: channel.parent,
            visible: self.sees(at),
            history: self.sees(at)
                && permissions & VIEW_CHANNEL != 0
                && permissions & READ_MESSAGE_HISTORY != 0,
            archived: channel
                .thread
                .as_ref()
                .is_some_and(|thread| thread.archived),
            joined: channel.thread.as_ref().is_some_and(|thread| thread.joined),
            messages: channel.alive().count(),
        }
    }

    pub(crate) fn rooms(&self, threads: bool) -> Vec<ChannelInfo> {
        let here = self
            .channels
            .iter()
            .enumerate()
            .filter(|(_, c)| !c.deleted && c.kind.is_thread() == threads);
        here.map(|(at, _)| self.room(at)).collect()
    }
}
