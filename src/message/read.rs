//! Parses Discord's payloads of messages: whole ones and partial updates.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::body::{Author, Body, count};
use super::counts::{reactions_of, votes_of};
use super::patch::Patch;
use super::payload::{PayloadError, Source, Version};
use super::tally::Tally;
use super::{ChannelId, GuildId, Life, Message, MessageId, Observed};

/// The required fields of a message, and those that are counted. Everything else is in the raw text.
#[derive(Deserialize)]
struct Whole<'a> {
    id: MessageId,
    channel_id: ChannelId,
    author: Author,
    #[serde(default)]
    webhook_id: Option<IgnoredAny>,
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
            author_is_bot: whole.author.is_bot() || whole.webhook_id.is_some(),
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
