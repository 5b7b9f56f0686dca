//! The count of invalid requests. Discord bans an address for a while after 10,000 of them (401,
//! 403, and 429 that are not shared) in 10 minutes, so this stops well before.
//! Source: <https://discord.com/developers/docs/topics/rate-limits#invalid-request-limit-aka-cloudflare-bans>

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// When the invalid requests of the last minutes were.
#[derive(Debug)]
pub(super) struct InvalidRequests {
    limit: usize,
    window: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    times: VecDeque<Instant>,
    /// Set when the limit was reached: no requests before all of them have left the window.
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

    /// Counts one. Answers whether this one was one too many.
    pub(super) fn note(&self) -> bool {
        let now = Instant::now();
        let mut state = self.state(now);
        if state.times.len() == self.limit {
            state.times.pop_front();
        }
        state.times.push_back(now);
        let open = state.closed_until.is_none();
        if state.times.len() == self.limit {
            // Requests that were under way when it closed push the time on.
            state.closed_until = Some(now + self.window);
        }
        open && state.closed_until.is_some()
    }

    /// # Errors
    /// The time to wait, if no request may be sent now.
    pub(super) fn check(&self) -> Result<(), Duration> {
        let now = Instant::now();
        match self.state(now).closed_until {
            Some(until) => Err(until - now),
            None => Ok(()),
        }
    }

    /// How many there were in the window.
    pub(super) fn count(&self) -> usize {
        self.state(Instant::now()).times.len()
    }

    /// The state without what has left the window.
    fn state(&self, now: Instant) -> std::sync::MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
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

    #[tokio::test(start_paused = true)]
    async fn stops_at_the_limit_and_opens_when_the_window_is_clear() {
        let guard = InvalidRequests::new(3, WINDOW);
        assert!(!guard.note());
        assert!(!guard.note());
        assert_eq!(guard.check(), Ok(()));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(guard.note());
        assert_eq!(guard.check(), Err(WINDOW));
        tokio::time::advance(WINDOW - Duration::from_secs(1)).await;
        assert_eq!(guard.check(), Err(Duration::from_secs(1)));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(guard.check(), Ok(()));
        assert_eq!(guard.count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn forgets_what_left_the_window() {
        let guard = InvalidRequests::new(3, WINDOW);
        for _ in 0..10 {
            guard.note();
            tokio::time::advance(Duration::from_secs(300)).await;
            assert_eq!(guard.check(), Ok(()));
        }
        assert_eq!(guard.count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_were_under_way_push_the_time_on() {
        let guard = InvalidRequests::new(1, WINDOW);
        assert!(guard.note());
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(!guard.note());
        assert_eq!(guard.check(), Err(WINDOW));
        assert_eq!(guard.count(), 1);
    }
}
