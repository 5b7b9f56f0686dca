//! The time limits, retries and pacing of requests.

use std::time::Duration;

/// The time limits, retries and pacing of requests. The defaults are for Discord itself; tests use shorter
/// times.
#[derive(Debug, Clone)]
pub struct RestSettings {
    /// The time limit for a connection.
    pub connect_timeout: Duration,
    /// The time limit for a request, until the last byte of its response.
    pub request_timeout: Duration,
    /// Requests per second over all routes. Discord allows 50; the difference is for requests that the network
    /// delivers together.
    pub requests_per_second: u16,
    /// The maximum number of attempts for a request with transient failures (5xx, an incomplete response, no
    /// response).
    pub attempts: usize,
    /// The first pause after a transient failure; each further pause is twice as long.
    pub backoff_min: Duration,
    /// The longest pause after a transient failure.
    pub backoff_max: Duration,
    /// A request is not repeated once its failures have lasted this long, however few they were.
    pub give_up_after: Duration,
    /// The shortest pause after a 429, whatever the response says; doubles with each 429 in a row.
    pub limit_min_wait: Duration,
    /// The first pause after a 429 that names no time; doubles with each 429 in a row.
    pub limit_default_wait: Duration,
    /// The longest pause after a 429, whatever the response says.
    pub limit_max_wait: Duration,
    /// The number of invalid requests (401, 403, 429 that are not shared) within `invalid_window` after which
    /// requests stop. Discord bans an IP address after 10,000 in 10 minutes.
    pub invalid_limit: usize,
    /// The window in which invalid requests are counted.
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
