//! What an observation says of a channel: whether it is there, whether it can be read, and which ranges of its messages
//! are complete or in doubt.

use chrono::{DateTime, Utc};

use super::channel::Access;
use super::coverage::GapReason;
use super::session::SessionId;
use crate::message::{ChannelId, DeletedBy, Gone, GuildId, IdSpan, Life};

/// The news of whether a channel can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessMark {
    /// The channel.
    pub channel_id: ChannelId,
    /// Whether its history can be read.
    pub access: Access,
    /// The reason in words, where there is more to say.
    pub detail: Option<String>,
    /// Since when, if that is news.
    pub since: DateTime<Utc>,
}

/// The news that a channel or thread was deleted, and with it all that stood in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelGone {
    /// The channel; its threads go with it.
    pub id: ChannelId,
    /// When it was still there.
    pub after: DateTime<Utc>,
    /// When it was noticed.
    pub before: DateTime<Utc>,
    /// When Discord was asked for it, where that it is gone is only inferred from the answers: a later sign of life
    /// refutes it. None where Discord said so, which is final.
    pub asked_at: Option<DateTime<Utc>>,
}

impl ChannelGone {
    /// Whether Discord said so.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.asked_at.is_none()
    }

    /// As what is known of the channel's existence.
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

/// The news that a channel or thread was there: a list or an event showed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// The channel or thread.
    pub id: ChannelId,
    /// When; of a list the time before it was asked for.
    pub at: DateTime<Utc>,
}

/// The news that Discord does not know a channel any more. It is believed once a second look, some time later and
/// by another way, says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suspicion {
    /// The channel or thread.
    pub id: ChannelId,
    /// When Discord was asked; none if the suspicion has gone.
    pub since: Option<DateTime<Utc>>,
}

/// A range of a channel's ids that was read completely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// The channel or thread.
    pub channel_id: ChannelId,
    /// The range.
    pub span: IdSpan,
    /// The socket's session at the time of reading, if there was one. If another has begun since,
    /// the reading says nothing: what happened between is not in it.
    pub session_id: Option<SessionId>,
    /// The number of a commit before the reading; of what became doubtful since, it says nothing.
    /// None for what the socket told.
    pub asked_after: Option<i64>,
    /// What of it could not be understood.
    pub unreadable: Vec<IdSpan>,
}

/// A range of a channel's ids that is to be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doubt {
    /// The channel or thread.
    pub channel_id: ChannelId,
    /// The range.
    pub span: IdSpan,
    /// Since when edits and deletes there may be missing, if they may.
    pub stale_since: Option<DateTime<Utc>>,
}

/// The news that live events may have been missed up to now: a right was changed, a guild was
/// away. What came before counts as far as it was complete; from now on it is live anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interrupted {
    /// Where.
    pub place: Place,
    /// Live anew from this time on.
    pub until: DateTime<Utc>,
    /// Why.
    pub reason: GapReason,
    /// Since when edits and deletes of older messages may have been missed too, if they may.
    pub stale_since: Option<DateTime<Utc>>,
}

/// Whose live events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// All that are collected.
    Everywhere,
    /// Those of a guild.
    Guild(GuildId),
    /// Those of a channel and its threads.
    Channel(ChannelId),
}
