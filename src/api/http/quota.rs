//! How much of the service one key can use: units per minute, and places at the same time. Each key has its own, so
//! that a caller with many requests waits for itself and not the others for it. Callers without a key are counted by
//! their address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::access::Class;
use super::problem::{Code, Problem};

/// How many requests without a key, and with a wrong key, an address may send per minute.
const ANONYMOUS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(600).expect("it is not 0");
const WRONG_KEYS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(20).expect("it is not 0");

/// How long a request waits for a place.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// How many requests of one key can wait for places of one class; more are refused at once.
const MAX_WAITING: usize = 64;

/// How often the states of callers who are gone are forgotten, in requests.
const FORGET_EVERY: usize = 10_000;

/// The headers of the IETF draft "RateLimit header fields for HTTP", draft-ietf-httpapi-ratelimit-headers-11.
pub(crate) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(crate) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

type Limiter<K> =
    RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// The limits of all callers.
pub(crate) struct Quotas {
    /// None if `RATE_LIMIT` is off.
    keys: Option<(NonZeroU32, Limiter<String>)>,
    anonymous: Limiter<IpAddr>,
    wrong_keys: Limiter<IpAddr>,
    places: Mutex<HashMap<String, Arc<Places>>>,
    /// Places for queries of all keys, so that connections to the database are left for pages.
    queries: Arc<Semaphore>,
    counted: std::sync::atomic::AtomicUsize,
}

/// The places of one key.
struct Places {
    page: Arc<Semaphore>,
    query: Arc<Semaphore>,
    search: Arc<Semaphore>,
    report: Arc<Semaphore>,
    waiting: std::sync::atomic::AtomicUsize,
}

/// How many requests of one key are answered at the same time, by class.
const PAGES: usize = 8;
const QUERIES: usize = 2;
const SEARCHES: usize = 2;
const REPORTS: usize = 1;

/// How many queries of all keys are answered at the same time.
const QUERIES_IN_ALL: usize = 4;

/// The state of a caller's limit, for the headers of the response.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Left {
    per_minute: NonZeroU32,
    remaining: u32,
}

impl Left {
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        let Self {
            per_minute,
            remaining,
        } = self;
        // The time until all units are there again.
        let used = per_minute.get().saturating_sub(remaining);
        let seconds = (u64::from(used) * 60).div_ceil(u64::from(per_minute.get()));
        let values = [
            (
                RATE_LIMIT_POLICY,
                format!("\"default\";q={per_minute};w=60"),
            ),
            (RATE_LIMIT, format!("\"default\";r={remaining};t={seconds}")),
        ];
        for (name, value) in values {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }
}

/// A place that is held while a request is answered.
pub(crate) struct Place {
    _places: Vec<OwnedSemaphorePermit>,
}

impl Quotas {
    /// Limits with so many units per minute and key, if there is a limit.
    pub(crate) fn new(per_minute: Option<NonZeroU32>) -> Self {
        Self {
            keys: per_minute.map(|units| (units, limiter(units))),
            anonymous: limiter(ANONYMOUS_PER_MINUTE),
            wrong_keys: limiter(WRONG_KEYS_PER_MINUTE),
            places: Mutex::default(),
            queries: Arc::new(Semaphore::new(QUERIES_IN_ALL)),
            counted: std::sync::atomic::AtomicUsize::new(0),
        }
    }

    /// Takes the units of a request from its key.
    pub(crate) fn take(&self, key_id: &str, class: Class) -> Result<Option<Left>, Problem> {
        self.forget();
        let Some((per_minute, limiter)) = &self.keys else {
            return Ok(None);
        };
        // A limit below the cost of a download must not refuse every download.
        let cost = class.cost().min(per_minute.get());
        let cost = NonZeroU32::new(cost).unwrap_or(NonZeroU32::MIN);
        let detail = || {
            format!(
                "The key has used the {per_minute} units per minute that RATE_LIMIT allows; a {} takes {cost}.",
                class.as_str()
            )
        };
        match limiter.check_key_n(&key_id.to_owned(), cost) {
            Ok(Ok(state)) => Ok(Some(Left {
                per_minute: *per_minute,
                remaining: state.remaining_burst_capacity(),
            })),
            Ok(Err(until)) => Err(too_many(detail(), until.wait_time_from(now()))),
            // The cost is never above the limit.
            Err(_) => Err(too_many(detail(), Duration::from_secs(60))),
        }
    }

    /// Counts a request without a key.
    pub(crate) fn take_anonymous(&self, network: IpAddr) -> Result<(), Problem> {
        self.forget();
        let taken = self.anonymous.check_key(&network);
        taken.map(|_| ()).map_err(|until| {
            let detail = format!(
                "Your address sends more than {ANONYMOUS_PER_MINUTE} requests without a key per minute."
            );
            too_many(detail, until.wait_time_from(now()))
        })
    }

