//! The pauses between connections: they grow, with jitter, until a session was followed for a while.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use super::end::Cause;

/// The pauses and timeouts of reconnects. The defaults are for Discord itself; tests use shorter ones.
#[derive(Debug, Clone, Copy)]
pub struct ReconnectSettings {
    /// The first pause after a connection has ended; further pauses double. A random part of up to the same
    /// length is added, so that not all bots reconnect at the same moment.
    pub min_pause: Duration,
    /// The longest pause, without the random part.
    pub max_pause: Duration,
    /// How long a session has to be followed until the pauses start from the beginning.
    pub holds_after: Duration,
    /// How long the first frame (Hello) may take on a connection that was accepted.
    pub hello_within: Duration,
    /// How long READY or RESUMED, or the next event before it, may take after the request.
    pub session_within: Duration,
}

impl Default for ReconnectSettings {
    fn default() -> Self {
        Self {
            min_pause: Duration::from_secs(1),
            max_pause: Duration::from_secs(30),
            holds_after: Duration::from_secs(60),
            hello_within: Duration::from_secs(20),
            session_within: Duration::from_secs(60),
        }
    }
}

/// The present pause, and the number of failed connections in a row.
#[derive(Debug)]
pub(super) struct Pauses {
    settings: ReconnectSettings,
    delays: ExponentialBackoff,
    attempts: u32,
}

impl Pauses {
    pub(super) fn new(settings: ReconnectSettings) -> Self {
        Self {
            settings,
            delays: delays(settings),
            attempts: 0,
        }
    }

    /// Records that a session was followed long enough.
    pub(super) fn hold(&mut self) {
        *self = Self::new(self.settings);
    }

    /// Records that a connection has ended; returns the pause before the next one, and the number of failed
    /// connections in a row.
    pub(super) fn end(&mut self, cause: &Cause) -> (Duration, u32) {
        self.attempts = self.attempts.saturating_add(1);
        let pause = if cause.ends_the_session() {
            // The other side works and expects a new session. Without a session to refuse, this can't repeat
            // endlessly.
            delays(self.settings).next()
        } else {
            self.delays.next()
        };
        (pause.unwrap_or(self.settings.max_pause), self.attempts)
    }
}

fn delays(settings: ReconnectSettings) -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(settings.min_pause)
        .with_max_delay(settings.max_pause)
        .without_max_times()
        .with_jitter()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_begin_anew_once_a_session_held() {
        let settings = ReconnectSettings::default();
        let mut pauses = Pauses::new(settings);
        for (ended, base) in (1..).zip([1, 2, 4, 8, 16, 30, 30, 30]) {
            let base = Duration::from_secs(base);
            let (pause, attempts) = pauses.end(&Cause::Reconnect);
            assert_eq!(attempts, ended);
            assert!((base..=2 * base).contains(&pause), "{pause:?}");
        }
        pauses.hold();
        let (pause, attempts) = pauses.end(&Cause::Reconnect);
        assert_eq!(attempts, 1);
        assert!(pause <= 2 * settings.min_pause, "{pause:?}");
    }

    /// The sum is what counts: whatever chance adds, and whatever the other side does.
    #[test]
    fn at_most_twelve_connections_in_a_minute() {
        let refused = Cause::InvalidSession {
            resumable: false,
            resuming: true,
        };
        // Closed again and again; a session begun and refused in turn.
        for causes in [
            [Cause::Reconnect, Cause::Reconnect],
            [Cause::Dropped, refused],
        ] {
            for _ in 0..1000 {
                let mut pauses = Pauses::new(ReconnectSettings::default());
                let mut at = Duration::ZERO;
                let mut connections = 0;
                let mut causes = causes.iter().cycle();
                while at < Duration::from_secs(60) {
                    connections += 1;
                    at += pauses.end(causes.next().unwrap()).0;
                }
                assert!(connections <= 12, "{connections}");
            }
        }
    }
}
