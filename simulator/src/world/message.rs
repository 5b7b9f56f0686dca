//! One message: what cannot be computed again from its id.
//! A generated message is a few dozen bytes; its text comes from the seed when it is rendered. What a test or the
//! live traffic wrote is kept in `body`.

use crate::draft::Draft;

/// How a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeletedBy {
    /// MESSAGE_DELETE.
    Delete,
    /// MESSAGE_DELETE_BULK.
    BulkDelete,
    /// Its thread was deleted; there is no event for the message.
    ThreadDelete,
    /// Its channel was deleted; there is no event for the message.
    ChannelDelete,
}

/// A message.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: u64,
    /// Unix milliseconds of the last edit; 0 is never.
    pub(crate) edited_ms: u64,
    /// What a reply answers, or the message that a system notice is about; 0 is nothing.
    pub(crate) reference: u64,
    pub(crate) body: Option<Box<Draft>>,
    /// Position in `World::users`.
    pub(crate) author: u32,
    /// How often it changed; part of the seed of its style.
    pub(crate) revision: u16,
    /// Discord's message type.
    pub(crate) kind: u8,
    pub(crate) deleted: Option<DeletedBy>,
    /// Unix milliseconds of that; 0 while it is there.
    pub(crate) deleted_ms: u64,
    pub(crate) pinned: bool,
    /// A thread hangs on it; the thread has the same id.
    pub(crate) has_thread: bool,
}

impl Message {
    pub(crate) fn new(id: u64, author: u32, kind: u8) -> Self {
        Self {
            id,
            edited_ms: 0,
            reference: 0,
            body: None,
            author,
            revision: 0,
            kind,
            deleted: None,
            deleted_ms: 0,
            pinned: false,
            has_thread: false,
        }
    }
}
