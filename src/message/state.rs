//! What the record keeps of a message beside its payload and its columns, so that the next observation can be joined
//! with it: one JSON object, which is absent for most messages.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Gone, Life, Message, Observed, Patch, Tally, Version};

/// What of a message's state can't be read from its payload and columns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// What partial updates said.
    #[serde(default, skip_serializing_if = "Patch::is_empty")]
    fields: Patch,
    /// The reactions, where they are not those of the payload at the time of the payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reactions: Option<Tally>,
    /// The votes, in the same way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    votes: Option<Tally>,
    /// When the message was last seen to be there, where that is not the time of the payload, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alive_at: Option<i64>,
    /// When the reading that did not show it was asked for, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    absent_at: Option<i64>,
}

impl State {
    /// Of a message.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        let version = message.versions.current();
        let (reactions, votes) = version.map(Version::counts).unwrap_or_default();
        let alive_at = message.life.alive_at();
        let is_told = alive_at == version.map(|version| version.observed.at);
        let absence = message.life.absence();
        Self {
            fields: message.patch.clone(),
            reactions: (message.reactions != reactions).then(|| message.reactions.clone()),
            votes: (message.votes != votes).then(|| message.votes.clone()),
            alive_at: alive_at
                .filter(|_| !is_told)
                .map(|at| at.timestamp_micros()),
            absent_at: absence.map(|absence| absence.asked_at.timestamp_micros()),
        }
    }

    /// Whether its counts should be asked for again.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        let tallies = self.reactions.iter().chain(&self.votes);
        tallies.into_iter().any(|tally| tally.is_unsettled(None))
    }

    /// As the record keeps it: nothing for none.
    ///
    /// # Errors
    /// If it can't be written as JSON.
    pub fn to_json(&self) -> Result<Option<String>, serde_json::Error> {
        if *self == Self::default() {
            return Ok(None);
        }
        serde_json::to_string(self).map(Some)
    }

    /// Puts it back into a message whose payload, if it has one, was read, with the end that the columns tell.
    pub fn restore(self, message: &mut Message, gone: Option<Gone>) {
        let version = message.versions.current();
        // A patch of before schema 7 does not say when it came; it was shown over the payload that was there.
        let observed = version.map(|version| version.observed.at);
        let observed = observed.unwrap_or_else(|| message.id.created_at());
        let after = Observed::asked(observed + chrono::TimeDelta::microseconds(1));
        message.patch = self.fields.observed_or(after);
        if let Some(reactions) = self.reactions {
            message.reactions = reactions;
        }
        if let Some(votes) = self.votes {
            message.votes = votes;
        }
        let alive_at = self
            .alive_at
            .and_then(DateTime::<Utc>::from_timestamp_micros);
        let mut life = message.life;
        if let Some(at) = alive_at {
            life = life.join(Life::alive(at));
        }
        if let Some(gone) = gone {
            let asked_at = self
                .absent_at
                .and_then(DateTime::<Utc>::from_timestamp_micros);
            life = life.join(if gone.by.is_told() {
                Life::told(gone)
            } else {
                Life::absent(gone, asked_at.unwrap_or(gone.before))
            });
        }
        message.life = life;
    }
}
