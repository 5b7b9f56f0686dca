//! Errors as clients see them: RFC 9457 problem+json, on every route and for every cause. A handler returns a
//! [`Problem`]. [`render`] writes it in the outermost layer, because only there the request id is known, and because
//! errors of other layers pass there too.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::busy::Refused;
use crate::store::StoreError;

/// The media type of every error.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// The seconds in `Retry-After`: an estimate for a query, and one for longer work such as a download or a file that
/// is rewritten.
const SOON: u64 = 2;
const LATER: u64 = 30;

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal, $status:ident, $title:literal;)*) => {
        /// The kinds of errors; their names are stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Code {
            $($(#[doc = $doc])* $name,)*
        }

        impl Code {
            /// Every code: its name, status, title and meaning.
            pub(crate) const ALL: &[(Self, &str, StatusCode, &str, &str)] = &[
                $((Self::$name, $code, StatusCode::$status, $title, concat!($($doc),*)),)*
            ];
        }
    };
}

codes! {
    /// One or more parameters are unknown, missing, given twice or out of range; `errors` lists each one.
    InvalidParameter = "invalid_parameter", BAD_REQUEST, "A parameter is not valid";
    /// The request could not be parsed as HTTP.
    BadRequest = "bad_request", BAD_REQUEST, "The request is not valid";
    /// The API key is missing, wrong, expired or revoked. Send it as the header `x-api-key`, as a Bearer token, or as
    /// the password of HTTP Basic.
    Unauthorized = "unauthorized", UNAUTHORIZED, "A valid API key is required";
    /// The key lacks a scope that the request needs; `detail` names the scope.
    ScopeMissing = "scope_missing", FORBIDDEN, "The key lacks a scope";
    /// The answer can't be cut to what the key may see: it contains all guilds, or contents, or names.
    KeyLimited = "key_limited", FORBIDDEN, "The key is limited";
    /// The key, or your address, sent too many requests; try again after the seconds in `Retry-After`.
    TooManyRequests = "too_many_requests", TOO_MANY_REQUESTS, "Too many requests";
    /// The link is not valid: it has expired, its key was revoked, or it is incomplete.
    LinkNotValid = "link_not_valid", NOT_FOUND, "The link is not valid";
    /// No key has this id.
    KeyNotFound = "key_not_found", NOT_FOUND, "Key not found";
    /// The audit log is switched off (`AUDIT_RETENTION=off`).
    AuditOff = "audit_off", NOT_FOUND, "The audit log is off";
    /// The body of the request must be JSON with the header `content-type: application/json`.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body must be JSON";
    /// A page of another site made a browser send a request that changes something. `CORS_ORIGINS` names the sites that
    /// may.
    CrossSite = "cross_site", FORBIDDEN, "The request comes from another site";
    /// The header `Host` names none of the hosts of this service; `PUBLIC_HOSTS` names them.
    UnknownHost = "unknown_host", MISDIRECTED_REQUEST, "The host is not known";
    /// No message with this id is archived.
    MessageNotFound = "message_not_found", NOT_FOUND, "Message not found";
    /// No report has this name. `/v1/reports` lists the reports.
    ReportNotFound = "report_not_found", NOT_FOUND, "Report not found";
    /// The report's file is not a valid report, or its query fails; `detail` has the reason.
    ReportBroken = "report_broken", INTERNAL_SERVER_ERROR, "The report is broken";
    /// The result would have more rows than a report may have. Request a shorter time or fewer channels.
    AnswerTooLarge = "answer_too_large", UNPROCESSABLE_ENTITY, "The result is too large";
    /// No existing snapshot has this file; it may have been deleted with an older snapshot. `/v1/snapshots` lists the
    /// existing snapshots.
    FileNotFound = "file_not_found", NOT_FOUND, "File not found";
    /// No route has this path.
    RouteNotFound = "route_not_found", NOT_FOUND, "Route not found";
    /// The caller's copy was made from another database, or from this one before it was restored from a backup. Load
    /// everything again.
    ReloadNeeded = "reload_needed", GONE, "The copy can't be refreshed";
    /// The route does not support this method; the header `Allow` lists the methods that it supports.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "Method not allowed";
    /// `Accept` or `Accept-Encoding` excludes every format that the route can send.
    NotAcceptable = "not_acceptable", NOT_ACCEPTABLE, "No acceptable format";
    /// The request body is larger than any route accepts.
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, "The request body is too large";
    /// The request body did not arrive within ten seconds.
    BodyTooSlow = "body_too_slow", REQUEST_TIMEOUT, "The request body is too slow";
    /// The path and the query string together are longer than 8 KiB.
    UriTooLong = "uri_too_long", URI_TOO_LONG, "The URL is too long";
    /// The request has more than 100 headers, or its headers are too long.
    HeadersTooLarge = "headers_too_large", REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large";
    /// The last snapshot was taken too recently; try again after the seconds in `Retry-After`.
    SnapshotTooSoon = "snapshot_too_soon", TOO_MANY_REQUESTS, "It is too soon for another snapshot";
    /// The client's address has as many connections as one may have, all of them busy.
    TooManyConnections = "too_many_connections", TOO_MANY_REQUESTS, "Too many connections";
    /// The service failed. Its log has the cause under the `request_id`.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Internal error";
    /// The requested `Range` lies outside of the file; `Content-Range` has the size of the file.
    RangeNotSatisfiable = "range_not_satisfiable", RANGE_NOT_SATISFIABLE, "Range not satisfiable";
    /// The condition in `If-Match` or `If-Unmodified-Since` is not fulfilled.
    PreconditionFailed = "precondition_failed", PRECONDITION_FAILED, "Precondition failed";
    /// Too many queries are running, or memory or disk space is exhausted; try again after the seconds in `Retry-After`.
    Busy = "busy", SERVICE_UNAVAILABLE, "The service is too busy";
    /// The service archives nothing at the moment; `detail` has the reason.
    NotReady = "not_ready", SERVICE_UNAVAILABLE, "The service is not ready";
    /// The search index is being checked or rebuilt; `detail` has the progress. Try again after the seconds in
    /// `Retry-After`.
    SearchNotReady = "search_not_ready", SERVICE_UNAVAILABLE, "The search is not ready";
    /// The search is disabled (`SEARCH_INDEX=off`).
    SearchOff = "search_off", NOT_FOUND, "The search is disabled";
    /// The search took too long. Use fewer terms, or request a shorter time.
    SearchTooLong = "search_too_long", SERVICE_UNAVAILABLE, "The search took too long";
    /// The search has more hits than a download may contain. Request a shorter time or one channel.
    TooManyHits = "too_many_hits", UNPROCESSABLE_ENTITY, "The search has too many hits";
    /// The file is damaged and is being rewritten; try again after the seconds in `Retry-After`.
    FileDamaged = "file_damaged", SERVICE_UNAVAILABLE, "The file is damaged";
    /// Downloads and long responses need HTTP/1.1, because an aborted HTTP/1.0 response can't be told from a complete
    /// one.
    HttpVersion = "http_version", HTTP_VERSION_NOT_SUPPORTED, "HTTP/1.1 is required";
    /// The response took too long; try again after the seconds in `Retry-After`, or request less.
    Timeout = "timeout", SERVICE_UNAVAILABLE, "The response took too long";
}

