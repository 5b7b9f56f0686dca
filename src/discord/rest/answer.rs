//! What an answer means: by its status, and by whether Discord itself is speaking. Refusals count
//! only with Discord's JSON in the body: a proxy or Cloudflare in between answers 403, 404 and 429
//! too, and a channel must not be taken for deleted on the word of a proxy.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;
use serde_json::Value;
use twilight_http_ratelimiting::RateLimitHeaders;

use super::error::{Call, Fault, RestError};

/// What came back, whole.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What it means.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The answer, still to be read.
    Good,
    /// 429.
    Limited(Limited),
    /// Discord's decision; asking again gives the same.
    Refused(RestError),
    /// Nobody's decision; worth another try, not before the time that is named, if one is.
    Faulty(Fault, Option<Duration>),
}

/// A 429.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limited {
    pub(super) scope: Scope,
    /// How long to wait, if it says so in a way that can be understood.
    pub(super) retry_after: Option<Duration>,
}

/// Whom a 429 is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// This bot, on this bucket.
    User,
    /// Everybody on this resource; not counted as invalid.
    Shared,
    /// This bot, everywhere.
    Global,
    /// This address: Cloudflare's answer, or one without a word of explanation.
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
    /// What it means; `call` names what was asked, with what Discord said to it.
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
        // The body is exact, the header rounded up.
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

/// A number of seconds as a header writes it; `None` for what is no time to wait.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    seconds_f64(text.trim().parse().ok()?)
}

/// The same from a number. What is beyond a duration's range is still a long time.
pub(super) fn seconds_f64(seconds: f64) -> Option<Duration> {
    if !seconds.is_finite() || seconds < 0.0 {
        return None;
    }
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}
