//! What a key may see of the record: its reach, and the columns that are hidden from it.

use crate::api::answer::hidden::Hidden;
use crate::api::http::permit::{Permit, missing};
use crate::api::http::problem::Problem;
use crate::api::routes::state::Api;
use crate::guild::Reach;
use crate::keys::{Grant, Scope};
use crate::message::{ChannelId, GuildId};
use crate::store::{Column, StoreError};

/// What a key may see.
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    pub(crate) reach: Reach,
    pub(crate) hidden: Hidden,
}

impl Api {
    /// What the key of a request may see now.
    pub(crate) async fn sight(&self, permit: &Permit) -> Result<Sight, StoreError> {
        let limits = &permit.grant.limits;
        let reach = if limits.channels.is_empty() {
            limits.reach([])
        } else {
            let known = self.known_channels.read(&self.reader).await?;
            limits.reach(known.iter().map(|known| &known.channel))
        };
        let hidden = hidden(&permit.grant);
        Ok(Sight { reach, hidden })
    }
}

fn hidden(grant: &Grant) -> Hidden {
    Hidden {
        content: !grant.has(Scope::Content),
        names: !grant.names,
    }
}

impl Sight {
    /// The channel, if it may be seen; otherwise one that can't exist, so that the same is done and answered as for any
    /// other that doesn't exist.
    pub(crate) fn channel_or_none(&self, guild: GuildId, channel: ChannelId) -> ChannelId {
        if self.reach.has(guild, channel) {
            return channel;
        }
        nowhere().unwrap_or(channel)
    }

    /// Whether payloads are returned: as requested, or whether the key may see them.
    ///
    /// # Errors
    /// If they are requested by a key that may not see them.
    pub(crate) fn payload(&self, requested: Option<bool>, default: bool) -> Result<bool, Problem> {
        if requested == Some(true) {
            self.require_payload()?;
        }
        Ok(requested.unwrap_or(default) && !self.hidden.hides_payload())
    }

    /// Refuses the request for a payload that the key may not see.
    pub(crate) fn require_payload(&self) -> Result<(), Problem> {
        if self.hidden.content {
            return Err(missing(Scope::Content));
        }
        if self.hidden.names {
            return Err(crate::api::http::permit::nameless("raw_json"));
        }
        Ok(())
    }

    /// Refuses columns that contain payloads, if the key may not see them.
    pub(crate) fn require_columns(&self, columns: &[Column]) -> Result<(), Problem> {
        match columns.iter().any(|column| column.is_payload()) {
            true => self.require_payload(),
            false => Ok(()),
        }
    }
}

/// A channel that can't exist: its id is of the first millisecond of Discord's time.
fn nowhere() -> Option<ChannelId> {
    ChannelId::try_from(1_i64).ok()
}
