//! Where the guilds are that are collected.

use std::collections::HashMap;

use crate::message::GuildId;

/// Where a guild is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The session has announced it, and did not tell of it yet.
    Announced,
    There,
    Away,
    WithoutTheBot,
}

/// The guilds that are collected, as far as sessions have told of them.
#[derive(Debug, Default)]
pub(super) struct Guilds(pub(super) HashMap<GuildId, Place>);
