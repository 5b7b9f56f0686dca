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
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// The seconds in `Retry-After`: an estimate for a query, and one for longer work such as a download or a file that
/// is rewritten.
const SOON: u64 = 2;
const LATER: u64 = 30;

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal, $status:ident, $title:literal;)*) => {
        /// The kinds of errors; their names are stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Code {
            $($(#[doc = $doc])* $name,)*
        }

        impl Code {
            /// Every code: its name, status, title and meaning.
            pub(super) const ALL: &[(Self, &str, StatusCode, &str, &str)] = &[
                $((Self::$name, $code, StatusCode::$status, $title, concat!($($doc),*)),)*
            ];
        }
    };
}

codes! {
    /// One or more parameters are unknown, missing, given twice or out of range; `errors` names each.
    InvalidParameter = "invalid_parameter", BAD_REQUEST, "A parameter is not valid";
    /// The request can't be understood as HTTP.
    BadRequest = "bad_request", BAD_REQUEST, "The request is not valid";
    /// The key is missing or wrong. Send it as `x-api-key`, as a Bearer token, or as the password of Basic.
    Unauthorized = "unauthorized", UNAUTHORIZED, "A valid key is needed";
    /// No message with this id was collected.
    MessageNotFound = "message_not_found", NOT_FOUND, "The message is not known";
    /// There is no report of this name. `/v1/reports` lists them.
    ReportNotFound = "report_not_found", NOT_FOUND, "The report is not known";
    /// The report's file is no report, or its query fails; `detail` says why.
    ReportBroken = "report_broken", INTERNAL_SERVER_ERROR, "The report has a fault";
    /// The answer would have more rows than a report may: ask for less.
    AnswerTooLarge = "answer_too_large", UNPROCESSABLE_ENTITY, "The answer is too large";
    /// No snapshot has this file, or no longer: `/v1/snapshots` lists those that there are.
    FileNotFound = "file_not_found", NOT_FOUND, "There is no such file";
    /// There is nothing at this path.
    RouteNotFound = "route_not_found", NOT_FOUND, "There is nothing at this path";
    /// The record does not know the revision asked for: load everything anew.
    ReloadNeeded = "reload_needed", GONE, "The copy can't be refreshed";
    /// The path exists, but not for this method; `Allow` lists those that it has.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "The method is not allowed here";
    /// `Accept` or `Accept-Encoding` rules out every form that the service has.
    NotAcceptable = "not_acceptable", NOT_ACCEPTABLE, "No acceptable form";
    /// The request's body is larger than any route takes.
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, "The body is too large";
    /// The request's path and query are longer than 8 KiB.
    UriTooLong = "uri_too_long", URI_TOO_LONG, "The URL is too long";
    /// The request has more than 100 headers, or more bytes of them than there is room for.
    HeadersTooLarge = "headers_too_large", REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large";
    /// The last snapshot is too new for another one; ask again after the seconds in `Retry-After`.
    SnapshotTooSoon = "snapshot_too_soon", TOO_MANY_REQUESTS, "It is too soon for a snapshot";
    /// A fault of the service. Its log has the cause, under the `request_id`.
    Internal = "internal", INTERNAL_SERVER_ERROR, "The service has a fault";
    /// `Range` asks for bytes that the file has not; `Content-Range` has its length.
    RangeNotSatisfiable = "range_not_satisfiable", RANGE_NOT_SATISFIABLE, "The file has no such range";
    /// `If-Match` or `If-Unmodified-Since` wants another file than this one.
    PreconditionFailed = "precondition_failed", PRECONDITION_FAILED, "The file is another one";
    /// Too many queries at once, or no memory or disk for one; try again after the seconds in `Retry-After`.
    Busy = "busy", SERVICE_UNAVAILABLE, "The service is too busy";
    /// The service does not record at this moment; `detail` says why.
    NotReady = "not_ready", SERVICE_UNAVAILABLE, "The service does not record now";
    /// There is nothing to search at this moment: the index is checked or made anew; `detail` says how far
    /// that is. Try again after the seconds in `Retry-After`.
    SearchNotReady = "search_not_ready", SERVICE_UNAVAILABLE, "The search is not ready";
    /// `SEARCH_INDEX` is off.
    SearchOff = "search_off", NOT_FOUND, "The search is switched off";
    /// The search took too long: ask for less, or for a shorter time.
    SearchTooLong = "search_too_long", SERVICE_UNAVAILABLE, "The search took too long";
    /// A download of a search has room for fewer messages than were found: ask for less.
    TooManyHits = "too_many_hits", UNPROCESSABLE_ENTITY, "Too many messages were found";
    /// The file is damaged, and is written anew; try again after the seconds in `Retry-After`.
    FileDamaged = "file_damaged", SERVICE_UNAVAILABLE, "The file is damaged";
    /// Downloads and long answers need HTTP/1.1: in HTTP/1.0 one that breaks off looks whole.
    HttpVersion = "http_version", HTTP_VERSION_NOT_SUPPORTED, "HTTP/1.1 is needed";
    /// The answer took too long; try again after the seconds in `Retry-After`, or ask for less.
    Timeout = "timeout", SERVICE_UNAVAILABLE, "The answer took too long";
}

