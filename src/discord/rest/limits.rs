//! The pacing of requests. twilight's rate limiter learns Discord's buckets from the headers, and lets one
//! request at a time into each. This module keeps the rate over all buckets, as evenly spaced turns instead of
//! bursts, and the pause of all requests after a global 429.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep_until};
use twilight_http_ratelimiting::{Endpoint, Method, Permit, RateLimitHeaders, RateLimiter};

use super::answer::{Limited, seconds};
use super::route::Route;
use super::settings::RestSettings;

/// The pacing of all requests.
#[derive(Debug)]
pub(super) struct Pacing {
    buckets: RateLimiter,
    gap: Duration,
    turns: Mutex<Turns>,
}

#[derive(Debug)]
struct Turns {
    next: Instant,
    paused_until: Instant,
}

/// A turn this near is taken at once, because the timer counts in milliseconds.
const TIMER_STEP: Duration = Duration::from_millis(1);

impl Pacing {
    pub(super) fn new(requests_per_second: u16) -> Self {
        let now = Instant::now();
        Self {
            // The limiter's own global limit is off: it works in bursts, and forgets requests that wait for it
            // when all requests before them are cancelled within a second.
            buckets: RateLimiter::new(u16::MAX),
            gap: Duration::from_secs(1) / u32::from(requests_per_second.max(1)),
            turns: Mutex::new(Turns {
                next: now,
                paused_until: now,
            }),
        }
    }

    /// Waits until a request to `route` may be sent. While the permit is held, no other request of the same
    /// bucket may be sent.
    pub(super) async fn permit(&self, route: &Route) -> Permit {
        let permit = self
            .buckets
            .acquire(Endpoint {
                method: Method::Get,
                path: route.limiter_path.clone(),
            })
            .await;
        self.turn().await;
        permit
    }

    /// Waits for this request's turn among all requests.
    pub(super) async fn turn(&self) {
        loop {
            let at = {
                let mut turns = self.turns();
                let at = turns.next.max(turns.paused_until).max(Instant::now());
                turns.next = at + self.gap;
                at
            };
            if at.saturating_duration_since(Instant::now()) >= TIMER_STEP {
                sleep_until(at).await;
            }
            // A pause that began meanwhile also applies to requests that already had their turn.
            if self.paused_for().is_zero() {
                return;
            }
        }
    }

    /// Pauses all requests for `wait` from now on.
    pub(super) fn pause(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut turns = self.turns();
        turns.paused_until = turns.paused_until.max(until);
    }

    /// The rest of the pause of all requests.
    pub(super) fn paused_for(&self) -> Duration {
        self.turns()
            .paused_until
            .saturating_duration_since(Instant::now())
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock()
    }
}

/// The state of the bucket according to a response, if it has one, limited to plausible times: the rate
/// limiter's timer panics on times some years ahead.
pub(super) fn bucket_of(
    headers: &reqwest::header::HeaderMap,
    settings: &RestSettings,
) -> Option<RateLimitHeaders> {
    let text = |name| headers.get(name)?.to_str().ok();
    let reset_after = seconds(text(RateLimitHeaders::RESET_AFTER)?)?.min(settings.limit_max_wait);
    Some(RateLimitHeaders {
        bucket: headers.get(RateLimitHeaders::BUCKET)?.as_bytes().to_vec(),
        limit: text(RateLimitHeaders::LIMIT)?.parse().ok()?,
        remaining: text(RateLimitHeaders::REMAINING)?.parse().ok()?,
        reset_at: (Instant::now() + reset_after).into_std(),
    })
}

/// The pause after the `in_row`-th 429 in a row (from 1): the time that the response names, but at least a
/// little and at most the maximum, and longer each time if the named time is too short.
pub(super) fn wait_after(limited: &Limited, in_row: u32, settings: &RestSettings) -> Duration {
    let doubled = |first: Duration| {
        first
            .saturating_mul(1 << (in_row.clamp(1, 17) - 1))
            .min(settings.backoff_max)
    };
    let least = doubled(settings.limit_min_wait);
    let wait = limited
        .retry_after
        .unwrap_or_else(|| doubled(settings.limit_default_wait))
        .clamp(least.min(settings.limit_max_wait), settings.limit_max_wait);
    // Requests that wait for the same moment must not be sent all at once.
    wait + fraction(wait / 10 + settings.limit_min_wait)
}

/// A random part of `whole`.
fn fraction(whole: Duration) -> Duration {
    // The keys of a hasher are the standard library's source of randomness.
    let random = RandomState::new().hash_one(0_u8) >> 32;
    whole.mul_f64(random as f64 / f64::from(u32::MAX))
}
