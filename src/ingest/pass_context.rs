//! What a pass over history asks, and where it puts what it reads.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::scope::Scope;
use super::writer::WriterHandle;
use crate::discord::rest::Rest;
use crate::message::{ChannelId, MessageId};
use crate::status::StatusSender;
use crate::store::Reader;

/// The reasons for a pass, in rising order of urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pass {
    /// Channels or permissions changed.
    Catalog,
    /// The session continues; unfinished ranges are read.
    Gaps,
    /// A new session began; the events since the last one are missing.
    AfterNewSession,
}

/// Reads history: whom a pass asks, and where it puts what it reads.
pub struct History {
    /// The client of Discord's REST API.
    pub rest: Rest,
    /// Reads the database.
    pub reader: Reader,
    /// Receives the pages.
    pub writer: WriterHandle,
    /// What is archived.
    pub scope: Arc<Scope>,
    /// The status of the service.
    pub status: StatusSender,
    /// Whether a live session continues where the history ends; otherwise the history is read up to now.
    pub live: bool,
    /// The delay between the start of a session and its first pass, so that Discord's REST API already returns
    /// what its gateway has sent.
    pub settle: Duration,
    /// The delay before a channel that was found missing is checked again.
    pub second_look: Duration,
    /// The newest messages that Discord names for channels, but that were deleted before they were received.
    pub newest_gone: Mutex<HashMap<ChannelId, MessageId>>,
}
