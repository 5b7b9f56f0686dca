//! What an event makes doubtful: where live events may have been missed, and where something came
//! that could not be understood. The record notes it as a gap, or as a range to read again.

use std::time::{Duration, Instant};

use chrono::TimeDelta;

use super::pass_context::Pass;
use crate::discord::news::Heard;
use crate::guild::{Doubt, GapReason, Interrupted, Place};
use crate::message::{ChannelId, IdSpan, MessageId};
use crate::store::Batch;

/// How often what could not be understood calls for a pass at most: should Discord change a field's
/// type, every message would.
const UNREADABLE_CALLS: Duration = Duration::from_secs(300);

/// The calls for passes by what could not be understood: history may have it in a form that can be.
#[derive(Debug, Default)]
pub(super) struct UnreadableCalls {
    is_waiting: bool,
    last: Option<Instant>,
}

impl UnreadableCalls {
    /// Asks for a pass, now or later.
    pub(super) fn ask(&mut self) {
        self.is_waiting = true;
    }

    /// The pass, if one is waited for and the one before it is long enough ago.
    pub(super) fn due(&mut self) -> Option<Pass> {
        let is_early = |last: Instant| last.elapsed() < UNREADABLE_CALLS;
        if !self.is_waiting || self.last.is_some_and(is_early) {
            return None;
        }
        *self = Self {
            is_waiting: false,
            last: Some(Instant::now()),
        };
        Some(Pass::Catalog)
    }
}

/// What can be read there may be other than it was.
pub(super) fn interrupted(place: Place, heard: Heard) -> Interrupted {
    Interrupted {
        place,
        until: heard.now,
        reason: GapReason::Interrupted,
        stale_since: None,
    }
}

/// Notes where something that could not be understood belongs: a message that may be missing, or
/// one of which a change may be.
pub(super) fn doubt(
    batch: &mut Batch,
    name: &str,
    channel_id: Option<ChannelId>,
    message_id: Option<MessageId>,
    heard: Heard,
) {
    let is_of_a_message = matches!(name, "MESSAGE_UPDATE" | "MESSAGE_DELETE")
        || name.starts_with("MESSAGE_REACTION_")
        || name.starts_with("MESSAGE_POLL_VOTE_");
    if let (true, Some(channel_id), Some(id)) = (is_of_a_message, channel_id, message_id) {
        batch.doubts.push(Doubt {
            channel_id,
            span: IdSpan::of(id),
            stale_since: Some(heard.after),
        });
        return;
    }
    let until = message_id.map_or(heard.now, |id| heard.now.max(id.created_at()));
    batch.interrupted.push(Interrupted {
        place: channel_id.map_or(Place::Everywhere, Place::Channel),
        until: until + TimeDelta::milliseconds(1),
        reason: GapReason::FrameUnreadable,
        stale_since: (name != "MESSAGE_CREATE").then_some(heard.after),
    });
}
