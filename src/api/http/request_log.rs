//! The handling of every request, whatever its route: a request id, one span and one log line, errors as
//! problem+json, and security headers. The text of the query is never logged.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use chrono::Utc;
use http_body::{Frame, SizeHint};
use tracing::{Instrument, Span};
use uuid::Uuid;

use super::audited::Asked;
use super::busy::Refused;
use super::problem;
use crate::audit::{AuditLog, Entry};

/// The header with the request id, which identifies a request in the logs of all services that it passes.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The maximum length of a request id that is accepted from a client.
const REQUEST_ID_LENGTH: usize = 64;

/// The default content security policy: a page may load nothing.
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Where requests are recorded.
#[derive(Clone)]
pub(crate) struct Records {
    pub(crate) refused: Refused,
    pub(crate) audit: AuditLog,
}

/// The outermost layer.
pub(crate) async fn track(
    State(records): State<Records>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let request_id = request_id(request.headers());
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let asked = Asked::of(&request);
    let span = tracing::info_span!(
        "http.request",
        request_id,
        method = method.as_str(),
        route = route(&request),
    );
    let response = next.run(request).instrument(span.clone()).await;
    let mut response =
        span.in_scope(|| problem::render(response, &path, &request_id, &records.refused));
    let entry = asked.entry(&response, &request_id);

    let status = response.status().as_u16();
    let headers = response.headers_mut();
    // A valid request id is always a valid header value.
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        headers.insert(X_REQUEST_ID, id);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    // Other sites may not embed an answer. Those of `CORS_ORIGINS` read it by another way.
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    );
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(NOTHING);
    response.map(|body| {
        Body::new(Logged {
            body,
            span,
            started,
            status,
            bytes: 0,
            entry: entry.map(|entry| (records.audit, entry)),
            // The server drops the body of a response to HEAD without reading it.
            end: (method == Method::HEAD).then_some("complete"),
        })
    })
}

/// The template of the route, because API paths contain ids, which must not be logged.
fn route(request: &Request) -> String {
    request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unmatched", MatchedPath::as_str)
        .to_owned()
}

/// The client's request id if it is valid, otherwise a new one that sorts by time.
fn request_id(headers: &HeaderMap) -> String {
    let valid = |id: &&str| {
        (1..=REQUEST_ID_LENGTH).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    headers
        .get(X_REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(valid)
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

/// A body that writes the log line of the request, and its entry in the audit log, when it ends or is dropped.
struct Logged {
    body: Body,
    span: Span,
    started: Instant,
    status: u16,
    bytes: u64,
    entry: Option<(AuditLog, Entry)>,
    end: Option<&'static str>,
}

impl HttpBody for Logged {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
            }
            Poll::Ready(Some(Err(_))) => self.end = Some("failed"),
            Poll::Ready(None) => self.end = Some("complete"),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        let end = match self.end {
            Some(end) => end,
            // The server does not poll a body that is at its end.
            None if self.body.is_end_stream() => "complete",
            None => "abandoned",
        };
        let ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        if let Some((audit, mut entry)) = self.entry.take() {
            entry.at = Utc::now();
            entry.bytes = Some(self.bytes);
            entry.complete = Some(end == "complete");
            audit.record(entry);
        }
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    parent: &self.span,
                    status = self.status,
                    ms,
                    bytes = self.bytes,
                    body = end,
                    "a request was answered"
                )
            };
        }
        // Whoever may not ask can fill no log: such requests are counted in one line.
        match self.status {
            401 | 429 => line!(debug),
            _ => line!(info),
        }
    }
}
