//! How patiently Discord is asked.

use std::time::Duration;

/// How patiently Discord is asked. The defaults are for Discord itself; tests are less patient.
#[derive(Debug, Clone)]
pub struct RestSettings {
    /// The time to make a connection.
    pub connect_timeout: Duration,
    /// The time of one request, to the last byte of its answer.
    pub request_timeout: Duration,
    /// Requests per second over all routes. Discord allows 50; some room is left for requests
    /// that the network pushes together.
    pub requests_per_second: u16,
    /// How often a request is sent at most when the answers are faulty (5xx, cut, no answer).
    pub attempts: usize,
    /// The first pause after a faulty answer; the next ones double.
    pub backoff_min: Duration,
    /// The longest pause after a faulty answer.
    pub backoff_max: Duration,
    /// No further attempt once faults have lasted this long, however few they were.
    pub give_up_after: Duration,
    /// The least pause after a 429, whatever it says; doubles with each 429 in a row.
    pub limit_min_wait: Duration,
    /// The first pause after a 429 that names none; doubles with each 429 in a row.
    pub limit_default_wait: Duration,
    /// The longest pause after a 429, whatever it says.
    pub limit_max_wait: Duration,
    /// How many invalid requests (401, 403, 429 of our own making) there may be in
    /// `invalid_window` before requests stop. Discord bans the address at 10,000 in 10 minutes.
    pub invalid_limit: usize,
    /// The window in which they are counted.
    pub invalid_window: Duration,
}

impl Default for RestSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            requests_per_second: 45,
            attempts: 6,
            backoff_min: Duration::from_millis(500),
            backoff_max: Duration::from_secs(30),
            give_up_after: Duration::from_secs(180),
            limit_min_wait: Duration::from_millis(100),
            limit_default_wait: Duration::from_secs(2),
            limit_max_wait: Duration::from_secs(900),
            invalid_limit: 2_000,
            invalid_window: Duration::from_secs(600),
        }
    }
}
