//! The errors of requests: a refusal by Discord, or a failure that may pass.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::error::Category;
use url::Url;

use crate::guild::Access;

/// A request, and Discord's message about it, for an operator. Contains no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// The HTTP method.
    pub method: &'static str,
    /// The complete URL.
    pub url: Url,
    /// Discord's `message`, if the response has one.
    pub message: Option<String>,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}

impl Call {
    fn said(&self) -> String {
        match &self.message {
            Some(message) => format!(": {message}"),
            None => String::new(),
        }
    }
}

/// Why a request has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestError {
    /// The client could not be created.
    #[error("the HTTP client for Discord's API can't be created: {0}")]
    Setup(String),
    /// 401: the token is wrong, or was reset.
    #[error(
        "Discord refuses the bot's token ({call} answered 401{}); set DISCORD_BOT_TOKEN to a valid one",
        call.said()
    )]
    Unauthorized {
        /// The refused request.
        call: Box<Call>,
    },
    /// 403: the bot has no access.
    #[error("Discord forbids {call} (403, code {code}{})", call.said())]
    Forbidden {
        /// Discord's code: 50001 missing access, 50013 missing permissions, …
        code: i64,
        /// The refused request.
        call: Box<Call>,
    },
    /// 404: it does not exist, or no longer.
    #[error("Discord does not know {call} (404, code {code}{})", call.said())]
    NotFound {
        /// Discord's code: 10003 unknown channel, 10004 guild, 10007 member, 10008 message; 0 for
        /// an address that Discord does not know.
        code: i64,
        /// The refused request.
        call: Box<Call>,
    },
    /// A redirect, which is not followed, because the token goes to no other address.
    #[error(
        "{call} was redirected ({status}), and redirects are not followed; set DISCORD_API_URL to the final address"
    )]
    Redirected {
        /// The HTTP status.
        status: u16,
        /// The redirected request.
        call: Box<Call>,
    },
    /// Another refusal that would be repeated for the same request, for example a 400.
    #[error("Discord rejects {call} ({status}, code {code}{})", call.said())]
    Rejected {
        /// The HTTP status.
        status: u16,
        /// Discord's code, or 0.
        code: i64,
        /// The refused request.
        call: Box<Call>,
    },
    /// Discord has refused too many requests in a short time; more could get the IP address banned.
    #[error(
        "{call} was not sent: Discord refused too many requests (401, 403, 429), so none is sent for {} s, because Discord would ban this IP address",
        retry_in.as_secs()
    )]
    TooManyInvalid {
        /// When requests are sent again.
        retry_in: Duration,
        /// The request that was not sent.
        call: Box<Call>,
    },
    /// No usable response after several attempts; worth another try later.
    #[error("{call} got no valid response in {attempts} attempts; the last failure: {last}")]
    Unavailable {
        /// How often the request was sent.
        attempts: usize,
        /// The failure of the last attempt.
        last: Fault,
        /// The failed request.
        call: Box<Call>,
    },
}

/// Discord's codes for a channel that does not exist, or that the bot may not read. Source:
/// <https://discord.com/developers/docs/topics/opcodes-and-status-codes#json>
const UNKNOWN_CHANNEL: i64 = 10_003;
const MISSING_ACCESS: i64 = 50_001;
const MISSING_PERMISSIONS: i64 = 50_013;

impl RestError {
    /// Whether the same request can succeed later without anybody doing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::TooManyInvalid { .. })
    }

    /// Whether the error only concerns the requested resource, so that other requests can continue.
    #[must_use]
    pub fn is_about_the_place(&self) -> bool {
        // A refusal without a code of Discord's is a redirect, or comes from a proxy.
        match self {
            Self::Forbidden { code, .. }
            | Self::NotFound { code, .. }
            | Self::Rejected { code, .. } => *code != 0,
            _ => false,
        }
    }

    /// The access to a channel that this refusal proves, if any. Only Discord's own codes count, because a
    /// proxy in between can answer 403 and 404 too.
    #[must_use]
    pub fn access(&self) -> Option<Access> {
        match self {
            Self::Forbidden {
                code: MISSING_ACCESS | MISSING_PERMISSIONS,
                ..
            } => Some(Access::Forbidden),
            Self::NotFound {
                code: UNKNOWN_CHANNEL,
                ..
            } => Some(Access::Missing),
            _ => None,
        }
    }
}

/// What was wrong with a response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// No response in time, or only a part of it.
    #[error("no complete response in time")]
    Timeout,
    /// The connection failed, or broke before the end of the response.
    #[error("{0}")]
    Connection(String),
    /// A status that is no decision of Discord's: 5xx, or a refusal that does not come from Discord.
    #[error("HTTP status {0} without an error of Discord's API")]
    Status(u16),
    /// A 200 with an unexpected body.
    #[error("{0}")]
    Body(String),
}

impl Fault {
    pub(super) fn status(status: StatusCode) -> Self {
        Self::Status(status.as_u16())
    }

    /// The body is not the expected JSON. Only the position is named, because the error texts of the JSON
    /// library quote the input, which can be someone's message.
    pub(super) fn json(error: &serde_json::Error) -> Self {
        Self::Body(format!(
            "the body is not the expected JSON ({}, line {} column {})",
            match error.classify() {
                Category::Io => "unreadable",
                Category::Syntax => "invalid syntax",
                Category::Data => "unexpected fields or types",
                Category::Eof => "unexpected end",
            },
            error.line(),
            error.column()
        ))
    }
}

impl From<reqwest::Error> for Fault {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            Self::Timeout
        } else {
            // The log line already names the route.
            Self::Connection(chain(&error.without_url()))
        }
    }
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}
