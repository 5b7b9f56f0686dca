//! Rate limits: a bucket for each route and major parameter, fifty a second over all, and the ban for those who
//! do not listen. The headers are on every answer, enforced or not.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::Call;
use crate::config::Limits;
use crate::random::hash;

/// What was used of each limit.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    buckets: HashMap<u64, (Instant, u32)>,
    global: Option<(Instant, u32)>,
    invalid: VecDeque<Instant>,
}

/// What the limits say to a request.
pub(crate) struct Passed {
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Seconds to wait, and whether it is the global limit.
    pub(crate) refused: Option<(f64, bool)>,
}

impl Meter {
    pub(crate) fn count_invalid(&mut self) {
        self.invalid.push_back(Instant::now());
    }

    /// How many invalid requests the last ten minutes had.
    pub(crate) fn invalid(&mut self) -> usize {
        while self
            .invalid
            .front()
            .is_some_and(|time| time.elapsed() > Duration::from_secs(600))
        {
            self.invalid.pop_front();
        }
        self.invalid.len()
    }

    /// Whether the address is banned.
    pub(crate) fn banned(&mut self, limits: &Limits) -> bool {
        self.invalid() >= limits.invalid as usize
    }

    pub(crate) fn pass(&mut self, limits: &Limits, call: &Call) -> Passed {
        let now = Instant::now();
        let route = route(call);
        let major = call
            .segments
            .iter()
            .take(2)
            .fold(0, |sum, part| hash(part) ^ sum << 1);
        let bucket = self.buckets.entry(hash(&route) ^ major).or_insert((now, 0));
        if now.duration_since(bucket.0) >= limits.window {
            *bucket = (now, 0);
        }
        let left = limits
            .window
            .saturating_sub(now.duration_since(bucket.0))
            .as_secs_f64();
        let mut refused = None;
        if limits.enforced {
            let global = self.global.get_or_insert((now, 0));
            if now.duration_since(global.0) >= Duration::from_secs(1) {
                *global = (now, 0);
            }
            if global.1 >= limits.global_per_second {
                refused = Some((1.0 - now.duration_since(global.0).as_secs_f64(), true));
            } else if bucket.1 >= limits.per_bucket {
                refused = Some((left, false));
            } else {
                global.1 += 1;
                bucket.1 += 1;
            }
        }
        let used = if limits.enforced { bucket.1 } else { 1 };
        let reset = chrono::Utc::now().timestamp_micros() as f64 / 1e6 + left;
        let headers = vec![
            ("x-ratelimit-limit", limits.per_bucket.to_string()),
            (
                "x-ratelimit-remaining",
                limits.per_bucket.saturating_sub(used).to_string(),
            ),
            ("x-ratelimit-reset", format!("{reset:.3}")),
            ("x-ratelimit-reset-after", format!("{left:.3}")),
            (
                "x-ratelimit-bucket",
                format!("{:016x}{:016x}", hash(&route), hash(&route).rotate_left(17)),
            ),
        ];
        Passed { headers, refused }
    }
}

/// The route: the path with ids taken out.
fn route(call: &Call) -> String {
    let parts = call.segments.iter().map(|part| {
        if part.bytes().all(|b| b.is_ascii_digit()) {
            ":id"
        } else {
            part
        }
    });
    parts.fold(call.method.clone(), |route, part| route + "/" + part)
}
