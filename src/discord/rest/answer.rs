//! The meaning of a response: by its status, and by whether it comes from Discord itself. A refusal counts only
//! with Discord's JSON in the body: a proxy or Cloudflare in between can answer 403, 404 and 429 too, and such
//! an answer must not make a channel count as deleted.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;
use serde_json::Value;
use twilight_http_ratelimiting::RateLimitHeaders;

use super::error::{Call, Fault, RestError};

/// A complete response.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// The meaning of a response.
#[derive(Debug)]
pub(super) enum Verdict {
    /// A success, whose body is still to be parsed.
    Good,
    /// A rate limit (429).
    Limited(Limited),
    /// Discord's refusal; the same request would be refused again.
    Refused(RestError),
    /// A transient failure; worth another attempt, not before the time that the response names, if it names
    /// one.
    Faulty(Fault, Option<Duration>),
}

/// A rate limit (429).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limited {
    pub(super) scope: Scope,
    /// How long to wait, if the response says so in a valid form.
    pub(super) retry_after: Option<Duration>,
}

/// The scope of a rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// This bot, in this bucket.
    User,
    /// All bots on this resource; Discord does not count it as invalid.
    Shared,
    /// This bot, everywhere.
    Global,
    /// This IP address: a response of Cloudflare, or one without an explanation.
    Address,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "this bot on one route",
            Self::Shared => "all bots on one resource",
            Self::Global => "this bot on all routes",
            Self::Address => "this IP address",
        })
    }
}

impl Scope {
    /// Whether all requests have to wait, not only those of the bucket.
    pub(super) fn is_everywhere(self) -> bool {
        matches!(self, Self::Global | Self::Address)
    }

    /// Whether Discord counts the request as invalid.
    pub(super) fn is_invalid(self) -> bool {
        self != Self::Shared
    }
}

/// The body of a 429.
#[derive(Deserialize)]
struct LimitBody {
    #[serde(default)]
    retry_after: Value,
    #[serde(default)]
    global: Value,
}

/// The body of any other refusal.
#[derive(Deserialize)]
struct RefusalBody {
    code: i64,
    #[serde(default)]
    message: Value,
}

impl Reply {
    /// The meaning of the response; `call` makes the description of the request, with Discord's message.
    pub(super) fn verdict(&self, call: impl Fn(Option<&str>) -> Box<Call>) -> Verdict {
        let status = self.status;
        if status.is_success() {
            return Verdict::Good;
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Verdict::Limited(self.limited());
        }
        if status.is_redirection() {
            return Verdict::Refused(RestError::Redirected {
                status: status.as_u16(),
                call: call(None),
            });
        }
        let refusal = serde_json::from_slice::<RefusalBody>(&self.body).ok();
        let Some(RefusalBody { code, message }) =
            refusal.filter(|_| status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT)
        else {
            return self.faulty();
        };
        let call = call(message.as_str());
        Verdict::Refused(match status {
            StatusCode::UNAUTHORIZED => RestError::Unauthorized { call },
            StatusCode::FORBIDDEN => RestError::Forbidden { code, call },
            StatusCode::NOT_FOUND => RestError::NotFound { code, call },
            _ => RestError::Rejected {
                status: status.as_u16(),
                code,
                call,
            },
        })
    }

    /// Whether Discord counts this as an invalid request.
    pub(super) fn is_invalid(&self) -> bool {
        match self.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => true,
            StatusCode::TOO_MANY_REQUESTS => self.limited().scope.is_invalid(),
            _ => false,
        }
    }

    fn faulty(&self) -> Verdict {
        Verdict::Faulty(Fault::status(self.status), self.retry_after_header())
    }

    fn limited(&self) -> Limited {
        let body = serde_json::from_slice::<LimitBody>(&self.body).ok();
        let header = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok());
        let is_global = header("x-ratelimit-global") == Some("true")
            || body.as_ref().is_some_and(|body| body.global == true);
        let scope = match header(RateLimitHeaders::SCOPE) {
            _ if is_global => Scope::Global,
            Some("global") => Scope::Global,
            Some("shared") => Scope::Shared,
            Some(_) => Scope::User,
            None if body.is_some() => Scope::User,
            None => Scope::Address,
        };
        // The body is exact, while the header is rounded up.
        let retry_after = body
            .and_then(|body| seconds_f64(body.retry_after.as_f64()?))
            .or_else(|| self.retry_after_header())
            .or_else(|| header(RateLimitHeaders::RESET_AFTER).and_then(seconds));
        Limited { scope, retry_after }
    }

    fn retry_after_header(&self) -> Option<Duration> {
        seconds(self.headers.get(RETRY_AFTER)?.to_str().ok()?)
    }
}

/// Parses a number of seconds in a header; `None` for an invalid waiting time.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    seconds_f64(text.trim().parse().ok()?)
}

/// Converts a number of seconds. A number beyond the range of a duration becomes the longest duration.
pub(super) fn seconds_f64(seconds: f64) -> Option<Duration> {
    if !seconds.is_finite() || seconds < 0.0 {
        return None;
    }
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}
