//! What the live side has to ask Discord to understand what it hears: what time it is, and who it is.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use tracing::warn;

use super::Live;
use crate::message::{MessageId, UserId};

/// How far ahead of Discord's clock an id may be: the clock is known to a second or two.
const AHEAD: TimeDelta = TimeDelta::seconds(60);

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long the clock is trusted against ids that are ahead of it, after it was found to be right.
const TRUSTED_FOR: Duration = Duration::from_secs(60);

impl Live {
    /// Whether a message's id is of a time that is still to come. Such a message is kept, and says
    /// nothing of how far the session is. The clock goes by the answers of Discord, and may have stood
    /// still since the last one: a machine that is paused notices nothing.
    pub(super) async fn is_ahead(&mut self, id: MessageId) -> bool {
        let is_to_come = |live: &Self| id.created_at() > live.clock.now() + AHEAD;
        if !is_to_come(self) {
            return false;
        }
        let is_trusted = |at: Instant| at.elapsed() < TRUSTED_FOR;
        if !self.clock_was_right.is_some_and(is_trusted) {
            // Any answer tells the time.
            let asked = tokio::time::timeout(PATIENCE, self.rest.me()).await;
            if !is_to_come(self) {
                return false;
            }
            if matches!(asked, Ok(Ok(_))) {
                self.clock_was_right = Some(Instant::now());
                warn!(message_id = %id, "a message has an id in the future by Discord's clock; it is stored, but the coverage is not extended into the future");
            }
        }
        self.status
            .send_modify(|status| status.backfill.odd_answers.ids_ahead += 1);
        true
    }

    /// Whether a user is this bot. A session that was resumed does not say who it is of. If that can't
    /// be asked, it may be.
    pub(super) async fn is_me(&mut self, user: UserId) -> bool {
        if self.me.is_none() {
            let answer = tokio::time::timeout(PATIENCE, self.rest.me()).await;
            self.me = answer.ok().and_then(Result::ok).map(|me| me.id);
        }
        self.me.is_none_or(|me| me == user)
    }
}