impl Code {
    fn entry(self) -> &'static (Self, &'static str, StatusCode, &'static str, &'static str) {
        let position = Self::ALL.iter().position(|entry| entry.0 == self);
        &Self::ALL[position.unwrap_or_default()]
    }

    /// The stable name.
    pub(super) fn as_str(self) -> &'static str {
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
            StatusCode::RANGE_NOT_SATISFIABLE => Self::RangeNotSatisfiable,
            status if status.is_client_error() => Self::BadRequest,
            _ => Self::Internal,
        }
    }
}

/// A rejected parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct FieldError {
    /// Name of the parameter.
    #[schema(example = "limit")]
    pub field: String,
    /// Why the value was rejected, phrased as what the value must be.
    #[schema(example = "is a whole number from 1 to 500")]
    pub reason: Cow<'static, str>,
    /// Start (inclusive) and end (exclusive) of the faulty part of the value, in Unicode scalar values from
    /// 0; present only if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, example = json!([4, 9]))]
    pub at: Option<[usize; 2]>,
}

/// An error on its way to the caller.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    code: Code,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    /// The cause that is written to the log and not shown to the client.
    hidden: Option<String>,
    /// The seconds in `Retry-After` of a 503 or 429.
    retry_after: u64,
}

impl Problem {
    pub(super) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            hidden: None,
            retry_after: code.retry_after(),
        }
    }

    /// The same problem with a longer `Retry-After`.
    pub(super) fn for_longer(self) -> Self {
        Self {
            retry_after: LATER,
            ..self
        }
    }

    /// The same problem with a `Retry-After` of so many seconds.
    pub(super) fn after(self, seconds: u64) -> Self {
        Self {
            retry_after: seconds,
            ..self
        }
    }

    /// The problem for rejected parameters.
    pub(super) fn parameters(errors: Vec<FieldError>) -> Self {
        let names: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        let detail = format!("Not accepted: {}.", names.join(", "));
        Self {
            errors,
            ..Self::new(Code::InvalidParameter, detail)
        }
    }

    /// A transient failure.
    pub(super) fn busy(detail: &'static str, hidden: impl Into<String>) -> Self {
        Self {
            hidden: Some(hidden.into()),
            ..Self::new(Code::Busy, detail)
        }
    }

    /// A failure of the service; the cause goes to the log only.
    pub(super) fn internal(hidden: impl Into<String>) -> Self {
        Self {
            hidden: Some(hidden.into()),
            ..Self::new(
                Code::Internal,
                "Something failed inside the service. Its log has the cause, under the request id.",
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
                "Too many queries at once. Try again in a moment.",
                error.to_string(),
            ),
            error if error.is_passing() => Self::busy(
                "There is no memory or no disk left for this. Try again, or ask for less.",
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
pub(super) struct ProblemBody<'a> {
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
    #[schema(example = "Not accepted: limit.")]
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
pub(super) fn render(
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
        (code @ Code::Busy, cause) => refused.note(code.as_str(), &problem.detail, cause),
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
pub(super) fn without_request(status: StatusCode, request_id: &str) -> String {
    let detail = match status {
        StatusCode::BAD_REQUEST => "This can't be read as a request of HTTP/1.1.",
        status => fallback_detail(status),
    };
    Problem::new(Code::of(status), detail).body(status, "", request_id)
}

fn fallback_detail(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "There is nothing at this path. /docs lists what there is.",
        StatusCode::METHOD_NOT_ALLOWED => "The header Allow lists the methods of this path.",
        StatusCode::NOT_ACCEPTABLE => {
            "Accept-Encoding rules out every encoding; there are identity, gzip, br and zstd."
        }
        StatusCode::RANGE_NOT_SATISFIABLE => "The header Content-Range has the length of the file.",
        StatusCode::URI_TOO_LONG => "Path and query have room for 8192 bytes.",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            "There are more than 100 headers, or more bytes of them than there is room for."
        }
        status if status.is_client_error() => "The request can't be answered as it is.",
        _ => "Something failed inside the service.",
    }
}
