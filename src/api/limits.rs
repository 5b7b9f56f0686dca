//! What a single request may cost: the length of its URL, the size of its body, its time.
//! A panic ends as an answer too.

use std::any::Any;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use headers::{ContentLength, HeaderMapExt};
use tokio::time::Instant;

use super::problem::{Code, Problem};

/// The longest path and query.
const URI_LENGTH: usize = 8 * 1024;

/// The largest body of a request: no route takes one yet.
const BODY_LENGTH: u64 = 64 * 1024;

/// When the answer must be complete. A page that is not is broken off, so that a caller who reads
/// slowly can't hold a connection to the record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(pub(super) Instant);

/// Refuses what is too large, and gives up what takes longer than `timeout`.
pub(super) async fn enforce(
    State(timeout): State<Duration>,
    mut request: Request,
    next: Next,
) -> Response {
    let uri = request.uri();
    if uri.path().len() + uri.query().map_or(0, |query| query.len() + 1) > URI_LENGTH {
        return Problem::new(
            Code::UriTooLong,
            format!("Path and query have room for {URI_LENGTH} bytes."),
        )
        .into_response();
    }
    let length = request.headers().typed_get::<ContentLength>();
    if length.is_some_and(|length| length.0 > BODY_LENGTH) {
        return Problem::new(
            Code::BodyTooLarge,
            format!("A body has room for {BODY_LENGTH} bytes."),
        )
        .into_response();
    }
    let deadline = Instant::now() + timeout;
    request.extensions_mut().insert(Deadline(deadline));
    match tokio::time::timeout_at(deadline, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            Code::Timeout,
            format!(
                "The answer was not ready within {} seconds.",
                timeout.as_secs()
            ),
        )
        .into_response(),
    }
}

/// The answer after a panic.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature that CatchPanicLayer asks for"
)]
pub(super) fn after_panic(panic: Box<dyn Any + Send>) -> Response {
    let words = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no words");
    Problem::internal(format!("panic: {words}")).into_response()
}
