//! A message payload: the exact text that Discord sent, and the few fields that are parsed from it. The structs
//! are minimal, so that an unknown field can't make a message unreadable. Nothing is lost, because the text
//! itself is stored byte for byte.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::body::{Author, Body, count};
use super::counts::{reactions_of, votes_of};
use super::patch::Patch;
use super::tally::Tally;
use super::{ChannelId, GuildId, Life, Message, MessageId, Observed};

/// Where a payload came from, in rising order of fidelity: the gateway sends more fields (`guild_id`, `member`)
/// than REST, and an import may have been rewritten by its exporter. The source only decides between two
/// observations of the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Source {
    /// A file of another tool.
    Import = 0,
    /// A history page (REST).
    Rest = 1,
    /// A gateway frame.
    Gateway = 2,
}

impl Source {
    /// The source with this number in the database.
    #[must_use]
    pub fn from_u8(number: u8) -> Option<Self> {
        [Self::Import, Self::Rest, Self::Gateway]
            .into_iter()
            .find(|source| *source as u8 == number)
    }
}

/// Why a payload could not be parsed as a message.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PayloadError(#[from] serde_json::Error);

/// A whole payload of a message, with the fields that were parsed from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// When Discord showed the payload.
    pub observed: Observed,
    /// Where the payload came from.
    pub source: Source,
    /// The payload exactly as it was sent, byte for byte.
    pub raw: Arc<str>,
    /// The parsed fields; a pure function of `raw`.
    pub body: Body,
}

impl Version {
    /// The order of two payloads of one edit; the greater one wins: the later observation, at the same time the
    /// source that sends more, and finally the text itself, so that no two different payloads are equal.
    fn rank(&self) -> impl Ord + '_ {
        (self.observed, self.source, &self.raw)
    }

    /// The counts of reactions and votes in this payload, if it is whole: then an absent field means that there
    /// are none.
    #[must_use]
    pub fn counts(&self) -> (Tally, Tally) {
        let is_exact = self.source == Source::Gateway;
        let told = |counts| Tally::whole(self.observed, is_exact, counts);
        let votes = match (&self.body.votes, self.body.has_poll) {
            (Some(votes), _) => told(votes.clone()),
            // The gateway sends a new poll without votes. For REST, a poll without results means that the votes
            // are not known.
            (None, true) if is_exact => told(Vec::new()),
            (None, _) => Tally::default(),
        };
        (told(self.body.reactions.clone()), votes)
    }

    /// The later of two payloads of one edit.
    pub(super) fn latest(self, other: Self) -> Self {
        if self.rank() >= other.rank() {
            self
        } else {
            other
        }
    }
}

/// The required fields of a message, and those that are counted. Everything else is in the raw text.
#[derive(Deserialize)]
struct Whole<'a> {
    id: MessageId,
    channel_id: ChannelId,
    author: Author,
    content: String,
    #[serde(rename = "timestamp")]
    _timestamp: DateTime<Utc>,
    #[serde(default)]
    edited_timestamp: Option<DateTime<Utc>>,
    #[serde(default, rename = "type")]
    message_type: i32,
    attachments: Vec<IgnoredAny>,
    embeds: Vec<IgnoredAny>,
    #[serde(default, borrow)]
    reactions: Option<&'a RawValue>,
    #[serde(default, borrow)]
    poll: Option<&'a RawValue>,
}

impl Message {
    /// Parses a whole payload: a MESSAGE_CREATE, or an item of a history page. If it has no reactions, there
    /// are none.
    ///
    /// # Errors
    /// If a field that every message has is missing or has another type.
    pub fn read(
        guild_id: GuildId,
        source: Source,
        observed: Observed,
        raw: &str,
    ) -> Result<Self, PayloadError> {
        Self::read_whole(guild_id, source, observed, raw, true)
    }

    fn read_whole(
        guild_id: GuildId,
        source: Source,
        observed: Observed,
        raw: &str,
        tells_counts: bool,
    ) -> Result<Self, PayloadError> {
        let whole: Whole<'_> = serde_json::from_str(raw)?;
        let reactions = whole.reactions.and_then(|it| reactions_of(it.get()));
        let body = Body {
            author_id: whole.author.id,
            author_name: whole.author.username,
            content: whole.content,
            edited_at: whole.edited_timestamp,
            message_type: whole.message_type,
            attachment_count: count(&whole.attachments),
            embed_count: count(&whole.embeds),
            reactions: reactions.clone().unwrap_or_default(),
            has_poll: whole.poll.is_some(),
            votes: whole.poll.and_then(|poll| votes_of(poll.get())),
        };
        let version = Version {
            observed,
            source,
            raw: raw.into(),
            body,
        };
        let (reactions, votes) = if tells_counts {
            version.counts()
        } else {
            let told = |counts| Tally::whole(observed, true, counts);
            (
                reactions.map_or_else(Tally::default, told),
                version.body.votes.clone().map_or_else(Tally::default, told),
            )
        };
        Ok(Self {
            versions: version.into(),
            reactions,
            votes,
            life: Life::alive(observed.at),
            ..Self::unknown(whole.id, guild_id, whole.channel_id)
        })
    }
}

/// Parses a MESSAGE_UPDATE: whole, as Discord documents it today, or partial, as older servers and link unfurls
/// send it; an absent field of a partial update says nothing. Even a whole update says nothing about reactions
/// if it has none.
///
/// # Errors
/// If it is neither.
pub fn read_update(
    guild_id: GuildId,
    observed: Observed,
    raw: &str,
) -> Result<Message, PayloadError> {
    if let Ok(whole) = Message::read_whole(guild_id, Source::Gateway, observed, raw, false) {
        return Ok(whole);
    }
    #[derive(Deserialize)]
    struct Place {
        id: MessageId,
        channel_id: ChannelId,
        #[serde(default)]
        edited_timestamp: Option<DateTime<Utc>>,
    }
    let place: Place = serde_json::from_str(raw)?;
    let fields: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(raw)?;
    let mut patch = Patch::default();
    // Reactions are counted separately.
    for (field, value) in fields.iter().filter(|(field, _)| *field != "reactions") {
        patch.set(field, place.edited_timestamp, observed, value)?;
    }
    let reactions = fields
        .get("reactions")
        .and_then(|it| reactions_of(it.get()));
    let votes = fields.get("poll").and_then(|poll| votes_of(poll.get()));
    let tally = |counts: Option<Vec<_>>| {
        counts.map_or_else(Tally::default, |counts| {
            Tally::whole(observed, true, counts)
        })
    };
    Ok(Message {
        patch,
        reactions: tally(reactions),
        votes: tally(votes),
        life: Life::alive(observed.at),
        ..Message::unknown(place.id, guild_id, place.channel_id)
    })
}
