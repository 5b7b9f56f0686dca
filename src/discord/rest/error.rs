//! What a caller can be told: a refusal that Discord meant, or "later".

use std::error::Error;
use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::error::Category;
use url::Url;

use crate::guild::Access;

/// A request, and what Discord said to it: what an operator needs to know where to look. Holds no
/// secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// The HTTP method.
    pub method: &'static str,
    /// The whole address.
    pub url: Url,
    /// Discord's `message`, if there was one.
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

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestError {
    /// The client could not be made.
    #[error("the HTTP client for Discord's API can't be created: {0}")]
    Setup(String),
    /// 401: the token is wrong, or was reset.
    #[error(
        "Discord refuses the bot's token ({call} answered 401{}); set DISCORD_BOT_TOKEN to a valid one",
        call.said()
    )]
    Unauthorized {
        /// What was asked.
        call: Box<Call>,
    },
    /// 403: this bot may not see it.
    #[error("Discord forbids {call} (403, code {code}{})", call.said())]
    Forbidden {
        /// Discord's code: 50001 missing access, 50013 missing permissions, …
        code: i64,
        /// What was asked.
        call: Box<Call>,
    },
    /// 404: not there (any more).
    #[error("Discord does not know {call} (404, code {code}{})", call.said())]
    NotFound {
        /// Discord's code: 10003 unknown channel, 10004 guild, 10007 member, 10008 message; 0 for
        /// an address that Discord does not know.
        code: i64,
        /// What was asked.
        call: Box<Call>,
    },
    /// A redirect, which is not followed: the token goes to no other address.
    #[error(
        "{call} was redirected ({status}), and redirects are not followed; set DISCORD_API_URL to the final address"
    )]
    Redirected {
        /// The HTTP status.
        status: u16,
        /// What was asked.
        call: Box<Call>,
    },
    /// Another answer that the same request would get again: a 400, for example.
    #[error("Discord rejects {call} ({status}, code {code}{})", call.said())]
    Rejected {
        /// The HTTP status.
        status: u16,
        /// Discord's code, or 0.
        code: i64,
        /// What was asked.
        call: Box<Call>,
    },
    /// Too many answers in a short time were refusals; going on could get the address banned.
    #[error(
        "{call} was not sent: Discord refused too many requests (401, 403, 429), so none is sent for {} s, because Discord would ban this IP address",
        retry_in.as_secs()
    )]
    TooManyInvalid {
        /// When requests are sent again.
        retry_in: Duration,
        /// What was to be asked.
        call: Box<Call>,
    },
    /// No usable answer after several attempts; worth another try later.
    #[error("{call} got no valid response in {attempts} attempts; the last failure: {last}")]
    Unavailable {
        /// How often the request was sent.
        attempts: usize,
        /// What was wrong the last time.
        last: Fault,
        /// What was asked.
        call: Box<Call>,
    },
}

/// Discord's codes for a channel that is not there, or that may not be read.
/// Source: <https://discord.com/developers/docs/topics/opcodes-and-status-codes#json>
const UNKNOWN_CHANNEL: i64 = 10_003;
const MISSING_ACCESS: i64 = 50_001;
const MISSING_PERMISSIONS: i64 = 50_013;

impl RestError {
    /// Whether the same request can succeed later without anybody doing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::TooManyInvalid { .. })
    }

    /// Whether it is about what was asked for, so that other requests can go on.
    #[must_use]
    pub fn is_about_the_place(&self) -> bool {
        // Without a code of Discord's own it is a redirect, or something on the way.
        match self {
            Self::Forbidden { code, .. }
            | Self::NotFound { code, .. }
            | Self::Rejected { code, .. } => *code != 0,
            _ => false,
        }
    }

    /// What this answer to a request for a channel says about the channel, if anything: only
    /// Discord's own codes do, since a proxy in between answers 403 and 404 too.
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

/// What was wrong with one answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// No answer in time, or not all of it.
    #[error("no complete response in time")]
    Timeout,
    /// The connection failed, or broke before the end of the answer.
    #[error("{0}")]
    Connection(String),
    /// A status that is nobody's decision: 5xx, or a refusal that does not come from Discord.
    #[error("HTTP status {0} without an error of Discord's API")]
    Status(u16),
    /// A 200 whose body is not what belongs there.
    #[error("{0}")]
    Body(String),
}

impl Fault {
    pub(super) fn status(status: StatusCode) -> Self {
        Self::Status(status.as_u16())
    }

    /// The body is not the JSON expected. Only the place is named: the words of the JSON library
    /// quote what they stumbled over, and that can be someone's message.
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
            // The route is logged beside it.
            Self::Connection(chain(&error.without_url()))
        }
    }
}

/// An error with its causes in one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}
