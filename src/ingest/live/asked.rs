//! What the live side has to request from Discord to interpret events: the current time, and the bot's own
//! user.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use tracing::warn;

use super::Live;
use crate::message::{MessageId, UserId};

/// How far ahead of Discord's clock an id may be, since the clock is only known to a second or two.
const AHEAD: TimeDelta = TimeDelta::seconds(60);

/// How long to wait for a response.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long a verified clock is trusted against ids in the future.
const TRUSTED_FOR: Duration = Duration::from_secs(60);

impl Live {
    /// Whether a message's id contains a time in the future. Such a message is stored, but it does not advance
    /// the position of the session. The clock follows Discord's responses and may have stood still since the
    /// last one, because a suspended machine does not notice it.
    pub(super) async fn is_ahead(&mut self, id: MessageId) -> bool {
        let is_to_come = |live: &Self| id.created_at() > live.clock.now() + AHEAD;
        if !is_to_come(self) {
            return false;
        }
        let is_trusted = |at: Instant| at.elapsed() < TRUSTED_FOR;
        if !self.clock_was_right.is_some_and(is_trusted) {
            // Any response contains the time.
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

    /// Whether a user is this bot. A resumed session does not tell whose it is. If the request fails, the user
    /// may be the bot.
    pub(super) async fn is_me(&mut self, user: UserId) -> bool {
        if self.me.is_none() {
            let answer = tokio::time::timeout(PATIENCE, self.rest.me()).await;
            self.me = answer.ok().and_then(Result::ok).map(|me| me.id);
        }
        self.me.is_none_or(|me| me == user)
    }
}
