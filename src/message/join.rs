//! The merge law. What is known of a message is a point in a lattice: the greatest whole payload,
//! the latest value of each patched field, and whether it is gone. Two points join part by part,
//! each part by taking the greater of a total order, so the join is commutative, associative and
//! idempotent: order, repeats and overlapping sources of events can't matter.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::body::Body;
use super::payload::Version;
use super::{ChannelId, GuildId, MessageId, Patch};

/// What is known of one message. An event is the same thing with one part filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The message.
    pub id: MessageId,
    /// The guild it belongs to.
    pub guild_id: GuildId,
    /// The channel or thread it stands in.
    pub channel_id: ChannelId,
    /// The greatest whole payload seen, if any was.
    pub whole: Option<Version>,
    /// What partial updates said.
    pub patch: Patch,
    /// That it no longer exists on Discord, and how that is known.
    pub gone: Option<Gone>,
}

/// How the end of a message became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeletedBy {
    /// MESSAGE_DELETE.
    Gateway,
    /// MESSAGE_DELETE_BULK: a moderator's purge.
    Bulk,
    /// Its channel, thread or parent channel was deleted.
    Channel,
    /// Two complete reads of exactly its range of history did not show it.
    Rescan,
}

impl DeletedBy {
    const NAMES: [(Self, &'static str); 4] = [
        (Self::Gateway, "gateway"),
        (Self::Bulk, "bulk"),
        (Self::Channel, "channel"),
        (Self::Rescan, "rescan"),
    ];

    /// The name in the record and in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(by, _)| *by == self)
            .map_or("", |(_, name)| name)
    }
}

impl fmt::Display for DeletedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DeletedBy {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::NAMES
            .iter()
            .find(|(_, name)| *name == text)
            .map(|(by, _)| *by)
            .ok_or(())
    }
}

/// Evidence that a message is gone. The earliest notice stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gone {
    /// When it was noticed: it was deleted at this time or before.
    pub noticed_at: DateTime<Utc>,
    /// How it was noticed.
    pub by: DeletedBy,
}

/// A message as it is shown: what the joined parts say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visible<'a> {
    /// The columns.
    pub body: Body,
    /// The winning payload.
    pub version: &'a Version,
}

impl Message {
    /// A message of which nothing is known but its place.
    #[must_use]
    pub fn unknown(id: MessageId, guild_id: GuildId, channel_id: ChannelId) -> Self {
        Self {
            id,
            guild_id,
            channel_id,
            whole: None,
            patch: Patch::default(),
            gone: None,
        }
    }

    /// The news that a message is gone.
    #[must_use]
    pub fn gone(id: MessageId, guild_id: GuildId, channel_id: ChannelId, gone: Gone) -> Self {
        Self {
            gone: Some(gone),
            ..Self::unknown(id, guild_id, channel_id)
        }
    }

    /// What two pieces of knowledge about one message say together.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        debug_assert_eq!(self.id, other.id, "only one message's events join");
        Self {
            id: self.id,
            // One message has one place; should a source ever say otherwise, both orders agree.
            guild_id: self.guild_id.min(other.guild_id),
            channel_id: self.channel_id.min(other.channel_id),
            whole: either(self.whole, other.whole, Version::max),
            patch: self.patch.join(other.patch),
            gone: either(self.gone, other.gone, Gone::min),
        }
    }

    /// The message as it is shown; none while no whole payload was seen.
    #[must_use]
    pub fn visible(&self) -> Option<Visible<'_>> {
        let version = self.whole.as_ref()?;
        let mut body = version.body.clone();
        self.patch.lay_over(&mut body);
        Some(Visible { body, version })
    }
}

fn either<T>(one: Option<T>, other: Option<T>, join: impl FnOnce(T, T) -> T) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(join(one, other)),
        (one, other) => one.or(other),
    }
}
