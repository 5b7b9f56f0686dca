//! Guilds, channels and threads as Discord shows them, and whether their history can be read.

use chrono::{DateTime, Utc};

use super::session::SessionMark;
use crate::message::{ChannelId, Gone, GuildId, Life, snowflake_at};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
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
    /// The name in the record and in answers.
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
