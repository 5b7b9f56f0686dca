//! The availability of the archived guilds: available, unavailable (an outage of Discord), or without the bot.
//! Guilds that are not available are reported in the log and counted in `/health`.

use std::time::Duration;

use tracing::{info, warn};

use super::Live;
use super::guild_places::Place;
use crate::discord::rest::ChannelInfo;
use crate::message::GuildId;
use crate::status::GuildsStatus;

/// How long after the start of a session Discord may take to send a guild.
const TOLD_WITHIN: Duration = Duration::from_secs(10);

impl Live {
    /// A session began and has announced the guilds that it will send.
    pub(super) fn guilds_of_session(&mut self) {
        let chosen: Vec<_> = self.scope.guilds().collect();
        // If no guilds are selected, those count that were seen to contain a selected channel.
        let seen = self.guilds.0.keys().copied().filter(|_| chosen.is_empty());
        let all: Vec<_> = chosen.iter().copied().chain(seen).collect();
        for id in all {
            if self.awaited.contains(&id) {
                self.guilds.0.insert(id, Place::Announced);
            } else {
                self.set_place(id, Place::WithoutTheBot);
            }
        }
        self.count_guilds();
    }

    /// A guild was sent, with its channels.
    pub(super) fn guild_is_there(&mut self, id: GuildId, channels: &[ChannelInfo]) {
        let is_chosen = self.scope.guilds().any(|guild| guild == id);
        let is_taken = |channel: &ChannelInfo| {
            // The guild's threads and channels are not known yet, so channels below a selected one count as
            // well.
            let takes = |id| self.scope.takes_channel(id) == Some(true);
            takes(channel.id) || channel.parent_id.is_some_and(takes)
        };
        if is_chosen || channels.iter().any(is_taken) {
            self.set_place(id, Place::There);
            self.count_guilds();
        }
    }

    /// A guild became unavailable, or the bot was removed from it.
    pub(super) fn guild_went(&mut self, id: GuildId, is_outage: bool) {
        let is_chosen = self.scope.guilds().any(|guild| guild == id);
        if is_chosen || self.guilds.0.contains_key(&id) {
            let place = if is_outage {
                Place::Away
            } else {
                Place::WithoutTheBot
            };
            self.set_place(id, place);
            self.count_guilds();
        }
    }

    /// Called regularly: an announced guild that was not sent in time is unavailable.
    pub(super) fn miss_guilds(&mut self) {
        if self.ready_at.is_none_or(|at| at.elapsed() < TOLD_WITHIN) {
            return;
        }
        let places = self.guilds.0.iter();
        let missing: Vec<_> = places
            .filter(|(_, place)| **place == Place::Announced)
            .map(|(id, _)| *id)
            .collect();
        for id in &missing {
            self.set_place(*id, Place::Away);
        }
        if !missing.is_empty() {
            self.count_guilds();
        }
    }

    fn set_place(&mut self, guild_id: GuildId, place: Place) {
        let before = self.guilds.0.insert(guild_id, place);
        if before == Some(place) {
            return;
        }
        match place {
            Place::Announced => {}
            Place::There => {
                if matches!(before, Some(Place::Away | Place::WithoutTheBot)) {
                    info!(%guild_id, "the guild is available again: it is archived, and missed messages are read from the history");
                }
            }
            Place::Away => warn!(
                %guild_id,
                "Discord reports the guild as unavailable: nothing is archived from it until it is available again"
            ),
            Place::WithoutTheBot => warn!(
                %guild_id,
                "the bot is not in the guild (it was removed or never invited, or the guild was deleted): \
                 nothing is archived from it until the bot is invited"
            ),
        }
    }

    fn count_guilds(&self) {
        let count = |wanted: Place| {
            let places = self.guilds.0.values();
            places.filter(|place| **place == wanted).count() as u64
        };
        let guilds = GuildsStatus {
            total: self.guilds.0.len() as u64,
            away: count(Place::Away),
            without_the_bot: count(Place::WithoutTheBot),
        };
        self.status
            .send_modify(|status| status.gateway.guilds = guilds);
    }
}
