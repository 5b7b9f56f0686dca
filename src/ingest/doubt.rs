//! What an event makes doubtful: where live events may have been missed, and where something came
//! that could not be understood. The record notes it as a gap, or as a range to read again.

use chrono::TimeDelta;

use crate::discord::dispatch::Heard;
use crate::message::{ChannelId, IdSpan, MessageId};
use crate::store::{Batch, Doubt, GapReason, Interrupted, Place};

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
    if let ("MESSAGE_UPDATE" | "MESSAGE_DELETE", Some(channel_id), Some(id)) =
        (name, channel_id, message_id)
    {
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
