//! Where the guilds are that are collected.

use std::collections::HashMap;

use crate::message::GuildId;

/// The availability of a guild.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The session has announced the guild but not sent it yet.
    Announced,
    There,
    Away,
    WithoutTheBot,
}

/// The archived guilds, as far as sessions have reported them.
#[derive(Debug, Default)]
pub(super) struct Guilds(pub(super) HashMap<GuildId, Place>);
