//! The addresses that are asked, with the path that the rate limiter groups them by.

use url::Url;

use crate::message::{ChannelId, GuildId, MessageId, UserId};

/// One address below `/api/v10`.
#[derive(Debug, Clone)]
pub(super) struct Route {
    /// The path, without a slash at its start.
    pub(super) path: String,
    /// The path for the rate limiter, which remembers each one it saw: ids that are no top-level
    /// resource of Discord's are left out of it, or it would grow with every message.
    pub(super) limiter_path: String,
    pub(super) query: Vec<(&'static str, String)>,
}

impl Route {
    fn plain(path: impl Into<String>) -> Self {
        let path = path.into();
        Self {
            limiter_path: path.clone(),
            path,
            query: Vec::new(),
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// The whole address; `root` is that of the API.
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
        Self::plain(format!("guilds/{guild}"))
    }

    pub(super) fn guild_channels(guild: GuildId) -> Self {
        Self::plain(format!("guilds/{guild}/channels"))
    }

    pub(super) fn active_threads(guild: GuildId) -> Self {
        Self::plain(format!("guilds/{guild}/threads/active"))
    }

    pub(super) fn member(guild: GuildId, user: UserId) -> Self {
        Self {
            limiter_path: format!("guilds/{guild}/members/id"),
            ..Self::plain(format!("guilds/{guild}/members/{user}"))
        }
    }

    pub(super) fn channel(channel: ChannelId) -> Self {
        Self::plain(format!("channels/{channel}"))
    }

    /// `list` is what comes after the channel.
    pub(super) fn archived_threads(channel: ChannelId, list: &str) -> Self {
        Self::plain(format!("channels/{channel}/{list}"))
    }

    pub(super) fn messages(channel: ChannelId) -> Self {
        Self::plain(format!("channels/{channel}/messages"))
    }

    pub(super) fn message(channel: ChannelId, message: MessageId) -> Self {
        Self {
            limiter_path: format!("channels/{channel}/messages/id"),
            ..Self::plain(format!("channels/{channel}/messages/{message}"))
        }
    }
}
