//! Guilds, channels and threads as Discord shows them, and whether their history can be read.

use chrono::{DateTime, Utc};

use super::session::SessionMark;
use crate::message::{ChannelId, Gone, GuildId, Life, snowflake_at};

/// A guild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guild {
    /// The guild's id.
    pub id: GuildId,
    /// The guild's name.
    pub name: String,
}

/// A channel or a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// The channel's id.
    pub id: ChannelId,
    /// The guild of the channel.
    pub guild_id: GuildId,
    /// Of a thread, its channel; of a channel, its category.
    pub parent_id: Option<ChannelId>,
    /// Discord's channel type: 0 text, 5 announcement, 10 to 12 threads, 15 forum, …
    pub channel_type: u8,
    /// The channel's name.
    pub name: String,
}

impl Channel {
    /// Whether this is a thread: Discord's types 10, 11 and 12.
    #[must_use]
    pub fn is_thread(&self) -> bool {
        matches!(self.channel_type, 10..=12)
    }
}

/// Whether a channel's history can be read, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum Access {
    /// Not checked yet.
    Unknown,
    /// VIEW_CHANNEL and READ_MESSAGE_HISTORY are granted.
    Readable,
    /// VIEW_CHANNEL (for voice: CONNECT) is missing, or Discord answered 403.
    Forbidden,
    /// READ_MESSAGE_HISTORY is missing: Discord answers with an empty list, which does not mean an empty
    /// channel.
    NoHistory,
    /// Discord answered 404: the channel was deleted, or never existed.
    Missing,
    /// Discord's answers are invalid; the detail describes them.
    Faulty,
}

impl Access {
    /// The name in the record and in API responses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A channel as the record knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownChannel {
    /// The channel.
    pub channel: Channel,
    /// Whether the channel exists, and how that is known.
    pub life: Life,
    /// Suspected deletion: since when Discord does not know the channel, while that is not confirmed yet.
    pub suspected_since: Option<DateTime<Utc>>,
    /// Whether the channel's history can be read.
    pub access: Access,
    /// The reason as a text.
    pub access_detail: Option<String>,
    /// Since when `access` has its present value.
    pub access_since: Option<DateTime<Utc>>,
    /// Since when events of the channel may have been missed: an event changed permissions, and they have not
    /// been checked since.
    pub unheard_since: Option<DateTime<Utc>>,
}

impl KnownChannel {
    /// The channel's deletion, if it is deleted or missing.
    #[must_use]
    pub fn gone(&self) -> Option<Gone> {
        self.life.gone()
    }

    /// Whether the channel's permissions were checked during this session, and no event has made that check
    /// doubtful since.
    #[must_use]
    pub fn is_heard_by(&self, session: &SessionMark) -> bool {
        let is_looked_at = |since| since >= session.live_low;
        self.unheard_since.is_none() && self.live_since().is_some_and(is_looked_at)
    }

    /// The first id that the gateway session covers in this channel; none if the channel can't be read.
    #[must_use]
    pub fn live_since(&self) -> Option<i64> {
        let is_heard = self.access == Access::Readable && self.gone().is_none();
        self.access_since.filter(|_| is_heard).map(snowflake_at)
    }
}
