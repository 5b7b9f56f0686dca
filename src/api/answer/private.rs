//! Answers that only the caller may keep.

use axum::Json;
use axum::http::header::{CACHE_CONTROL, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// The request headers that a response depends on.
const VARY_ON: HeaderValue =
    HeaderValue::from_static("accept, accept-encoding, authorization, x-api-key");

/// For private data that changes: no shared cache may keep it, and the caller must revalidate it.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// Marks a response as private and names the request headers that it depends on.
pub(crate) fn keep_private(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, PRIVATE);
    headers.insert(VARY, VARY_ON);
}

/// A JSON response that nothing may keep, such as one with a secret.
pub(crate) fn unkept_json(status: StatusCode, answer: impl Serialize) -> Response {
    let no_store = [(CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (status, no_store, Json(answer)).into_response()
}

/// A private JSON response.
pub(crate) fn private_json(answer: impl Serialize) -> Response {
    let mut response = Json(answer).into_response();
    keep_private(response.headers_mut());
    response
}
