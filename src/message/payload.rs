//! A message payload: the exact text that Discord sent, and the few fields read out of it.
//! Our own minimal structs, so that a field nobody here knows can't make a message unreadable,
//! and so that nothing is lost: the text itself is kept byte for byte beside them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::body::{Author, Body, LOADING, SUPPRESS_EMBEDS, count};
use super::patch::{Patch, PatchField};
use super::{ChannelId, GuildId, Message, MessageId};

/// Where a payload came from, in rising order of fidelity: the socket sends more fields
/// (`guild_id`, `member`) than REST, and an import may have been rewritten by its exporter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Source {
    /// A file that another tool wrote.
    Import = 0,
    /// A page of history.
    Rest = 1,
    /// A frame of the socket.
    Gateway = 2,
}

impl Source {
    /// The source with this number in the record.
    #[must_use]
    pub fn from_u8(number: u8) -> Option<Self> {
        [Self::Import, Self::Rest, Self::Gateway]
            .into_iter()
            .find(|source| *source as u8 == number)
    }
}

/// Why a payload could not be read as a message.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PayloadError(#[from] serde_json::Error);

/// One whole payload of a message, with what was read from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Where the payload came from.
    pub source: Source,
    /// The payload as it was sent, byte for byte.
    pub raw: Arc<str>,
    /// What was read from `raw`; a pure function of it.
    pub body: Body,
}

impl Version {
    /// What decides between two versions of one message; the greater wins.
    ///
    /// The last edit first: Discord stamps it. Versions of the same edit differ only in what
    /// Discord adds by itself later: the text of a bot's deferred answer, a moderator's embed suppression, then unfurled links; those
    /// come with no time of their own, so the richer one is taken as the later. Then the source
    /// that sends more, and at last the text itself, so that no two different versions are equal.
    fn rank(&self) -> impl Ord + '_ {
        (
            self.body.edited_at,
            !self.body.is_loading,
            self.body.embeds_suppressed,
            self.body.embed_count,
            self.source,
            &self.raw,
        )
    }

    /// The later of two versions.
    pub(super) fn max(self, other: Self) -> Self {
        if self.rank() >= other.rank() {
            self
        } else {
            other
        }
    }
}

/// The fields that a message needs to be one. Everything else is in the raw text.
#[derive(Deserialize)]
struct Whole {
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
    #[serde(default)]
    flags: Option<u64>,
    attachments: Vec<IgnoredAny>,
    embeds: Vec<IgnoredAny>,
}

/// A partial update: each field absent (unchanged), or present with its text.
#[derive(Deserialize)]
struct Partial<'a> {
    id: MessageId,
    channel_id: ChannelId,
    #[serde(default)]
    edited_timestamp: Option<DateTime<Utc>>,
    #[serde(default, borrow)]
    author: Option<&'a RawValue>,
    #[serde(default, borrow)]
    content: Option<&'a RawValue>,
    #[serde(default, borrow)]
    attachments: Option<&'a RawValue>,
    #[serde(default, borrow)]
    embeds: Option<&'a RawValue>,
    #[serde(default, borrow)]
    flags: Option<&'a RawValue>,
}

impl Message {
    /// Reads a whole payload: a MESSAGE_CREATE, or an item of a history page.
    ///
    /// # Errors
    /// If a field that every message has is missing or of another type.
    pub fn read(guild_id: GuildId, source: Source, raw: &str) -> Result<Self, PayloadError> {
        let whole: Whole = serde_json::from_str(raw)?;
        let body = Body {
            author_id: whole.author.id,
            author_name: whole.author.username,
            content: whole.content,
            edited_at: whole.edited_timestamp,
            message_type: whole.message_type,
            attachment_count: count(&whole.attachments),
            embed_count: count(&whole.embeds),
            embeds_suppressed: whole.flags.unwrap_or(0) & SUPPRESS_EMBEDS != 0,
            is_loading: whole.flags.unwrap_or(0) & LOADING != 0,
        };
        Ok(Self {
            versions: Version {
                source,
                raw: raw.into(),
                body,
            }
            .into(),
            ..Self::unknown(whole.id, guild_id, whole.channel_id)
        })
    }
}

/// Reads a MESSAGE_UPDATE: whole as Discord documents it today, or partial as older servers and
/// link unfurls send it, in which case an absent field says nothing.
///
/// # Errors
/// If it is neither.
pub fn read_update(guild_id: GuildId, raw: &str) -> Result<Message, PayloadError> {
    if let Ok(whole) = Message::read(guild_id, Source::Gateway, raw) {
        return Ok(whole);
    }
    let partial: Partial<'_> = serde_json::from_str(raw)?;
    let fields = [
        (PatchField::Author, partial.author),
        (PatchField::Content, partial.content),
        (PatchField::Attachments, partial.attachments),
        (PatchField::Embeds, partial.embeds),
        (PatchField::Flags, partial.flags),
    ];
    let mut patch = Patch::default();
    for (field, value) in fields {
        if let Some(value) = value {
            patch.set(field, partial.edited_timestamp, value)?;
        }
    }
    Ok(Message {
        patch,
        ..Message::unknown(partial.id, guild_id, partial.channel_id)
    })
}
