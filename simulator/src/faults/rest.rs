//! What can go wrong with requests: rules that match a path, a number of times, with a probability.
//! The first rule that matches and whose draw succeeds decides.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::random::rng;

/// A rule: which requests something goes wrong with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestFault {
    /// A pattern for the path with its query, from the first `/` after `/api/v10`; `*` stands for anything:
    /// `/channels/*/messages*`.
    #[serde(default = "everything")]
    pub path: String,
    /// What goes wrong.
    pub kind: RestFaultKind,
    /// How often; without it, always.
    #[serde(default)]
    pub times: Option<u32>,
    /// How many matching requests are spared first.
    #[serde(default)]
    pub skip: u32,
    /// The chance (0 to 1) that a matching request is hit, drawn from the seed.
    #[serde(default = "certain")]
    pub probability: f64,
}

fn everything() -> String {
    "*".to_owned()
}

fn certain() -> f64 {
    1.0
}

impl RestFault {
    /// Every matching request is hit.
    #[must_use]
    pub fn on(path: impl Into<String>, kind: RestFaultKind) -> Self {
        Self {
            path: path.into(),
            kind,
            times: None,
            skip: 0,
            probability: 1.0,
        }
    }

    /// Only so many requests are hit.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// So many matching requests are spared first.
    #[must_use]
    pub fn after(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    /// A matching request is hit with this chance.
    #[must_use]
    pub fn probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }
}

/// Whose limit a 429 is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The bot's own, for one route.
    User,
    /// The resource's, shared by everybody; it does not count as an invalid request.
    Shared,
    /// The bot's own, over all routes.
    Global,
}

impl Scope {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Shared => "shared",
            Self::Global => "global",
        }
    }
}

/// What goes wrong with a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum RestFaultKind {
    /// 429 as Discord's API writes it.
    RateLimited {
        /// Whose limit.
        scope: Scope,
        /// Seconds to wait.
        retry_after: f64,
    },
    /// 429 as Cloudflare writes it: HTML, with `Retry-After` only.
    CloudflareRateLimited {
        /// Seconds to wait.
        retry_after: u32,
    },
    /// 429 with no headers and no body that says anything.
    BareRateLimited,
    /// 429 whose `retry_after` and `Retry-After` are not numbers.
    UnparsableRetryAfter,
    /// 401.
    Unauthorized,
    /// 403 with code 50001, or another.
    Forbidden {
        /// Discord's error code.
        #[serde(default = "missing_access")]
        code: u32,
    },
    /// 404 with code 10003 (unknown channel), or another.
    NotFound {
        /// Discord's error code.
        #[serde(default = "unknown_channel")]
        code: u32,
    },
    /// A 5xx with an HTML body.
    ServerError {
        /// 500, 502, 503 or 504.
        status: u16,
    },
    /// No answer, ever.
    Hang,
    /// The right answer, late.
    Delay {
        /// By so many milliseconds.
        ms: u64,
    },
    /// The connection is closed in the middle of the body.
    CutBody,
    /// `Content-Length` says more than comes.
    WrongContentLength,
    /// A page of history that begins with messages of the page before.
    OverlappingPage {
        /// How many messages.
        by: usize,
    },
    /// After a page of history, messages of the next older page are deleted.
    DeleteBetweenPages {
        /// How many messages.
        count: usize,
    },
    /// One message of the page breaks the schema but has its id.
    OddMessage,
    /// One message of the page says that it is of another channel.
    StrayMessage,
    /// One more item is in the page whose id is no snowflake.
    GarbageId,
    /// The channel is deleted before the request is answered.
    DeleteChannel,
}

fn missing_access() -> u32 {
    50_001
}

fn unknown_channel() -> u32 {
    10_003
}

/// The rules that are switched on.
#[derive(Debug)]
pub(crate) struct Rules {
    rules: Vec<(u64, RestFault)>,
    rng: ChaCha8Rng,
}

impl Default for Rules {
    fn default() -> Self {
        Self::new(0)
    }
}

impl Rules {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rules: Vec::new(),
            rng: rng(seed, 4),
        }
    }

    pub(crate) fn add(&mut self, number: u64, fault: RestFault) {
        self.rules.push((number, fault));
    }

    pub(crate) fn remove(&mut self, number: u64) {
        self.rules.retain(|(at, _)| *at != number);
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// What goes wrong with a request to this path, if anything.
    pub(crate) fn hit(&mut self, path: &str) -> Option<RestFaultKind> {
        for (_, rule) in &mut self.rules {
            if rule.times == Some(0) || !matches(&rule.path, path) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            if rule.probability < 1.0 && !self.rng.random_bool(rule.probability.clamp(0.0, 1.0)) {
                continue;
            }
            if let Some(times) = &mut rule.times {
                *times -= 1;
            }
            return Some(rule.kind.clone());
        }
        None
    }
}

/// Whether a text matches a pattern in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        assert!(matches("*", "/anything"));
        assert!(matches(
            "/channels/*/messages*",
            "/channels/1/messages?limit=5"
        ));
        assert!(matches("/channels/*/messages", "/channels/1/messages"));
        assert!(!matches(
            "/channels/*/messages",
            "/channels/1/messages?limit=5"
        ));
        assert!(!matches("/guilds/*", "/channels/1"));
        assert!(!matches("/gateway", "/gateway/bot"));
    }
}
