//! The part of a message's state that is stored beside its payload and its columns, so that the next
//! observation can be joined with it: one JSON object, which is absent for most messages.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{DeletedBy, Gone, Life, Message, Observed, Patch, Tally, Version};

/// The part of a message's state that can't be derived from its payload and columns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The received partial updates.
    #[serde(default, skip_serializing_if = "Patch::is_empty")]
    fields: Patch,
    /// The reactions, if they differ from those of the payload at the time of the payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reactions: Option<Tally>,
    /// The votes, under the same condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    votes: Option<Tally>,
    /// The last time at which the message certainly existed, if it is not the time of the payload, in
    /// microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alive_at: Option<i64>,
    /// The reading that did not contain the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    absent: Option<Absent>,
    /// The last time at which the message existed according to the reported delete, if the columns have an
    /// earlier time because of a reading, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told_after: Option<i64>,
}

/// The knowledge that a reading did not contain the message. It is stored completely, because the columns
/// contain the delete that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Absent {
    /// When the reading was requested.
    #[serde(with = "chrono::serde::ts_microseconds")]
    asked_at: DateTime<Utc>,
    /// The last time at which the message existed.
    #[serde(with = "chrono::serde::ts_microseconds")]
    after: DateTime<Utc>,
    /// When the absence was noticed.
    #[serde(with = "chrono::serde::ts_microseconds")]
    before: DateTime<Utc>,
}

impl State {
    /// The state of a message.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        let version = message.versions.current();
        let (reactions, votes) = version.map(Version::counts).unwrap_or_default();
        let alive_at = message.life.alive_at();
        let is_told = alive_at == version.map(|version| version.observed.at);
        let absence = message.life.absence();
        let shown_after = message.life.gone().map(|gone| gone.after);
        // The end of a channel is written into the columns only.
        let told = message.life.told_end();
        let told = told.filter(|told| told.by != DeletedBy::Channel);
        let told_after = told.map(|told| told.after);
        Self {
            fields: message.patch.clone(),
            reactions: (message.reactions != reactions).then(|| message.reactions.clone()),
            votes: (message.votes != votes).then(|| message.votes.clone()),
            alive_at: alive_at
                .filter(|_| !is_told)
                .map(|at| at.timestamp_micros()),
            absent: absence.map(|absence| Absent {
                asked_at: absence.asked_at,
                after: absence.gone.after,
                before: absence.gone.before,
            }),
            told_after: told_after
                .filter(|_| told_after != shown_after)
                .map(|at| at.timestamp_micros()),
        }
    }

    /// Whether the counts may have to be requested again. [`Message::is_unsettled`] decides that, because the
    /// payload tells whether an answer of Discord can settle them.
    #[must_use]
    pub fn may_be_unsettled(&self) -> bool {
        let tallies = self.reactions.iter().chain(&self.votes);
        tallies.into_iter().any(|tally| tally.is_unsettled(None))
    }

    /// The text in the database; none if the state is empty.
    ///
    /// # Errors
    /// If it can't be written as JSON.
    pub fn to_json(&self) -> Result<Option<String>, serde_json::Error> {
        if *self == Self::default() {
            return Ok(None);
        }
        serde_json::to_string(self).map(Some)
    }

    /// Restores the state of a message whose payload, if it has one, was parsed, with the delete that the
    /// columns contain.
    pub fn restore(self, message: &mut Message, gone: Option<Gone>) {
        let version = message.versions.current();
        // A patch from before schema 7 has no time; it was applied to the payload that was stored.
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
        let time = |at: Option<i64>| at.and_then(DateTime::<Utc>::from_timestamp_micros);
        let mut life = message.life;
        if let Some(at) = time(self.alive_at) {
            life = life.join(Life::alive(at));
        }
        if let Some(absent) = self.absent {
            let by = DeletedBy::Rescan;
            let gone = Gone::new(message.id, absent.after, absent.before, by);
            life = life.join(Life::absent(gone, absent.asked_at));
        } else if let Some(gone) = gone.filter(|gone| !gone.by.is_told()) {
            // A row from before schema 7 does not tell when the reading was requested.
            life = life.join(Life::absent(gone, gone.before));
        }
        if let Some(told) = gone.filter(|gone| gone.by.is_told()) {
            // The deletion of a channel is only written into the columns.
            let after = time(self.told_after).filter(|_| told.by != DeletedBy::Channel);
            let after = after.unwrap_or(told.after);
            life = life.join(Life::told(Gone { after, ..told }));
        }
        message.life = life;
    }
}
