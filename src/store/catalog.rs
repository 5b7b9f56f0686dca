//! Guilds, channels and threads: what was seen of them, whether their history can be read, and
//! which ranges of their ids are known complete.

use chrono::{DateTime, Utc};

use super::{GapReason, SessionId, SessionMark};
use crate::message::{ChannelId, DeletedBy, Gone, GuildId, IdSpan, Life, snowflake_at};

/// A guild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guild {
    /// The guild.
    pub id: GuildId,
    /// Its name.
    pub name: String,
}

/// A channel or a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// The channel.
    pub id: ChannelId,
    /// The guild it belongs to.
    pub guild_id: GuildId,
    /// A thread's channel; a channel's category.
    pub parent_id: Option<ChannelId>,
    /// Discord's channel type: 0 text, 5 announcement, 10 to 12 threads, 15 forum, …
    pub channel_type: u8,
    /// Its name.
    pub name: String,
}

impl Channel {
    /// Whether it is a thread: Discord's types 10, 11 and 12.
    #[must_use]
    pub fn is_thread(&self) -> bool {
        matches!(self.channel_type, 10..=12)
    }
}

/// Whether a channel's history can be read, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Not looked at yet.
    Unknown,
    /// VIEW_CHANNEL and READ_MESSAGE_HISTORY are granted.
    Readable,
    /// VIEW_CHANNEL (for voice: CONNECT) is missing, or Discord answered 403.
    Forbidden,
    /// READ_MESSAGE_HISTORY is missing: Discord answers an empty list, which is no empty channel.
    NoHistory,
    /// Discord answered 404: deleted, or never there.
    Missing,
    /// Discord's answers made no sense; what they were is in the detail.
    Faulty,
}

impl Access {
    const NAMES: [(Self, &'static str); 6] = [
        (Self::Unknown, "unknown"),
        (Self::Readable, "readable"),
        (Self::Forbidden, "forbidden"),
        (Self::NoHistory, "no_history"),
        (Self::Missing, "missing"),
        (Self::Faulty, "faulty"),
    ];

    /// The name in the record and in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(access, _)| *access == self)
            .map_or("unknown", |(_, name)| name)
    }

    pub(super) fn from_name(name: &str) -> Self {
        Self::NAMES
            .iter()
            .find(|(_, known)| *known == name)
            .map_or(Self::Unknown, |(access, _)| *access)
    }
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
    pub(super) fn life(&self) -> Life {
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

/// A channel as the record knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownChannel {
    /// The channel.
    pub channel: Channel,
    /// Whether it still exists, and how that is known.
    pub life: Life,
    /// Since when Discord does not know it, while that is not believed yet.
    pub suspected_since: Option<DateTime<Utc>>,
    /// Whether its history can be read.
    pub access: Access,
    /// The reason in words.
    pub access_detail: Option<String>,
    /// When `access` became what it is.
    pub access_since: Option<DateTime<Utc>>,
    /// Since when it may not have been heard: an event told that rights changed, and nobody has
    /// looked at them since.
    pub unheard_since: Option<DateTime<Utc>>,
}

impl KnownChannel {
    /// How it went, if it did.
    #[must_use]
    pub fn gone(&self) -> Option<Gone> {
        self.life.gone()
    }

    /// Whether somebody saw under this session that the channel can be read, and no event since
    /// made that doubtful.
    #[must_use]
    pub fn is_heard_by(&self, session: &SessionMark) -> bool {
        let is_looked_at = |since| since >= session.live_low;
        self.unheard_since.is_none() && self.live_since().is_some_and(is_looked_at)
    }

    /// The first id that the socket tells of, as far as its session goes; none if the channel can't
    /// be read.
    #[must_use]
    pub fn live_since(&self) -> Option<i64> {
        let is_heard = self.access == Access::Readable && self.gone().is_none();
        self.access_since.filter(|_| is_heard).map(snowflake_at)
    }
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
