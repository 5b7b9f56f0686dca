//! The URLs of the requests, with the path by which the rate limiter groups them.

use std::fmt;

use url::Url;

use crate::guild::Place;
use crate::message::{ChannelId, GuildId, MessageId, UserId};

/// A URL below `/api/v10`.
#[derive(Debug, Clone)]
pub(super) struct Route {
    /// The path, without a slash at its start.
    pub(super) path: String,
    /// The path for the rate limiter, which remembers each path that it sees: ids that are not top-level
    /// resources of Discord are left out, because the limiter would grow with every message.
    pub(super) limiter_path: String,
    pub(super) query: Vec<(&'static str, String)>,
    /// The place whose permissions decide whether the request is answered, if it can be refused.
    pub(super) place: Option<Place>,
    /// Whether the request is about a single message or channel, and not about its contents.
    pub(super) is_about_one: bool,
}

impl Route {
    fn plain(path: impl Into<String>) -> Self {
        let path = path.into();
        Self {
            limiter_path: path.clone(),
            path,
            query: Vec::new(),
            place: None,
            is_about_one: false,
        }
    }

    fn of_guild(guild: GuildId, rest: &str) -> Self {
        Self {
            place: Some(Place::Guild(guild)),
            ..Self::plain(format!("guilds/{guild}{rest}"))
        }
    }

    fn of_channel(channel: ChannelId, rest: &str) -> Self {
        Self {
            place: Some(Place::Channel(channel)),
            ..Self::plain(format!("channels/{channel}{rest}"))
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: &dyn fmt::Display) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// The whole URL; `root` is that of the API.
    pub(super) fn url(&self, root: &Url) -> Url {
        let mut url = root.clone();
        url.set_path(&format!("{}/{}", root.path(), self.path));
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        url
    }

    pub(super) fn gateway_bot() -> Self {
        Self::plain("gateway/bot")
    }

    pub(super) fn me() -> Self {
        Self::plain("users/@me")
    }

    pub(super) fn application() -> Self {
        Self::plain("applications/@me")
    }

    pub(super) fn guild(guild: GuildId) -> Self {
        Self::of_guild(guild, "")
    }

    pub(super) fn guild_channels(guild: GuildId) -> Self {
        Self::of_guild(guild, "/channels")
    }

    pub(super) fn active_threads(guild: GuildId) -> Self {
        Self::of_guild(guild, "/threads/active")
    }

    pub(super) fn member(guild: GuildId, user: UserId) -> Self {
        Self {
            limiter_path: format!("guilds/{guild}/members/id"),
            ..Self::of_guild(guild, &format!("/members/{user}"))
        }
    }

    pub(super) fn channel(channel: ChannelId) -> Self {
        Self {
            is_about_one: true,
            ..Self::of_channel(channel, "")
        }
    }

    pub(super) fn archived_threads(channel: ChannelId, kind: ArchivedKind) -> Self {
        Self::of_channel(channel, &format!("/{}", kind.path()))
    }

    pub(super) fn messages(channel: ChannelId) -> Self {
        Self::of_channel(channel, "/messages")
    }

    pub(super) fn message(channel: ChannelId, message: MessageId) -> Self {
        Self {
            limiter_path: format!("channels/{channel}/messages/id"),
            is_about_one: true,
            ..Self::of_channel(channel, &format!("/messages/{message}"))
        }
    }
}

/// The lists of a channel's archived threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArchivedKind {
    /// The public threads (in an announcement channel, the announcement threads).
    Public,
    /// All private threads; needs MANAGE_THREADS.
    Private,
    /// The private threads that the bot has joined.
    JoinedPrivate,
}

impl ArchivedKind {
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Public => "threads/archived/public",
            Self::Private => "threads/archived/private",
            Self::JoinedPrivate => "users/@me/threads/archived/private",
        }
    }
}
