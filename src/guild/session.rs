//! A gateway session, and how far its events are in the record.

use std::sync::Arc;

use chrono::{DateTime, Utc};

/// The watermark of a gateway session: how far its events are in the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionMark {
    /// The shard, from 0.
    pub shard: u32,
    /// Discord's id of the session.
    pub session_id: String,
    /// The URL for RESUME.
    pub resume_url: String,
    /// The last sequence number whose event is in the record.
    pub sequence: u64,
    /// The first id that the session's live events cover.
    pub live_low: i64,
    /// The first id after those that its live events cover.
    pub live_high: i64,
    /// The time up to which the session has delivered everything.
    pub heard_at: DateTime<Utc>,
    /// The intents for which the session was begun, as Discord's number; a session keeps its intents.
    pub intents: u64,
}

/// The identity of a session: its id, and where it begins. The id alone is not enough: Discord may begin a new
/// session under an earlier id, and what happened between the two was missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionId {
    /// Discord's id of the session.
    pub id: Arc<str>,
    /// The first id that its live events cover: greater than all ids that the session before covered.
    pub live_low: i64,
}

impl SessionMark {
    /// The identity of the session.
    #[must_use]
    pub fn id(&self) -> SessionId {
        SessionId {
            id: self.session_id.as_str().into(),
            live_low: self.live_low,
        }
    }

    /// Whether both are watermarks of the same session.
    #[must_use]
    pub fn is_same_session(&self, other: &Self) -> bool {
        self.session_id == other.session_id && self.live_low == other.live_low
    }
}
