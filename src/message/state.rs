//! What the record keeps of a message beside its payload and its columns, so that the next observation can be joined
//! with it: one JSON object, which is absent for most messages.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{DeletedBy, Gone, Life, Message, Observed, Patch, Tally, Version};

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
    /// The reading that did not show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    absent: Option<Absent>,
    /// When it was still there by what Discord told of its end, where the columns say an earlier time because of a
    /// reading, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told_after: Option<i64>,
}

/// That a reading did not show the message. All of it is here, since the columns tell the end that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Absent {
    /// When the reading was asked for.
    #[serde(with = "chrono::serde::ts_microseconds")]
    asked_at: DateTime<Utc>,
    /// When the message was still there.
    #[serde(with = "chrono::serde::ts_microseconds")]
    after: DateTime<Utc>,
    /// When it was noticed.
    #[serde(with = "chrono::serde::ts_microseconds")]
    before: DateTime<Utc>,
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
        let shown_after = message.life.gone().map(|gone| gone.after);
        let told_after = message.life.told_end().map(|told| told.after);
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
            // A row of before schema 7 does not say when the reading was asked for.
            life = life.join(Life::absent(gone, gone.before));
        }
        if let Some(told) = gone.filter(|gone| gone.by.is_told()) {
            // The end of a channel is written into the columns only.
            let after = time(self.told_after).filter(|_| told.by != DeletedBy::Channel);
            let after = after.unwrap_or(told.after);
            life = life.join(Life::told(Gone { after, ..told }));
        }
        message.life = life;
    }
}
