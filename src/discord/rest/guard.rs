//! The count of invalid requests. Discord bans an IP address for a while after 10,000 of them (401, 403, and
//! 429 that are not shared) in 10 minutes, so requests stop well before that. Source:
//! <https://discord.com/developers/docs/topics/rate-limits#invalid-request-limit-aka-cloudflare-bans>

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// The times of the invalid requests within the window.
#[derive(Debug)]
pub(super) struct InvalidRequests {
    limit: usize,
    window: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    times: VecDeque<Instant>,
    /// Set when the limit was reached: no request is sent until all of them have left the window.
    closed_until: Option<Instant>,
}

impl InvalidRequests {
    pub(super) fn new(limit: usize, window: Duration) -> Self {
        Self {
            limit: limit.max(1),
            window,
            state: Mutex::default(),
        }
    }

    /// Counts an invalid request at `now`. Returns whether it was the one that reached the limit.
    pub(super) fn note(&self, now: Instant) -> bool {
        let mut state = self.state(now);
        if state.times.len() == self.limit {
            state.times.pop_front();
        }
        state.times.push_back(now);
        let open = state.closed_until.is_none();
        if state.times.len() == self.limit {
            // Invalid responses to requests that were in flight extend the time.
            state.closed_until = Some(now + self.window);
        }
        open && state.closed_until.is_some()
    }

    /// # Errors
    /// The time to wait, if no request may be sent now.
    pub(super) fn check(&self, now: Instant) -> Result<(), Duration> {
        match self.state(now).closed_until {
            Some(until) => Err(until - now),
            None => Ok(()),
        }
    }

    /// The number of invalid requests within the window.
    pub(super) fn count(&self, now: Instant) -> usize {
        self.state(now).times.len()
    }

    /// The state, after removing the requests that have left the window.
    fn state(&self, now: Instant) -> parking_lot::MutexGuard<'_, State> {
        let mut state = self.state.lock();
        while state
            .times
            .front()
            .is_some_and(|time| now.duration_since(*time) >= self.window)
        {
            state.times.pop_front();
        }
        if state.closed_until.is_some_and(|until| until <= now) {
            state.closed_until = None;
        }
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(600);
    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn stops_at_the_limit_and_opens_when_the_window_is_clear() {
        let guard = InvalidRequests::new(3, WINDOW);
        let start = Instant::now();
        assert!(!guard.note(start));
        assert!(!guard.note(start));
        assert_eq!(guard.check(start), Ok(()));
        let closed = start + MINUTE;
        assert!(guard.note(closed));
        assert_eq!(guard.check(closed), Err(WINDOW));
        // The first two have left the window by now, the third has not.
        assert_eq!(guard.check(start + WINDOW), Err(MINUTE));
        assert_eq!(guard.count(start + WINDOW), 1);
        assert_eq!(guard.check(closed + WINDOW), Ok(()));
        assert_eq!(guard.count(closed + WINDOW), 0);
    }

    #[test]
    fn forgets_what_left_the_window() {
        let guard = InvalidRequests::new(3, WINDOW);
        let mut now = Instant::now();
        for _ in 0..10 {
            assert!(!guard.note(now));
            now += WINDOW / 2;
            assert_eq!(guard.check(now), Ok(()));
        }
        assert_eq!(guard.count(now), 1);
    }

    #[test]
    fn answers_that_were_under_way_push_the_time_on() {
        let guard = InvalidRequests::new(1, WINDOW);
        let start = Instant::now();
        assert!(guard.note(start));
        assert!(!guard.note(start + MINUTE));
        assert_eq!(guard.check(start + MINUTE), Err(WINDOW));
        assert_eq!(guard.count(start + MINUTE), 1);
    }
}
