//! What an observation says about a channel: whether it exists, whether it can be read, and which ranges of its
//! messages are complete or suspect.

use chrono::{DateTime, Utc};

use super::channel::Access;
use super::coverage::GapReason;
use super::session::SessionId;
use crate::message::{ChannelId, DeletedBy, Gone, GuildId, IdRange, Life};

/// An observation of whether a channel can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessMark {
    /// The channel.
    pub channel_id: ChannelId,
    /// Whether its history can be read.
    pub access: Access,
    /// The reason as a text, if there is more to say.
    pub detail: Option<String>,
    /// The time of the observation: `access` holds since then, if it changed.
    pub since: DateTime<Utc>,
}

/// The deletion of a channel or thread, and of all messages in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelGone {
    /// The channel; its threads are deleted with it.
    pub id: ChannelId,
    /// When the channel still existed.
    pub after: DateTime<Utc>,
    /// When the deletion was noticed.
    pub before: DateTime<Utc>,
    /// When Discord was asked for the channel, if its deletion is only inferred from the answers: a later proof
    /// of life refutes it. None for a confirmed deletion, which is final.
    pub asked_at: Option<DateTime<Utc>>,
}

impl ChannelGone {
    /// Whether Discord confirmed the deletion.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.asked_at.is_none()
    }

    /// The deletion as knowledge about the channel's existence.
    pub(crate) fn life(&self) -> Life {
        let gone = |by| Gone {
            after: self.after.min(self.before),
            before: self.before,
            by,
        };
        match self.asked_at {
            None => Life::told(gone(DeletedBy::Channel)),
            Some(asked_at) => Life::absent(gone(DeletedBy::MissingChannel), asked_at),
        }
    }
}

/// A proof of life of a channel or thread, by a list or an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// The channel or thread.
    pub id: ChannelId,
    /// When; for a list, the time just before it was requested.
    pub at: DateTime<Utc>,
}

/// A suspected deletion: Discord does not know the channel any more. The deletion counts once a second look,
/// some time later and by another request, confirms it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suspicion {
    /// The channel or thread.
    pub id: ChannelId,
    /// When Discord was asked; none if the suspicion is cleared.
    pub since: Option<DateTime<Utc>>,
}

/// A range of a channel's ids that was read completely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// The channel or thread.
    pub channel_id: ChannelId,
    /// The range.
    pub range: IdRange,
    /// The gateway session at the time of the read, if there was one. If another session has begun since, the
    /// range does not count: it does not contain what happened between the sessions.
    pub session_id: Option<SessionId>,
    /// The number of a commit before the read; the read does not settle what became suspect by later commits.
    /// None for a range that the gateway delivered.
    pub asked_after: Option<i64>,
    /// The parts that could not be understood.
    pub unreadable: Vec<IdRange>,
}

/// A suspect range of a channel's ids, which is to be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doubt {
    /// The channel or thread.
    pub channel_id: ChannelId,
    /// The range.
    pub range: IdRange,
    /// Since when edits and deletes of the range may be missing, if they may.
    pub stale_since: Option<DateTime<Utc>>,
}

/// Live events may have been missed up to now: a permission was changed, or a guild was unavailable. What came
/// before counts as far as it was complete; from now on live coverage begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interrupted {
    /// The channels concerned.
    pub place: Place,
    /// Live coverage begins anew at this time.
    pub until: DateTime<Utc>,
    /// The reason of the gap.
    pub reason: GapReason,
    /// Since when edits and deletes of older messages may have been missed too, if they may.
    pub stale_since: Option<DateTime<Utc>>,
}

/// The channels whose live events were interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// All collected channels.
    Everywhere,
    /// The channels of a guild.
    Guild(GuildId),
    /// A channel and its threads.
    Channel(ChannelId),
}