    /// Counts a wrong key.
    pub(crate) fn take_wrong_key(&self, network: IpAddr) -> Result<(), Problem> {
        self.forget();
        let taken = self.wrong_keys.check_key(&network);
        taken.map(|_| ()).map_err(|until| {
            let detail = format!(
                "Your address sent more than {WRONG_KEYS_PER_MINUTE} wrong keys within a minute."
            );
            too_many(detail, until.wait_time_from(now()))
        })
    }

    /// A place for a request, as soon as one of its key's is free.
    pub(crate) async fn place(&self, key_id: &str, class: Class) -> Result<Place, Problem> {
        let places = {
            let mut known = self.places.lock();
            Arc::clone(known.entry(key_id.to_owned()).or_default())
        };
        let own = match class {
            Class::Page => &places.page,
            Class::Query => &places.query,
            Class::Search => &places.search,
            Class::Report => &places.report,
            // It has places of its own, which it holds until its body is sent.
            Class::Download => {
                return Ok(Place {
                    _places: Vec::new(),
                });
            }
        };
        let mut held = Vec::with_capacity(2);
        match Arc::clone(own).try_acquire_owned() {
            Ok(place) => held.push(place),
            Err(_) => {
                let _waiting = Waiting::begin(&places, class)?;
                held.push(wait_for(own, class).await?);
            }
        }
        if class == Class::Query {
            held.push(wait_for(&self.queries, class).await?);
        }
        Ok(Place { _places: held })
    }

    /// Forgets callers who have all their units, now and then.
    fn forget(&self) {
        use std::sync::atomic::Ordering;
        let count = self.counted.fetch_add(1, Ordering::Relaxed);
        if count % FORGET_EVERY == FORGET_EVERY - 1 {
            if let Some((_, limiter)) = &self.keys {
                limiter.retain_recent();
            }
            self.anonymous.retain_recent();
            self.wrong_keys.retain_recent();
            // One reference is the map's own.
            let mut places = self.places.lock();
            places.retain(|_, places| Arc::strong_count(places) > 1 || !places.are_free());
        }
    }
}

/// A request that waits for a place.
struct Waiting<'a>(&'a Places);

impl<'a> Waiting<'a> {
    fn begin(places: &'a Places, class: Class) -> Result<Self, Problem> {
        use std::sync::atomic::Ordering;
        let waiting = Self(places);
        if places.waiting.fetch_add(1, Ordering::Relaxed) >= MAX_WAITING {
            return Err(busy(class));
        }
        Ok(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        use std::sync::atomic::Ordering;
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Places {
    fn default() -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self {
            page: places(PAGES),
            query: places(QUERIES),
            search: places(SEARCHES),
            report: places(REPORTS),
            waiting: std::sync::atomic::AtomicUsize::new(0),
        }
    }
}

impl Places {
    fn are_free(&self) -> bool {
        [
            (&self.page, PAGES),
            (&self.query, QUERIES),
            (&self.search, SEARCHES),
            (&self.report, REPORTS),
        ]
        .iter()
        .all(|(places, count)| places.available_permits() == *count)
    }
}

async fn wait_for(places: &Arc<Semaphore>, class: Class) -> Result<OwnedSemaphorePermit, Problem> {
    let place = Arc::clone(places).acquire_owned();
    match tokio::time::timeout(MAX_WAIT, place).await {
        Ok(Ok(place)) => Ok(place),
        _ => Err(busy(class)),
    }
}

fn busy(class: Class) -> Problem {
    let detail = match class {
        Class::Page => {
            "Too many requests of this key wait for their pages. Send fewer at the same time."
        }
        Class::Query => {
            "Too many requests of this key wait for their queries. Send fewer at the same time."
        }
        Class::Search => {
            "Too many requests of this key wait for their searches. Send fewer at the same time."
        }
        Class::Report => {
            "Too many requests of this key wait for their reports. Send fewer at the same time."
        }
        Class::Download => {
            "Too many downloads of this key are in progress. Send fewer at the same time."
        }
    };
    Problem::new(Code::Busy, detail)
}

fn limiter<K: std::hash::Hash + Eq + Clone>(per_minute: NonZeroU32) -> Limiter<K> {
    RateLimiter::keyed(Quota::per_minute(per_minute))
        .with_middleware::<StateInformationMiddleware>()
}

fn now() -> <DefaultClock as Clock>::Instant {
    DefaultClock::default().now()
}

fn too_many(detail: String, wait: Duration) -> Problem {
    // Power Query waits only if the number is whole, and from 1 on.
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Problem::new(Code::TooManyRequests, detail).after(seconds.max(1))
}
