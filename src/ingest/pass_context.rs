//! What a pass over history asks, and where it puts what it reads.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use super::scope::Scope;
use super::writer::WriterHandle;
use crate::discord::rest::Rest;
use crate::message::{ChannelId, MessageId};
use crate::status::StatusSender;
use crate::store::Reader;

/// What calls for a pass, the more pressing the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pass {
    /// Channels or permissions changed.
    Catalog,
    /// The session goes on; what was not finished is.
    Gaps,
    /// A new session began: what was between is missing.
    AfterNewSession,
}

/// Reads history: whom a pass asks, and where it puts what it reads.
pub struct History {
    /// Whom to ask.
    pub rest: Rest,
    /// What is known.
    pub reader: Reader,
    /// Where pages go.
    pub writer: WriterHandle,
    /// What is collected.
    pub scope: Arc<Scope>,
    /// What the service says of itself.
    pub status: StatusSender,
    /// Whether a live session takes over where history ends; else history goes up to now.
    pub live: bool,
    /// How long after a session's begin its first pass waits, so that Discord's REST side shows
    /// what the socket's side has sent.
    pub settle: Duration,
    /// How long after a channel was first found missing it is looked for again.
    pub second_look: Duration,
    /// The newest messages that Discord named of channels, and that were deleted before they were seen.
    pub newest_gone: Mutex<HashMap<ChannelId, MessageId>>,
}