impl Code {
    fn entry(self) -> &'static (Self, &'static str, StatusCode, &'static str, &'static str) {
        let position = Self::ALL.iter().position(|entry| entry.0 == self);
        &Self::ALL[position.unwrap_or_default()]
    }

    /// The stable name.
    pub(crate) fn as_str(self) -> &'static str {
        self.entry().1
    }

    fn status(self) -> StatusCode {
        self.entry().2
    }

    fn title(self) -> &'static str {
        self.entry().3
    }

    /// The default `Retry-After` in seconds.
    fn retry_after(self) -> u64 {
        match self {
            Self::FileDamaged | Self::SearchNotReady | Self::SearchTooLong => LATER,
            _ => SOON,
        }
    }

    /// The code for an error of another layer of which only the HTTP status is known.
    fn of(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::RouteNotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::NOT_ACCEPTABLE => Self::NotAcceptable,
            StatusCode::PAYLOAD_TOO_LARGE => Self::BodyTooLarge,
            StatusCode::URI_TOO_LONG => Self::UriTooLong,
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Self::HeadersTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            StatusCode::TOO_MANY_REQUESTS => Self::TooManyConnections,
            StatusCode::RANGE_NOT_SATISFIABLE => Self::RangeNotSatisfiable,
            status if status.is_client_error() => Self::BadRequest,
            _ => Self::Internal,
        }
    }
}

