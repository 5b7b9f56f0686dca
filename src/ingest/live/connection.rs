//! Reports the connections to Discord in the log and in `/health`: why each one ended, and when the next one is
//! attempted. Lines that would repeat with every attempt are suppressed and counted.

use chrono::TimeDelta;
use tokio::time::Instant;
use tracing::{info, warn};

use super::lines::ConnectionLines;
use super::{Following, Live};
use crate::discord::gateway::Ended;
use crate::status::{ConnectionEnd, GatewayState};

impl Live {
    /// A connection ended or could not be established.
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
                    "Discord refused to resume the gateway session (invalid session, op 9). A new session is started, \
                     and missed messages are read from the history. Missed edits and deletes are only looked for in \
                     messages of the last days (REPAIR_WINDOW); for older messages run `guildlake backfill --verify`"
                );
            }
        } else if let Some(left_out) = self.lines.ended.pass(Instant::now()) {
            let left_out = (left_out > 0).then_some(left_out);
            warn!(
                %cause,
                attempts,
                pause_ms,
                left_out,
                "the connection to Discord ended or failed; the next attempt follows after the pause"
            );
        }
    }

    /// A session was followed for a while without interruption.
    pub(super) fn connection_holds(&mut self) {
        let mut attempts = 0;
        self.status.send_modify(|status| {
            attempts = std::mem::take(&mut status.gateway.attempts);
        });
        if attempts > 1 {
            info!(attempts, "live: the connection to Discord is stable again");
        }
        self.lines = ConnectionLines::default();
    }

    pub(super) fn tell_session_begun(&self) {
        if let Some(left_out) = self.lines.session_begun.pass(Instant::now()) {
            let left_out = (left_out > 0).then_some(left_out);
            info!(left_out, "live: a new gateway session with Discord started");
        }
    }

    pub(super) fn tell_session_resumed(&self) {
        if let Some(left_out) = self.lines.session_resumed.pass(Instant::now()) {
            let left_out = (left_out > 0).then_some(left_out);
            info!(
                left_out,
                "live: the gateway session with Discord was resumed"
            );
        }
    }
}
