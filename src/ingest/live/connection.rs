//! What is told of the connections to Discord, in the log and in `/health`: why each ended, and when
//! the next one is made. Lines that would come with every attempt are left out, and counted.

use chrono::TimeDelta;
use tokio::time::Instant;
use tracing::{info, warn};

use super::lines::ConnectionLines;
use super::{Following, Live};
use crate::discord::gateway::Ended;
use crate::status::{ConnectionEnd, GatewayState};

impl Live {
    /// A connection ended, or could not be made.
    pub(super) fn connection_ended(&mut self, ended: &Ended) {
        self.following = Following::No;
        let Ended {
            cause,
            attempts,
            pause,
        } = ended;
        let now = self.clock.now();
        let end = ConnectionEnd {
            at: now,
            close_code: cause.close_code(),
            http_status: cause.http_status(),
            cause: cause.to_string(),
            next_attempt_at: now + TimeDelta::from_std(*pause).unwrap_or(TimeDelta::zero()),
        };
        self.status.send_modify(|status| {
            status.gateway.state = GatewayState::Connecting;
            status.gateway.attempts = *attempts;
            status.gateway.last_end = Some(end);
        });
        let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        if cause.ends_the_session() {
            if let Some(left_out) = self.lines.session_refused.pass(Instant::now()) {
                let left_out = (left_out > 0).then_some(left_out);
                warn!(
                    attempts,
                    pause_ms,
                    left_out,
                    "Discord did not let the session be resumed (invalid session, op 9). A new session begins; \
                     the messages that were missed are read from history. Edits and deletes that were missed \
                     are looked for in messages of the last days (REPAIR_WINDOW); for older ones run \
                     `guildlake backfill --verify`"
                );
            }
        } else if let Some(left_out) = self.lines.ended.pass(Instant::now()) {
            let left_out = (left_out > 0).then_some(left_out);
            warn!(
                %cause,
                attempts,
                pause_ms,
                left_out,
                "not connected to Discord; the next attempt follows after the pause"
            );
        }
    }

    /// A session was followed for a while.
    pub(super) fn connection_holds(&mut self) {
        let mut attempts = 0;
        self.status.send_modify(|status| {
            attempts = std::mem::take(&mut status.gateway.attempts);
        });
        if attempts > 1 {
            info!(attempts, "live: the connection to Discord holds again");
        }
        self.lines = ConnectionLines::default();
    }

    pub(super) fn tell_session_begun(&self) {
        if let Some(left_out) = self.lines.session_begun.pass(Instant::now()) {
            let left_out = (left_out > 0).then_some(left_out);
            info!(left_out, "live: a new session with Discord");
        }
    }

    pub(super) fn tell_session_resumed(&self) {
        if let Some(left_out) = self.lines.session_resumed.pass(Instant::now()) {
            let left_out = (left_out > 0).then_some(left_out);
            info!(left_out, "live: the session with Discord was resumed");
        }
    }
}