/// A rejected parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// Name of the parameter.
    #[schema(example = "limit")]
    pub field: String,
    /// Why the value was rejected, phrased as what the value must be.
    #[schema(example = "must be a whole number from 1 to 500")]
    pub reason: Cow<'static, str>,
    /// Start (inclusive) and end (exclusive) of the faulty part of the value, in Unicode scalar values from
    /// 0; present only if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, example = json!([4, 9]))]
    pub at: Option<[usize; 2]>,
}

/// An error on its way to the caller.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    code: Code,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    /// The cause that is written to the log and not shown to the client.
    hidden: Option<String>,
    /// The seconds in `Retry-After` of a 503 or 429.
    retry_after: u64,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            hidden: None,
            retry_after: code.retry_after(),
        }
    }

    /// The same problem with a longer `Retry-After`.
    pub(crate) fn for_longer(self) -> Self {
        Self {
            retry_after: LATER,
            ..self
        }
    }

    /// The same problem with a `Retry-After` of so many seconds.
    pub(crate) fn after(self, seconds: u64) -> Self {
        Self {
            retry_after: seconds,
            ..self
        }
    }

    /// The problem for one rejected parameter or field.
    pub(crate) fn parameter(field: &str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::parameters(vec![FieldError {
            field: field.to_owned(),
            reason: reason.into(),
            at: None,
        }])
    }

    /// The problem for rejected parameters.
    pub(crate) fn parameters(errors: Vec<FieldError>) -> Self {
        let names: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        let detail = format!("Invalid parameters: {}.", names.join(", "));
        Self {
            errors,
            ..Self::new(Code::InvalidParameter, detail)
        }
    }

    /// The rejected parameters.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// A transient failure.
    pub(crate) fn busy(detail: &'static str, hidden: impl Into<String>) -> Self {
        Self {
            hidden: Some(hidden.into()),
            ..Self::new(Code::Busy, detail)
        }
    }

    /// A failure of the service; the cause goes to the log only.
    pub(crate) fn internal(hidden: impl Into<String>) -> Self {
        Self {
            hidden: Some(hidden.into()),
            ..Self::new(
                Code::Internal,
                "The service failed. Its log has the cause under the request id.",
            )
        }
    }
}

