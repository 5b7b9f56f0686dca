//! A session of the gateway, and how far the record has its events.

use std::sync::Arc;

use chrono::{DateTime, Utc};

/// The socket's session and how far its events are in the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionMark {
    /// The shard, from 0.
    pub shard: u32,
    /// Discord's id of the session.
    pub session_id: String,
    /// Where to resume it.
    pub resume_url: String,
    /// The last sequence number whose event is in the record.
    pub sequence: u64,
    /// The first id that the session's live events cover.
    pub live_low: i64,
    /// The first id beyond those that its live events cover.
    pub live_high: i64,
    /// What happened until then it has brought.
    pub heard_at: DateTime<Utc>,
    /// Which kinds of events it was begun for (Discord's intents, as a number): a session keeps them.
    pub intents: u64,
}

/// Which session it is: its id, and where it begins. The id alone does not tell: Discord may begin a
/// new session under an id that was there before, and what happened between the two was not heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionId {
    /// Discord's id of the session.
    pub id: Arc<str>,
    /// The first id that its live events cover: later than all that the session before covered.
    pub live_low: i64,
}

impl SessionMark {
    /// Which session it is.
    #[must_use]
    pub fn id(&self) -> SessionId {
        SessionId {
            id: self.session_id.as_str().into(),
            live_low: self.live_low,
        }
    }

    /// Whether both are of one session.
    #[must_use]
    pub fn is_same_session(&self, other: &Self) -> bool {
        self.session_id == other.session_id && self.live_low == other.live_low
    }
}
