//! The merge rule. What is known of a message is an element of a lattice: the last observed payload of each
//! edit, the last observed value of each patched field, the counts, and what is known of its deletion. Two
//! elements are joined part by part, so the join is commutative, associative and idempotent: the result depends
//! on which observations were made and at which time Discord showed each, but not on their order, repetition or
//! source.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;
use serde_json::value::RawValue;

use super::body::Body;
use super::counts::{poll_json, poll_with, reactions_json, reactions_shown, votes_of, votes_shown};
use super::life::{Gone, Life};
use super::patch::{Patch, lay_over};
use super::payload::{Source, Version};
use super::tally::{Count, Tally};
use super::versions::Versions;
use super::{ChannelId, GuildId, MessageId};

/// What is known of one message. An event is the same type with a single part filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The id of the message.
    pub id: MessageId,
    /// The guild of the message.
    pub guild_id: GuildId,
    /// The channel or thread that contains the message.
    pub channel_id: ChannelId,
    /// The received whole payloads: of the current version and of earlier versions.
    pub versions: Versions,
    /// The received partial updates.
    pub patch: Patch,
    /// The reactions of the message.
    pub reactions: Tally,
    /// The votes of its poll.
    pub votes: Tally,
    /// Whether the message still exists on Discord, and how that is known.
    pub life: Life,
}

/// A message as it is shown: the result of the joined parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown<'a> {
    /// The columns.
    pub body: Body,
    /// The current payload.
    pub version: &'a Version,
    /// The fields that replace those of the payload, as a JSON object; none if there are none.
    pub changed_fields: Option<String>,
    /// The number of reactions; none if it is not known, because only single changes were received.
    pub reaction_count: Option<i64>,
    /// The reactions per emoji, as a JSON list; none if they are not known.
    pub reactions: Option<String>,
    /// The votes per answer of the message's poll, as a JSON list; none if there is no poll or its votes are
    /// not known.
    pub poll_votes: Option<String>,
}

impl Message {
    /// A message of which only the id and the place are known.
    #[must_use]
    pub fn unknown(id: MessageId, guild_id: GuildId, channel_id: ChannelId) -> Self {
        Self {
            id,
            guild_id,
            channel_id,
            versions: Versions::default(),
            patch: Patch::default(),
            reactions: Tally::default(),
            votes: Tally::default(),
            life: Life::default(),
        }
    }

    /// The knowledge that a message is deleted, as Discord reported it.
    #[must_use]
    pub fn told_gone(id: MessageId, guild_id: GuildId, channel_id: ChannelId, gone: Gone) -> Self {
        Self {
            life: Life::told(gone),
            ..Self::unknown(id, guild_id, channel_id)
        }
    }

    /// The knowledge that a reading requested at this time did not contain a message.
    #[must_use]
    pub fn not_shown(
        id: MessageId,
        guild_id: GuildId,
        channel_id: ChannelId,
        gone: Gone,
        asked_at: DateTime<Utc>,
    ) -> Self {
        Self {
            life: Life::absent(gone, asked_at),
            ..Self::unknown(id, guild_id, channel_id)
        }
    }

    /// Merges two pieces of knowledge about the same message.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        debug_assert_eq!(self.id, other.id, "only one message's events join");
        Self {
            id: self.id,
            // A message has one place, and its row is looked up there.
            guild_id: self.guild_id.min(other.guild_id),
            channel_id: self.channel_id.min(other.channel_id),
            versions: self.versions.join(other.versions),
            patch: self.patch.join(other.patch),
            reactions: self.reactions.join(other.reactions),
            votes: self.votes.join(other.votes),
            life: self.life.join(other.life),
        }
    }

    /// How the message was deleted, if it was.
    #[must_use]
    pub fn gone(&self) -> Option<Gone> {
        self.life.gone()
    }

    /// Forgets the content of the message permanently.
    pub fn forget_content(&mut self) {
        self.versions = Versions::default();
        self.patch = Patch::default();
        self.reactions = Tally::default();
        self.votes = Tally::default();
    }

    /// Whether the message should be requested from Discord again, because a part of it was received without a
    /// whole payload, or because its counts are uncertain. Every change since `heard_since` was received.
    #[must_use]
    pub fn is_unsettled(&self, heard_since: Option<DateTime<Utc>>) -> bool {
        if self.gone().is_some() {
            return false;
        }
        let Some(version) = self.versions.current() else {
            return !self.patch.is_empty() || !self.reactions.is_empty() || !self.votes.is_empty();
        };
        // If REST does not return the votes of a poll, another request does not help.
        let tells_votes = version.source == Source::Gateway || version.body.votes.is_some();
        self.reactions.is_unsettled(heard_since)
            || tells_votes && self.votes.is_unsettled(heard_since)
    }

    /// The message as it is shown; none until a whole payload was received.
    #[must_use]
    pub fn shown(&self) -> Option<Shown<'_>> {
        let version = self.versions.current()?;
        let mut body = version.body.clone();
        let (patched, edited_at) = self.patch.over(version);
        for (field, value) in &patched {
            lay_over(&mut body, field, value);
        }
        let reactions = self.reactions.counts();
        let votes = self.votes.counts();
        let mut fields: BTreeMap<&str, Box<RawValue>> = patched
            .iter()
            .filter_map(|(field, value)| {
                Some((*field, RawValue::from_string((*value).to_owned()).ok()?))
            })
            .collect();
        if let Some(reactions) = &reactions
            && version.body.reactions != *reactions
        {
            fields.extend(raw(&reactions_json(reactions)).map(|json| ("reactions", json)));
        }
        let patched_votes = fields.get("poll").map(|poll| votes_of(poll.get()));
        let told_votes = patched_votes.unwrap_or_else(|| version.body.votes.clone());
        let told_votes = told_votes.unwrap_or_default();
        if let Some(votes) = &votes
            && version.body.has_poll
            && told_votes != *votes
        {
            let poll = match fields.get("poll") {
                Some(patched) => poll_with(patched.get(), votes),
                None => poll_json(&version.raw, votes),
            };
            fields.extend(poll.and_then(|json| raw(&json)).map(|json| ("poll", json)));
        }
        if edited_at != body.edited_at {
            body.edited_at = edited_at;
            let text = edited_at.map(|at| Value::from(at.to_rfc3339()));
            fields.extend(
                text.and_then(|text| raw(&text))
                    .map(|json| ("edited_timestamp", json)),
            );
        }
        let sum = |counts: &Vec<Count>| {
            let each = counts.iter().map(|count| count.count);
            each.fold(0, i64::saturating_add)
        };
        let votes = votes.filter(|_| body.has_poll);
        Some(Shown {
            reaction_count: reactions.as_ref().map(sum),
            reactions: reactions.map(|counts| reactions_shown(&counts).to_string()),
            poll_votes: votes.map(|counts| votes_shown(&counts).to_string()),
            body,
            version,
            changed_fields: (!fields.is_empty())
                .then(|| serde_json::to_string(&fields).unwrap_or_default()),
        })
    }
}

fn raw(value: &Value) -> Option<Box<RawValue>> {
    RawValue::from_string(value.to_string()).ok()
}
