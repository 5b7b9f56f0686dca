//! What happens to the bot's permissions.
//! Gaining sight of channels brings THREAD_LIST_SYNC; losing it brings nothing but the role's or channel's update.

use super::Event;
use crate::error::Error;
use crate::payload::json::{Json, map};
use crate::world::permission::Overwrite;
use crate::world::{BOT, Presence, World};

/// A change of who may do what.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum PermissionChange {
    /// A role's permissions (the role `@everyone` has the guild's id): GUILD_ROLE_UPDATE.
    Role {
        /// The guild.
        guild_id: u64,
        /// The role.
        role_id: u64,
        /// The new permission bits.
        permissions: u64,
    },
    /// The bot's own overwrite in a channel: CHANNEL_UPDATE.
    Bot {
        /// The channel.
        channel_id: u64,
        /// Bits granted.
        allow: u64,
        /// Bits taken.
        deny: u64,
    },
    /// A role's overwrite in a channel: CHANNEL_UPDATE.
    Overwrite {
        /// The channel.
        channel_id: u64,
        /// The role.
        role_id: u64,
        /// Bits granted.
        allow: u64,
        /// Bits taken.
        deny: u64,
    },
    /// The bot's roles in a guild: GUILD_MEMBER_UPDATE.
    BotRoles {
        /// The guild.
        guild_id: u64,
        /// All its roles but `@everyone`.
        roles: Vec<u64>,
    },
}

impl World {
    pub(crate) fn set_permission(&mut self, change: PermissionChange) -> Result<Vec<Event>, Error> {
        let guild = match &change {
            PermissionChange::Role { guild_id, .. }
            | PermissionChange::BotRoles { guild_id, .. } => self.guild_at(*guild_id)?,
            PermissionChange::Bot { channel_id, .. }
            | PermissionChange::Overwrite { channel_id, .. } => {
                self.channels[self.channel_at(*channel_id)?].guild
            }
        };
        let before = self.seen(guild);
        let hidden = self.hidden(guild);
        let mut events = self.apply(guild, change)?;
        if self.guilds[guild].presence != Presence::Here {
            return Ok(Vec::new());
        }
        // A channel that is hidden now or no longer is told anew, unless its own change has told it.
        let told: Vec<u64> = events.iter().filter_map(|event| event.channel).collect();
        for (at, was_hidden) in hidden {
            if self.hides(at) != was_hidden && !told.contains(&self.channels[at].id) {
                events.extend(self.guild_event(at, "CHANNEL_UPDATE"));
            }
        }
        let gained: Vec<usize> = self
            .seen(guild)
            .into_iter()
            .filter(|at| !before.contains(at))
            .collect();
        if !gained.is_empty() {
            events.push(self.thread_list_sync(guild, &gained));
        }
        Ok(events)
    }

    fn apply(&mut self, guild: usize, change: PermissionChange) -> Result<Vec<Event>, Error> {
        let (channel_id, overwrite) = match change {
            PermissionChange::Role {
                role_id,
                permissions,
                ..
            } => {
                let roles = &mut self.guilds[guild].roles;
                let at = roles
                    .iter()
                    .position(|role| role.id == role_id)
                    .ok_or(Error::UnknownRole(role_id))?;
                roles[at].permissions = permissions;
                let here = &self.guilds[guild];
                let d = map! { "guild_id" => Json::id(here.id), "role" => self.role_json(&here.roles[at], at) };
                return Ok(vec![Event::guild("GUILD_ROLE_UPDATE", &d)]);
            }
            PermissionChange::BotRoles { roles, .. } => {
                self.guilds[guild].bot_roles = roles;
                let mut d = self.full_member_json(&self.guilds[guild], BOT);
                d.set("guild_id", Json::id(self.guilds[guild].id));
                let mut event = Event::guild("GUILD_MEMBER_UPDATE", &d);
                // A bot always hears of its own membership.
                event.intent = 0;
                return Ok(vec![event]);
            }
            PermissionChange::Bot {
                channel_id,
                allow,
                deny,
            } => (
                channel_id,
                Overwrite {
                    id: self.bot().id,
                    member: true,
                    allow,
                    deny,
                },
            ),
            PermissionChange::Overwrite {
                channel_id,
                role_id,
                allow,
                deny,
            } => (
                channel_id,
                Overwrite {
                    id: role_id,
                    member: false,
                    allow,
                    deny,
                },
            ),
        };
        let at = self.channel_at(channel_id)?;
        let overwrites = &mut self.channels[at].overwrites;
        overwrites.retain(|old| old.id != overwrite.id);
        if overwrite.allow | overwrite.deny != 0 {
            overwrites.push(overwrite);
        }
        Ok(self.guild_event(at, "CHANNEL_UPDATE"))
    }

    /// The channels of a guild, and whether each is hidden from the bot.
    fn hidden(&self, guild: usize) -> Vec<(usize, bool)> {
        let channels = self
            .channels_of(guild)
            .filter(|(_, channel)| channel.thread.is_none());
        channels.map(|(at, _)| (at, self.hides(at))).collect()
    }

    fn seen(&self, guild: usize) -> Vec<usize> {
        let parents = self
            .channels_of(guild)
            .filter(|(_, channel)| channel.thread.is_none());
        parents
            .map(|(at, _)| at)
            .filter(|&at| self.sees(at))
            .collect()
    }

    fn thread_list_sync(&self, guild: usize, gained: &[usize]) -> Event {
        let ids: Vec<u64> = gained.iter().map(|&at| self.channels[at].id).collect();
        let under = |at: &usize| {
            self.channels[*at]
                .parent
                .is_some_and(|parent| ids.contains(&parent))
        };
        let threads: Vec<usize> = self
            .channels_of(guild)
            .map(|(at, _)| at)
            .filter(under)
            .filter(|&at| self.active_thread(at) && self.sees(at))
            .collect();
        let d = map! {
            "guild_id" => Json::id(self.guilds[guild].id),
            "channel_ids" => ids.iter().copied().map(Json::id).collect::<Vec<_>>(),
            "threads" => threads.iter().map(|&at| self.channel_json(at)).collect::<Vec<_>>(),
            "members" => threads.iter().filter_map(|&at| self.thread_member(at)).collect::<Vec<_>>(),
        };
        Event::guild("THREAD_LIST_SYNC", &d)
    }
}
