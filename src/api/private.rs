//! Answers that only the caller may keep.

use axum::Json;
use axum::http::header::{CACHE_CONTROL, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// What an answer depends on besides the URL.
const VARY_ON: HeaderValue =
    HeaderValue::from_static("accept, accept-encoding, authorization, x-api-key");

/// Private data that changes: kept by nobody but the caller, and asked for again.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// Marks an answer as private, and says what it depends on.
pub(super) fn keep_private(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, PRIVATE);
    headers.insert(VARY, VARY_ON);
}

/// An answer of JSON that is private.
pub(super) fn private_json(answer: impl Serialize) -> Response {
    let mut response = Json(answer).into_response();
    keep_private(response.headers_mut());
    response
}
