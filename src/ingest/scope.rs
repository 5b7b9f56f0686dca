//! Decides which messages are archived: those of the selected guilds and channels. A selected channel includes
//! everything below it: its threads, the posts of a forum, the channels of a category.

use std::collections::{HashMap, HashSet};

use parking_lot::RwLock;

use crate::guild::Place;
use crate::message::{ChannelId, GuildId};

/// How many levels up a channel is searched among the selected ones: thread, channel, category.
const DEPTH: usize = 3;

/// The selected guilds and channels, and the known parents of channels.
#[derive(Debug, Default)]
pub struct Scope {
    guilds: HashSet<GuildId>,
    channels: HashSet<ChannelId>,
    places: RwLock<Places>,
}

/// The known parents of channels.
#[derive(Debug, Default)]
struct Places {
    known: HashMap<ChannelId, (GuildId, Option<ChannelId>)>,
    /// The channels that Discord has sent since the process started.
    told: HashSet<ChannelId>,
}

impl Scope {
    /// Selects these guilds (none: every guild with a selected channel), and of them these channels (none:
    /// all).
    #[must_use]
    pub fn new(guilds: &[GuildId], channels: &[ChannelId]) -> Self {
        Self {
            guilds: guilds.iter().copied().collect(),
            channels: channels.iter().copied().collect(),
            places: RwLock::default(),
        }
    }

    /// The selected guilds.
    pub fn guilds(&self) -> impl Iterator<Item = GuildId> {
        self.guilds.iter().copied()
    }

    /// The selected channels.
    pub fn channels(&self) -> impl Iterator<Item = ChannelId> {
        self.channels.iter().copied()
    }

    /// Records the parent of a channel as it was last seen in an earlier run.
    pub fn remember(&self, guild: GuildId, channel: ChannelId, parent: Option<ChannelId>) {
        let mut places = self.places.write();
        places.known.entry(channel).or_insert((guild, parent));
    }

    /// Records the parent of a channel; returns whether Discord sent the channel for the first time since the
    /// process started.
    pub fn learn(&self, guild: GuildId, channel: ChannelId, parent: Option<ChannelId>) -> bool {
        let mut places = self.places.write();
        places.known.insert(channel, (guild, parent));
        places.told.insert(channel)
    }

    /// The guild of a known channel.
    #[must_use]
    pub fn guild_of(&self, channel: ChannelId) -> Option<GuildId> {
        let places = self.places.read();
        places.known.get(&channel).map(|(guild, _)| *guild)
    }

    /// Whether a guild or channel is `place` or is contained in it. An unknown channel can be in every guild.
    #[must_use]
    pub fn is_within(&self, what: Place, place: Place) -> bool {
        let of = |channel| {
            let places = self.places.read();
            places.known.get(&channel).copied()
        };
        match (what, place) {
            (_, Place::Everywhere) => true,
            (Place::Channel(channel), Place::Guild(guild)) => {
                of(channel).is_none_or(|(its, _)| its == guild)
            }
            (Place::Channel(channel), Place::Channel(parent)) => {
                channel == parent || of(channel).is_some_and(|(_, its)| its == Some(parent))
            }
            (what, place) => what == place,
        }
    }

    /// Whether the guild can contain anything that is selected.
    #[must_use]
    pub fn takes_guild(&self, guild: GuildId) -> bool {
        self.guilds.is_empty() || self.guilds.contains(&guild)
    }

    /// Whether the messages of a channel are archived; none if the channel has to be looked up first.
    #[must_use]
    pub fn takes(&self, guild: GuildId, channel: ChannelId) -> Option<bool> {
        if !self.takes_guild(guild) {
            return Some(false);
        }
        self.takes_channel(channel)
    }

    /// The same for a channel of a selected guild.
    #[must_use]
    pub fn takes_channel(&self, channel: ChannelId) -> Option<bool> {
        if self.channels.is_empty() {
            return Some(true);
        }
        let places = self.places.read();
        let mut place = channel;
        for _ in 0..DEPTH {
            if self.channels.contains(&place) {
                return Some(true);
            }
            match places.known.get(&place) {
                Some((_, Some(parent))) => place = *parent,
                Some((_, None)) => return Some(false),
                None => return None,
            }
        }
        Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id<T: TryFrom<u64>>(id: u64) -> T
    where
        T::Error: std::fmt::Debug,
    {
        id.try_into().unwrap()
    }

    #[test]
    fn what_stands_below_a_chosen_channel_belongs_to_it() {
        let scope = Scope::new(&[id(1)], &[id(10)]);
        assert_eq!(scope.takes(id(1), id(10)), Some(true));
        assert_eq!(scope.takes(id(2), id(10)), Some(false), "another guild");
        assert_eq!(scope.takes(id(1), id(11)), None, "unknown: to be looked up");
        scope.learn(id(1), id(11), Some(id(10)));
        assert_eq!(scope.takes(id(1), id(11)), Some(true), "a thread");
        scope.learn(id(1), id(12), None);
        assert_eq!(scope.takes(id(1), id(12)), Some(false));
        assert_eq!(Scope::new(&[id(1)], &[]).takes(id(1), id(99)), Some(true));
    }

    #[test]
    fn a_thread_stands_in_its_channel_and_both_in_their_guild() {
        let scope = Scope::default();
        scope.learn(id(1), id(10), None);
        scope.learn(id(1), id(11), Some(id(10)));
        let (guild, other) = (Place::Guild(id(1)), Place::Guild(id(2)));
        let (channel, thread) = (Place::Channel(id(10)), Place::Channel(id(11)));
        assert!(scope.is_within(thread, channel) && scope.is_within(thread, guild));
        assert!(!scope.is_within(channel, thread) && !scope.is_within(channel, other));
        assert!(scope.is_within(guild, guild) && !scope.is_within(guild, channel));
        assert!(scope.is_within(Place::Channel(id(99)), other), "unknown");
        assert!(scope.is_within(other, Place::Everywhere));
    }
}
