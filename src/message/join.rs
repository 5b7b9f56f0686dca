//! The merge law. What is known of a message is a point in a lattice: the greatest whole payload of
//! each edit, the latest value of each patched field, and what is known of its end. Two points join
//! part by part, each part by taking the greater of a total order, so the join is commutative,
//! associative and idempotent: order, repeats and overlapping sources of events can't matter.

use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::body::Body;
use super::payload::Version;
use super::versions::Versions;
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
    /// The whole payloads seen: the message as it is, and as it was before its edits.
    pub versions: Versions,
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

/// Evidence that a message is gone: it was deleted between two times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone {
    /// It was still there at this time.
    pub after: DateTime<Utc>,
    /// It was noticed at this time, so it was deleted by then.
    pub before: DateTime<Utc>,
    /// How it was noticed.
    pub by: DeletedBy,
}

impl Gone {
    /// The evidence that counts: the earliest notice, and of two at one time the one that saw the
    /// message last.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        let rank = |gone: &Self| (gone.before, gone.by, Reverse(gone.after));
        if rank(&other) < rank(&self) {
            other
        } else {
            self
        }
    }
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
            versions: Versions::default(),
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
            // One message has one place, and its row is looked for there.
            guild_id: self.guild_id.min(other.guild_id),
            channel_id: self.channel_id.min(other.channel_id),
            versions: self.versions.join(other.versions),
            patch: self.patch.join(other.patch),
            gone: either(self.gone, other.gone, Gone::join),
        }
    }

    /// The message as it is shown; none while no whole payload was seen.
    #[must_use]
    pub fn visible(&self) -> Option<Visible<'_>> {
        let version = self.versions.current()?;
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
