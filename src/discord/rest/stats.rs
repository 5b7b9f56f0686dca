//! Counters of requests and their results, for the status and the log.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{DATE, HeaderMap};
use serde::Serialize;

use crate::clock::Clock;
use crate::log_lines::LogLines;

/// The running counters.
#[derive(Debug, Default)]
pub(super) struct RestStats {
    pub(super) requests: Counter,
    pub(super) retries: Counter,
    pub(super) faults: Counter,
    pub(super) rate_limited: Counter,
    pub(super) refused: Counter,
    pub(super) skipped_items: Counter,
    waited_ms: Counter,
    pub(super) limit_lines: LogLines,
    pub(super) fault_lines: LogLines,
    pub(super) clock: Clock,
}

/// The use of Discord's REST API since the process started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RestStatus {
    /// Sent requests, counting each attempt.
    pub requests: u64,
    /// Requests that were repeated after a failure or a 429.
    pub retries: u64,
    /// Failures: 5xx, incomplete responses, no response.
    pub faults: u64,
    /// 429 responses.
    pub rate_limited: u64,
    /// Refusals: 400, 401, 403, 404.
    pub refused: u64,
    /// Items of lists (channels, threads, roles) that could not be parsed.
    pub skipped_items: u64,
    /// The total delay of requests by rate limits and after failures, in milliseconds.
    pub waited_ms: u64,
    /// Invalid requests by Discord's definition, in the window of the last minutes.
    pub invalid_recent: u64,
    /// How long all requests are paused from now on, in milliseconds; 0 if they are not.
    pub paused_ms: u64,
}

impl RestStats {
    pub(super) fn waited(&self, time: Duration) {
        self.waited_ms.add(millis(time));
    }

    pub(super) fn snapshot(&self, invalid: usize, paused: Duration) -> RestStatus {
        RestStatus {
            requests: self.requests.get(),
            retries: self.retries.get(),
            faults: self.faults.get(),
            rate_limited: self.rate_limited.get(),
            refused: self.refused.get(),
            skipped_items: self.skipped_items.get(),
            waited_ms: self.waited_ms.get(),
            invalid_recent: invalid as u64,
            paused_ms: millis(paused),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The time in a response.
pub(super) fn date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let date = headers.get(DATE)?.to_str().ok()?;
    Some(DateTime::parse_from_rfc2822(date).ok()?.to_utc())
}

/// A counter.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn one(&self) {
        self.add(1);
    }

    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
