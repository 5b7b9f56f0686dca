//! A batch: what one commit makes durable, that is, the rows and, in the same transaction, the watermarks and
//! the coverage that vouch for them.

use std::sync::Arc;

use crate::guild::{
    AccessMark, Channel, ChannelGone, Covered, Doubt, Guild, Interrupted, SessionMark, Sighting,
    Suspicion,
};
use crate::message::{ChannelId, GuildId, Message, MessageId, ReactionEvent, Source};
use crate::store::schema::compact::CompactRow;

/// Everything that one commit makes durable.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Knowledge about messages, in any order; repetitions are allowed.
    pub messages: Vec<Message>,
    /// Reaction and vote events, with `REACTIONS=full`.
    pub reaction_events: Vec<ReactionEvent>,
    /// Dead letters: payloads that could not be understood.
    pub parked: Vec<Parked>,
    /// The present state of guilds.
    pub guilds: Vec<Guild>,
    /// The present state of channels and threads.
    pub channels: Vec<Channel>,
    /// Channels and threads that were deleted, confirmed or inferred.
    pub channels_gone: Vec<ChannelGone>,
    /// Proofs of life of channels and threads.
    pub sightings: Vec<Sighting>,
    /// Suspected deletions of channels and threads, new or cleared.
    pub suspicions: Vec<Suspicion>,
    /// Whether the bot can read channels.
    pub access: Vec<AccessMark>,
    /// Channels in which live events may have been missed until now.
    pub interrupted: Vec<Interrupted>,
    /// Ranges of ids that are complete with the messages of this batch.
    pub covered: Vec<Covered>,
    /// Ranges that are to be read again.
    pub doubts: Vec<Doubt>,
    /// Positions of the gateway session after the messages of this batch, in the order in which they arose. A
    /// new session ends the session before it.
    pub sessions: Vec<SessionMark>,
}

impl Batch {
    /// Adds a batch that was made after this one.
    pub fn append(&mut self, later: Self) {
        self.messages.extend(later.messages);
        self.reaction_events.extend(later.reaction_events);
        self.parked.extend(later.parked);
        self.guilds.extend(later.guilds);
        self.channels.extend(later.channels);
        self.channels_gone.extend(later.channels_gone);
        self.sightings.extend(later.sightings);
        self.suspicions.extend(later.suspicions);
        self.access.extend(later.access);
        self.interrupted.extend(later.interrupted);
        self.covered.extend(later.covered);
        self.doubts.extend(later.doubts);
        self.sessions.extend(later.sessions);
    }

    /// The approximate memory of the batch's texts, in bytes.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        let messages = self
            .messages
            .iter()
            .flat_map(|message| message.versions.iter());
        let parked = self.parked.iter().map(|parked| parked.payload.len());
        messages
            .map(|version| 2 * version.raw.len())
            .chain(parked)
            .sum()
    }

    /// Whether the batch contains nothing but positions of the gateway session.
    #[must_use]
    pub fn is_only_a_mark(&self) -> bool {
        self.messages.is_empty()
            && self.reaction_events.is_empty()
            && self.parked.is_empty()
            && self.guilds.is_empty()
            && self.channels.is_empty()
            && self.channels_gone.is_empty()
            && self.sightings.is_empty()
            && self.suspicions.is_empty()
            && self.access.is_empty()
            && self.interrupted.is_empty()
            && self.covered.is_empty()
            && self.doubts.is_empty()
    }
}

/// A dead letter: a payload that could not be understood, exactly as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The source of the payload.
    pub source: Source,
    /// The name of the dispatch (`MESSAGE_CREATE`), or `history` for an item of a page.
    pub event: String,
    /// The channel, if it is known.
    pub channel_id: Option<ChannelId>,
    /// Why the payload could not be understood.
    pub reason: String,
    /// The payload.
    pub payload: String,
}

/// What a commit changed in the rows that readers see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowsChanged {
    /// The record's revision before the commit.
    pub before: i64,
    /// The record's revision after the commit.
    pub revision: i64,
    /// The epoch in which the revision was issued.
    pub epoch: Arc<str>,
    /// The rows that changed; none if the commit changed rows that it did not read, as the end of a channel does.
    /// They are then the rows with this revision.
    pub rows: Option<Vec<CompactRow>>,
    /// Whether rows were redacted.
    pub is_redacted: bool,
}

/// The result of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The record's revision after the commit.
    pub revision: i64,
    /// The commit's number: how many commits there are, including those that changed no row.
    pub number: i64,
}

/// A message that only a re-fetch can settle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Unsettled {
    /// The guild of the message.
    pub guild_id: GuildId,
    /// The channel or thread of the message.
    pub channel_id: ChannelId,
    /// The message's id.
    pub id: MessageId,
}

impl From<&Message> for Unsettled {
    fn from(message: &Message) -> Self {
        Self {
            guild_id: message.guild_id,
            channel_id: message.channel_id,
            id: message.id,
        }
    }
}
