//! Marks coverage as suspect after an event: where live events may have been missed, and where something could
//! not be parsed. The database stores it as a gap, or as a stale range to read again.

use std::time::{Duration, Instant};

use chrono::TimeDelta;

use super::pass_context::Pass;
use crate::discord::news::Heard;
use crate::guild::{Doubt, GapReason, Interrupted, Place};
use crate::message::{ChannelId, IdRange, MessageId};
use crate::store::Batch;

/// The minimum time between passes that are requested because something could not be parsed: if Discord changed
/// the type of a field, every message would request one.
const UNREADABLE_CALLS: Duration = Duration::from_secs(300);

/// Requests passes after unparsable events, because the history may have a form that can be parsed.
#[derive(Debug, Default)]
pub(super) struct UnreadableCalls {
    is_waiting: bool,
    last: Option<Instant>,
}

impl UnreadableCalls {
    /// Requests a pass, now or later.
    pub(super) fn ask(&mut self) {
        self.is_waiting = true;
    }

    /// The requested pass, if the last one is long enough ago.
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

/// The place whose permissions may have changed, as an interruption of its coverage.
pub(super) fn interrupted(place: Place, heard: Heard) -> Interrupted {
    Interrupted {
        place,
        until: heard.now,
        reason: GapReason::Interrupted,
        stale_since: None,
    }
}

/// Marks the ranges that an unparsable event makes suspect: a message may be missing, or a change of a message.
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
            range: IdRange::of(id),
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
