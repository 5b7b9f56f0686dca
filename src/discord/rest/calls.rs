//! The requests about the bot, a guild and its channels. Each takes this crate's ids and returns its structs.
//! An item of a list that can't be parsed is counted and left out, and the others are returned.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tracing::warn;

use super::client::Rest;
use super::error::RestError;
use super::model::{
    Application, ChannelInfo, CurrentUser, GatewayInfo, GuildInfo, Listed, Member, RoleId,
    ThreadList, readable,
};
use super::route::Route;
use crate::message::{ChannelId, GuildId, UserId};

impl Rest {
    /// The address of the gateway. Its host is used as Discord sends it.
    ///
    /// # Errors
    /// As for every request: see [`RestError`].
    pub async fn gateway_bot(&self) -> Result<GatewayInfo, RestError> {
        self.json(Route::gateway_bot()).await
    }

    /// The bot's user.
    ///
    /// # Errors
    /// As for every request: see [`RestError`].
    pub async fn me(&self) -> Result<CurrentUser, RestError> {
        self.json(Route::me()).await
    }

    /// The bot's application, with its granted intents.
    ///
    /// # Errors
    /// As for every request: see [`RestError`].
    pub async fn application(&self) -> Result<Application, RestError> {
        self.json(Route::application()).await
    }

    /// A guild with its roles.
    ///
    /// # Errors
    /// As for every request: see [`RestError`].
    pub async fn guild(&self, guild: GuildId) -> Result<GuildInfo, RestError> {
        self.json(Route::guild(guild)).await
    }

    /// The channels of a guild, without threads, but including channels that the bot can't see.
    ///
    /// # Errors
    /// As for every request: see [`RestError`].
    pub async fn guild_channels(&self, guild: GuildId) -> Result<Listed, RestError> {
        let items: Vec<Box<RawValue>> = self.json(Route::guild_channels(guild)).await?;
        let (channels, odd) = readable(&items);
        self.note_odd("channels", odd);
        Ok(Listed { channels, odd })
    }

    /// The threads of a guild that are not archived and that the bot can see.
    ///
    /// # Errors
    /// As for every request: see [`RestError`].
    pub async fn active_threads(&self, guild: GuildId) -> Result<Listed, RestError> {
        let list: ThreadList = self.json(Route::active_threads(guild)).await?;
        Ok(self.threads(&list))
    }

    /// The roles of a member of a guild, without @everyone.
    ///
    /// # Errors
    /// As for every request: see [`RestError`].
    pub async fn member(&self, guild: GuildId, user: UserId) -> Result<Vec<RoleId>, RestError> {
        let member: Member = self.json(Route::member(guild, user)).await?;
        Ok(member.roles)
    }

    /// A channel or thread.
    ///
    /// # Errors
    /// As for every request: see [`RestError`].
    pub async fn channel(&self, channel: ChannelId) -> Result<ChannelInfo, RestError> {
        self.json(Route::channel(channel)).await
    }

    async fn json<T: DeserializeOwned>(&self, route: Route) -> Result<T, RestError> {
        self.ask(route, |body, _| serde_json::from_slice(body))
            .await
    }

    pub(super) fn note_odd(&self, what: &'static str, odd: usize) {
        if odd > 0 {
            self.shared.stats.skipped_items.add(odd as u64);
            warn!(
                what,
                odd, "a list of Discord contains items that can't be parsed; they are ignored"
            );
        }
    }
}
