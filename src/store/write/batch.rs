//! What one commit holds: the rows and, in the same transaction, the marks that speak for them.

use crate::guild::{
    AccessMark, Channel, ChannelGone, Covered, Doubt, Guild, Interrupted, SessionMark, Sighting,
    Suspicion,
};
use crate::message::{ChannelId, GuildId, Message, MessageId, ReactionEvent, Source};

/// Everything that becomes durable together.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Knowledge about messages, in any order, repeats allowed.
    pub messages: Vec<Message>,
    /// Who reacted or voted, and when, if that is to be kept.
    pub reaction_events: Vec<ReactionEvent>,
    /// Payloads that could not be understood.
    pub parked: Vec<Parked>,
    /// Guilds as they are now.
    pub guilds: Vec<Guild>,
    /// Channels and threads as they are now.
    pub channels: Vec<Channel>,
    /// Channels and threads that were deleted.
    pub channels_gone: Vec<ChannelGone>,
    /// Channels and threads that were seen to be there.
    pub sightings: Vec<Sighting>,
    /// Channels and threads that Discord does not know any more, for now.
    pub suspicions: Vec<Suspicion>,
    /// Whether channels can be read.
    pub access: Vec<AccessMark>,
    /// Where live events may have been missed until now.
    pub interrupted: Vec<Interrupted>,
    /// Ranges of ids that the messages above complete.
    pub covered: Vec<Covered>,
    /// Ranges that are to be read again.
    pub doubts: Vec<Doubt>,
    /// How far the socket's session is with the messages above, in the order it came; a new
    /// session ends the one before it.
    pub sessions: Vec<SessionMark>,
}

impl Batch {
    /// Adds another batch that came after this one.
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

    /// About how much memory its texts take, in bytes.
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

    /// Whether it holds nothing but how far the socket is.
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

/// A payload that is kept as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// Where it came from.
    pub source: Source,
    /// The dispatch's name (`MESSAGE_CREATE`), or `history` for a page's item.
    pub event: String,
    /// The channel, where that is known.
    pub channel_id: Option<ChannelId>,
    /// Why it could not be understood.
    pub reason: String,
    /// The payload.
    pub payload: String,
}

/// What a commit did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The record's revision after it.
    pub revision: i64,
    /// Its number: how many commits there were, those that changed no row included.
    pub number: i64,
}

/// A message that Discord should be asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Unsettled {
    /// The guild it belongs to.
    pub guild_id: GuildId,
    /// The channel or thread it stands in.
    pub channel_id: ChannelId,
    /// The message.
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
