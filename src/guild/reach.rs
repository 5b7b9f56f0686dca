//! The part of the record that a reader may see: guilds and channels. What lies outside of it is to be answered like
//! what does not exist.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Channel;
use crate::message::{ChannelId, GuildId};

/// The guilds and channels to which a reader is limited, as they were chosen. Each set narrows; an empty set does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Only these guilds.
    pub guilds: BTreeSet<GuildId>,
    /// Only these channels and threads: a channel stands for its threads too, a category for its channels and their
    /// threads.
    pub channels: BTreeSet<ChannelId>,
}

/// The guilds, channels and threads that a reader may see. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach(Option<Arc<Part>>);

#[derive(Debug, PartialEq, Eq)]
struct Part {
    /// None for all.
    guilds: Option<BTreeSet<GuildId>>,
    /// None for all of these guilds.
    channels: Option<BTreeSet<ChannelId>>,
}

impl Limits {
    /// Whether everything may be seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.guilds.is_empty() && self.channels.is_empty()
    }

    /// What may be seen of these channels and threads. Messages of a channel that is not among them can be seen only if
    /// whole guilds are chosen, or the channel itself.
    #[must_use]
    pub fn reach<'a>(&self, known: impl IntoIterator<Item = &'a Channel>) -> Reach {
        if self.is_empty() {
            return Reach::EVERYTHING;
        }
        let guilds = (!self.guilds.is_empty()).then(|| self.guilds.clone());
        let channels = (!self.channels.is_empty()).then(|| {
            let known: Vec<&Channel> = known.into_iter().collect();
            self.with_children(&known)
        });
        Reach(Some(Arc::new(Part { guilds, channels })))
    }

    fn with_children(&self, known: &[&Channel]) -> BTreeSet<ChannelId> {
        let mut channels = self.channels.clone();
        // A thread is in a channel and a channel in a category, so there are two levels below a chosen one.
        for _ in 0..2 {
            let is_in = |parent| channels.contains(&parent);
            let below = known.iter().filter(|it| it.parent_id.is_some_and(is_in));
            let below: Vec<_> = below.map(|channel| channel.id).collect();
            channels.extend(below);
        }
        channels
    }
}

impl Reach {
    /// Everything may be seen.
    pub const EVERYTHING: Self = Self(None);

    /// Whether everything may be seen.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a channel or thread of this guild, with its messages, may be seen.
    #[must_use]
    pub fn has(&self, guild: GuildId, channel: ChannelId) -> bool {
        let guilds = self.guilds();
        let channels = self.channels();
        guilds.is_none_or(|guilds| guilds.contains(&guild))
            && channels.is_none_or(|channels| channels.contains(&channel))
    }

    /// The guilds; none for all.
    #[must_use]
    pub fn guilds(&self) -> Option<&BTreeSet<GuildId>> {
        self.0.as_ref()?.guilds.as_ref()
    }

    /// The channels and threads; none for all of the guilds.
    #[must_use]
    pub fn channels(&self) -> Option<&BTreeSet<ChannelId>> {
        self.0.as_ref()?.channels.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(id: i64, guild: i64, parent: Option<i64>, channel_type: u8) -> Channel {
        Channel {
            id: id.try_into().expect("an id"),
            guild_id: guild.try_into().expect("an id"),
            parent_id: parent.map(|id| id.try_into().expect("an id")),
            channel_type,
            name: String::new(),
        }
    }

    fn limits(guilds: &[i64], channels: &[i64]) -> Limits {
        Limits {
            guilds: guilds.iter().map(|id| (*id).try_into().unwrap()).collect(),
            channels: channels
                .iter()
                .map(|id| (*id).try_into().unwrap())
                .collect(),
        }
    }

    #[test]
    fn a_category_reaches_its_channels_and_their_threads_and_nothing_else() {
        // Threads come before their channels, so one pass over the list would not find them.
        let known = [
            channel(30, 1, Some(20), 11),
            channel(20, 1, Some(10), 0),
            channel(10, 1, None, 4),
            channel(21, 1, None, 0),
            channel(31, 1, Some(21), 11),
            channel(22, 2, None, 0),
        ];
        let seen = |guilds: &[i64], channels: &[i64]| -> Vec<i64> {
            let reach = limits(guilds, channels).reach(&known);
            let seen = known.iter().filter(|it| reach.has(it.guild_id, it.id));
            let mut seen: Vec<_> = seen.map(|it| it.id.as_i64()).collect();
            seen.sort_unstable();
            seen
        };
        assert_eq!(seen(&[], &[]), [10, 20, 21, 22, 30, 31]);
        assert_eq!(seen(&[], &[10]), [10, 20, 30]);
        assert_eq!(seen(&[], &[20]), [20, 30]);
        assert_eq!(seen(&[], &[30, 21]), [21, 30, 31]);
        assert_eq!(seen(&[1], &[]), [10, 20, 21, 30, 31]);
        // Both must hold.
        assert_eq!(seen(&[2], &[10]), [] as [i64; 0]);
        assert_eq!(seen(&[2], &[22]), [22]);
        assert_eq!(seen(&[3], &[]), [] as [i64; 0]);
    }
}
