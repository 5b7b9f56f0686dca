//! Channels and threads, which are channels too.
//! Messages are kept in the order of their ids, the deleted ones among them: the truth must know them.

use super::message::Message;
use super::permission::Overwrite;

/// A channel's type, by Discord's names and numbers.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A text channel.
    Text,
    /// A voice channel, which has messages too.
    Voice,
    /// A folder of channels.
    Category,
    /// An announcement channel.
    Announcement,
    /// A thread in an announcement channel.
    AnnouncementThread,
    /// A public thread, or a post in a forum or media channel.
    PublicThread,
    /// A private thread.
    PrivateThread,
    /// A stage, which has messages too.
    Stage,
    /// A forum: threads only.
    Forum,
    /// A media channel: threads only.
    Media,
}

impl Kind {
    /// Discord's number.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Text => 0,
            Self::Voice => 2,
            Self::Category => 4,
            Self::Announcement => 5,
            Self::AnnouncementThread => 10,
            Self::PublicThread => 11,
            Self::PrivateThread => 12,
            Self::Stage => 13,
            Self::Forum => 15,
            Self::Media => 16,
        }
    }

    /// Whether messages live in it.
    #[must_use]
    pub fn has_messages(self) -> bool {
        !matches!(self, Self::Category | Self::Forum | Self::Media)
    }

    /// Whether it is a thread.
    #[must_use]
    pub fn is_thread(self) -> bool {
        matches!(
            self,
            Self::AnnouncementThread | Self::PublicThread | Self::PrivateThread
        )
    }

    /// Whether threads can hang under it.
    #[must_use]
    pub fn has_threads(self) -> bool {
        matches!(
            self,
            Self::Text | Self::Announcement | Self::Forum | Self::Media
        )
    }

    /// Whether each of its threads is a post (whose first message has the thread's id).
    #[must_use]
    pub fn is_forum(self) -> bool {
        matches!(self, Self::Forum | Self::Media)
    }
}

/// What a thread has beyond a channel.
#[derive(Clone, Debug)]
pub(crate) struct Thread {
    pub(crate) owner: u32,
    pub(crate) archived: bool,
    pub(crate) archive_ms: u64,
    pub(crate) created_ms: u64,
    pub(crate) locked: bool,
    /// Whether the bot is a member.
    pub(crate) joined: bool,
    pub(crate) tag: Option<u64>,
}

/// A channel or a thread.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(crate) id: u64,
    /// Position in `World::guilds`.
    pub(crate) guild: usize,
    pub(crate) kind: Kind,
    pub(crate) name: String,
    /// The category of a channel, the channel of a thread.
    pub(crate) parent: Option<u64>,
    pub(crate) position: usize,
    pub(crate) overwrites: Vec<Overwrite>,
    pub(crate) thread: Option<Thread>,
    pub(crate) messages: Vec<Message>,
    /// The newest id there ever was; Discord does not take it back when the message goes.
    pub(crate) last_message_id: Option<u64>,
    /// Unix milliseconds of the newest pin; 0 is never.
    pub(crate) last_pin_ms: u64,
    pub(crate) deleted: bool,
}

impl Channel {
    pub(crate) fn new(
        id: u64,
        guild: usize,
        kind: Kind,
        name: String,
        parent: Option<u64>,
    ) -> Self {
        Self {
            id,
            guild,
            kind,
            name,
            parent,
            position: 0,
            overwrites: Vec::new(),
            thread: None,
            messages: Vec::new(),
            last_message_id: None,
            last_pin_ms: 0,
            deleted: false,
        }
    }

    pub(crate) fn find(&self, id: u64) -> Option<&Message> {
        self.position_of(id).map(|at| &self.messages[at])
    }

    pub(crate) fn find_mut(&mut self, id: u64) -> Option<&mut Message> {
        self.position_of(id).map(|at| &mut self.messages[at])
    }

    pub(crate) fn position_of(&self, id: u64) -> Option<usize> {
        self.messages
            .binary_search_by_key(&id, |message| message.id)
            .ok()
    }

    /// Add the newest message. A forum post's first message has the id of its thread, older than what may be there.
    pub(crate) fn push(&mut self, message: Message) {
        let at = self.messages.partition_point(|other| other.id < message.id);
        self.last_message_id = self.last_message_id.max(Some(message.id));
        self.messages.insert(at, message);
    }

    pub(crate) fn alive(&self) -> impl DoubleEndedIterator<Item = &Message> {
        self.messages
            .iter()
            .filter(|message| message.deleted.is_none())
    }
}
