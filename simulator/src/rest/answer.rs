//! An answer, and the ways in which it can be wrong.
//! Bodies are streams so that one can end early: a client must see half of a body, not a refused connection.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::{Response, StatusCode, header};

use crate::faults::{RestFaultKind, Scope};
use crate::payload::json::map;
use crate::snowflake::datetime;

/// The body of an answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

const HTML: &str = "text/html; charset=UTF-8";

/// An answer before it is sent.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    content_type: Option<&'static str>,
    body: String,
    pub(crate) delay: Duration,
    pub(crate) hang: bool,
    /// How much of the body is sent, and what length is claimed.
    broken: Option<(usize, usize)>,
    pub(crate) fault: Option<String>,
    /// A 429 that is nobody's fault.
    pub(crate) shared_limit: bool,
}

impl Answer {
    pub(crate) fn json(status: u16, body: String) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content_type: Some("application/json"),
            body,
            delay: Duration::ZERO,
            hang: false,
            broken: None,
            fault: None,
            shared_limit: false,
        }
    }

    fn html(status: u16, title: &str) -> Self {
        let body = format!(
            "<!DOCTYPE html>\n<html><head><title>{title}</title></head>\n<body><center><h1>{title}</h1></center><hr><center>cloudflare</center></body></html>\n"
        );
        Self {
            content_type: Some(HTML),
            ..Self::json(status, body)
        }
    }

    /// An error as Discord writes it.
    pub(crate) fn error(status: u16, code: u32, message: &'static str) -> Self {
        Self::json(
            status,
            map! { "message" => message, "code" => code }.compact(),
        )
    }

    /// 429 because a limit was really passed.
    pub(crate) fn limited(retry_after: f64, global: bool) -> Self {
        Self::rate_limited(
            if global { Scope::Global } else { Scope::User },
            retry_after,
        )
    }

    fn rate_limited(scope: Scope, retry_after: f64) -> Self {
        let global = scope == Scope::Global;
        let body = format!(
            "{{\"message\":\"You are being rate limited.\",\"retry_after\":{retry_after:.3},\"global\":{global}}}"
        );
        let mut answer = Self::json(429, body);
        answer
            .headers
            .push(("retry-after", format!("{:.0}", retry_after.ceil())));
        answer
            .headers
            .push(("x-ratelimit-scope", scope.name().to_owned()));
        if global {
            answer
                .headers
                .push(("x-ratelimit-global", "true".to_owned()));
        }
        answer.shared_limit = scope == Scope::Shared;
        answer
    }

    pub(crate) fn cloudflare_limited(retry_after: u32) -> Self {
        let mut answer = Self::html(
            429,
            "Access denied | discord.com used Cloudflare to restrict access (1015)",
        );
        answer
            .headers
            .push(("retry-after", retry_after.to_string()));
        answer
    }

    /// The whole answer, when the fault decides it without the route.
    pub(crate) fn from_fault(kind: &RestFaultKind) -> Option<Self> {
        Some(match kind {
            RestFaultKind::RateLimited { scope, retry_after } => {
                Self::rate_limited(*scope, *retry_after)
            }
            RestFaultKind::CloudflareRateLimited { retry_after } => {
                Self::cloudflare_limited(*retry_after)
            }
            RestFaultKind::BareRateLimited => Self {
                content_type: None,
                ..Self::json(429, String::new())
            },
            RestFaultKind::UnparsableRetryAfter => {
                let body = r#"{"message":"You are being rate limited.","retry_after":"soon","global":false}"#;
                let mut answer = Self::json(429, body.to_owned());
                let headers = [
                    ("retry-after", "a while"),
                    ("x-ratelimit-scope", "user"),
                    ("x-ratelimit-reset-after", "?"),
                ];
                answer
                    .headers
                    .extend(headers.map(|(name, value)| (name, value.to_owned())));
                answer
            }
            RestFaultKind::Unauthorized => Self::error(401, 0, "401: Unauthorized"),
            RestFaultKind::Forbidden { code: 50_013 } => {
                Self::error(403, 50_013, "Missing Permissions")
            }
            RestFaultKind::Forbidden { code } => Self::error(403, *code, "Missing Access"),
            RestFaultKind::NotFound { code: 10_008 } => Self::error(404, 10_008, "Unknown Message"),
            RestFaultKind::NotFound { code } => Self::error(404, *code, "Unknown Channel"),
            RestFaultKind::ServerError { status } => Self::html(
                *status,
                match status {
                    500 => "500 Internal Server Error",
                    502 => "502 Bad Gateway",
                    503 => "503 Service Unavailable",
                    504 => "504 Gateway Time-out",
                    _ => "Error",
                },
            ),
            RestFaultKind::Hang => Self {
                hang: true,
                ..Self::json(200, String::new())
            },
            _ => return None,
        })
    }

    /// Spoil an answer that a route has given.
    pub(crate) fn apply(&mut self, fault: Option<&RestFaultKind>) {
        let length = self.body.len();
        match fault {
            Some(RestFaultKind::Delay { ms }) => self.delay = Duration::from_millis(*ms),
            Some(RestFaultKind::CutBody) => {
                // Not inside a character: the client shall see broken JSON, not broken text.
                let half = (0..=length / 2)
                    .rev()
                    .find(|&at| self.body.is_char_boundary(at))
                    .unwrap_or(0);
                self.broken = Some((half, length));
            }
            Some(RestFaultKind::WrongContentLength) => self.broken = Some((length, length + 100)),
            _ => {}
        }
    }

    /// The answer as it is sent at `now_ms` of the simulated clock: a client that goes by `Date` must see the same
    /// time as in the ids.
    pub(crate) fn into_response(self, now_ms: u64) -> Response<Body> {
        let mut builder = Response::builder()
            .status(StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
            .header(
                header::DATE,
                datetime(now_ms)
                    .format("%a, %d %b %Y %H:%M:%S GMT")
                    .to_string(),
            );
        if let Some(kind) = self.content_type {
            builder = builder.header(header::CONTENT_TYPE, kind);
        }
        for (name, value) in &self.headers {
            builder = builder.header(*name, value);
        }
        let body = match self.broken {
            None => Full::new(Bytes::from(self.body))
                .map_err(|never: Infallible| match never {})
                .boxed_unsync(),
            Some((sent, claimed)) => {
                builder = builder.header(header::CONTENT_LENGTH, claimed);
                let part = Bytes::copy_from_slice(&self.body.as_bytes()[..sent]);
                StreamBody::new(cut_after(part)).boxed_unsync()
            }
        };
        builder.body(body).unwrap_or_else(|_| {
            Response::new(
                Full::default()
                    .map_err(|never| match never {})
                    .boxed_unsync(),
            )
        })
    }
}

/// A part of a body, then the end of the connection.
fn cut_after(part: Bytes) -> impl futures_util::Stream<Item = io::Result<Frame<Bytes>>> + Send {
    stream::unfold(Some(part), |left| async move {
        match left {
            Some(part) if !part.is_empty() => Some((Ok(Frame::data(part)), Some(Bytes::new()))),
            Some(_) => {
                // hyper drops what it has not flushed when a body fails; there is no event for "flushed" to wait on.
                tokio::time::sleep(Duration::from_millis(20)).await;
                Some((Err(io::Error::other("cut, as ordered")), None))
            }
            None => None,
        }
    })
}
