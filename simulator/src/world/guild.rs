//! Guilds and their roles.
//! A guild can be here, in an outage (`unavailable`) or left (the bot was removed).

use super::{Emoji, World};

/// A role; the one with the guild's id is `@everyone`.
#[derive(Clone, Debug)]
pub(crate) struct Role {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) permissions: u64,
    pub(crate) managed: bool,
}

/// Whether the bot can reach a guild.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Here,
    Unavailable,
    Left,
}

/// A guild.
#[derive(Clone, Debug)]
pub(crate) struct Guild {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) owner: u32,
    pub(crate) roles: Vec<Role>,
    /// The roles of the bot, without `@everyone`.
    pub(crate) bot_roles: Vec<u64>,
    /// Positions in `World::users`: the bot, people and other bots; webhooks apart.
    pub(crate) members: Vec<u32>,
    pub(crate) webhooks: Vec<u32>,
    pub(crate) joined_ms: u64,
    pub(crate) presence: Presence,
}

impl World {
    /// A guild's own emojis, a little older than itself.
    pub(crate) fn emojis(&self, guild: usize) -> [Emoji; 3] {
        let id = |at: u64| self.guilds[guild].id - (at << 22);
        [
            Emoji::custom(id(1), "plus_one"),
            Emoji::custom(id(2), "blob_party").animated(),
            Emoji::custom(id(3), "thinking_hard"),
        ]
    }
}
