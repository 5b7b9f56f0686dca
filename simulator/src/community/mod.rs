//! The seeded generator: it makes a community that looks lived in.
//! Structure first (guilds, roles, people, channels, threads), then the times of all messages, then one ascending id
//! for each; what a message says and who reacted to it is not made here but when it is rendered (`shape`, `popularity`).

pub(crate) mod history;
pub(crate) mod popularity;
pub(crate) mod rhythm;
pub(crate) mod shape;
pub(crate) mod structure;
pub(crate) mod text;
pub(crate) mod traffic;

use chrono::Utc;

use crate::config::Config;
use crate::world::World;

/// The world that a config asks for.
pub(crate) fn generate(config: &Config) -> World {
    let anchor = config.community.anchor.unwrap_or_else(Utc::now);
    let mut world = structure::build(config, anchor);
    history::fill(&mut world, &config.community, anchor);
    world
}