impl Problem {
    /// The JSON body of the response.
    fn body(&self, status: StatusCode, path: &str, request_id: &str) -> String {
        let body = ProblemBody {
            kind: format!("/docs#{}", self.code.as_str()),
            title: self.code.title(),
            status: status.as_u16(),
            detail: &self.detail,
            code: self.code.as_str(),
            instance: path,
            request_id,
            errors: &self.errors,
        };
        serde_json::to_string(&body).unwrap_or_default()
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::busy(
                "Too many queries are running. Try again in a moment.",
                error.to_string(),
            ),
            error if error.is_passing() => Self::busy(
                "Memory or disk space is exhausted. Try again later, or request less.",
                error.to_string(),
            )
            .for_longer(),
            other => Self::internal(other.to_string()),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// An error, as RFC 9457 problem details.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// URL of the description of this kind of error, relative to the service.
    #[serde(rename = "type")]
    #[schema(example = "/docs#invalid_parameter", format = "uri-reference")]
    kind: String,
    /// Short name of this kind of error, for people.
    #[schema(example = "A parameter is not valid")]
    title: &'a str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599, example = 400)]
    status: u16,
    /// Explanation of this occurrence, for people.
    #[schema(example = "Invalid parameters: limit.")]
    detail: &'a str,
    /// Stable name of this kind of error, for programs.
    #[schema(example = "invalid_parameter")]
    code: &'a str,
    /// Path of the request; absent if the request could not be parsed.
    #[serde(skip_serializing_if = "str::is_empty")]
    #[schema(required = false, example = "/v1/messages", format = "uri-reference")]
    instance: &'a str,
    /// Id of the request, also in the header `x-request-id` and in the service's log.
    #[schema(example = "019b0c2e-7d3a-7b6e-9d6f-3a1f0c5e8b21")]
    request_id: &'a str,
    /// The rejected parameters; present only with the code `invalid_parameter`.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false)]
    errors: &'a [FieldError],
}

/// Writes an error of any layer as problem+json; other responses pass unchanged.
pub(crate) fn render(
    mut response: Response,
    path: &str,
    request_id: &str,
    refused: &Refused,
) -> Response {
    let status = response.status();
    let problem = match response.extensions_mut().remove::<Problem>() {
        // An outer layer may have replaced the status; then its status counts.
        Some(problem) if problem.code.status() == status => problem,
        _ if status.is_client_error() || status.is_server_error() => {
            Problem::new(Code::of(status), fallback_detail(status))
        }
        _ => return response,
    };
    let cause = problem.hidden.as_deref();
    match (problem.code, cause) {
        (code @ (Code::Busy | Code::Unauthorized | Code::TooManyRequests), cause) => {
            refused.note(code.as_str(), &problem.detail, cause);
        }
        (code, Some(cause)) => tracing::error!(code = code.as_str(), cause, "a request failed"),
        (_, None) => {}
    }
    let body = problem.body(status, path, request_id);
    *response.body_mut() = Body::from(body);
    let headers = response.headers_mut();
    headers.remove(CONTENT_LENGTH);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if [
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::TOO_MANY_REQUESTS,
    ]
    .contains(&status)
    {
        headers.insert(RETRY_AFTER, HeaderValue::from(problem.retry_after));
    }
    response
}

/// The body of the response to something that could not be parsed as an HTTP request.
pub(crate) fn without_request(status: StatusCode, request_id: &str) -> String {
    let detail = match status {
        StatusCode::BAD_REQUEST => "This is not a valid HTTP/1.1 request.",
        status => fallback_detail(status),
    };
    Problem::new(Code::of(status), detail).body(status, "", request_id)
}

fn fallback_detail(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "No route has this path. /docs lists the routes.",
        StatusCode::METHOD_NOT_ALLOWED => {
            "The route does not support this method. The header Allow lists the methods that it supports."
        }
        StatusCode::NOT_ACCEPTABLE => {
            "The header Accept-Encoding excludes every supported encoding: identity, gzip, br and zstd."
        }
        StatusCode::RANGE_NOT_SATISFIABLE => {
            "The requested range lies outside of the file. The header Content-Range has the size of the file."
        }
        StatusCode::URI_TOO_LONG => {
            "The path and query string may have at most 8192 bytes together."
        }
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            "The request has more than 100 headers, or its headers are too long."
        }
        StatusCode::TOO_MANY_REQUESTS => {
            "This address has as many connections as one may have (MAX_CONNECTIONS_PER_ADDRESS). If it is a reverse proxy, its operator must name it in TRUSTED_PROXIES."
        }
        status if status.is_client_error() => "The request is not valid.",
        _ => "The service failed.",
    }
}
