//! The limits of a single request: the length of its URL, the size of its body and its time. It also handles
//! HTTP/1.0 clients, and turns a panic into a response.

use std::any::Any;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::{Method, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use headers::{ContentLength, HeaderMapExt};

use tokio::time::Instant;

use super::problem::{Code, Problem};

/// The maximum length of the path and query string.
const URI_LENGTH: usize = 8 * 1024;

/// The maximum size of a request body.
const BODY_LENGTH: usize = 64 * 1024;

/// How long a request body may take.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// The time by which the response must be complete. An incomplete page is aborted then, so that a slow client
/// can't occupy a database connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(pub(crate) Instant);

/// Refuses requests that are too large, and cancels those that take longer than `timeout`.
pub(crate) async fn enforce(
    State(timeout): State<Duration>,
    mut request: Request,
    next: Next,
) -> Response {
    let uri = request.uri();
    if uri.path().len() + uri.query().map_or(0, |query| query.len() + 1) > URI_LENGTH {
        return Problem::new(
            Code::UriTooLong,
            format!("The path and query string may have at most {URI_LENGTH} bytes together."),
        )
        .into_response();
    }
    let length = request.headers().typed_get::<ContentLength>();
    if length.is_some_and(|length| length.0 > BODY_LENGTH as u64) {
        return body_too_large().into_response();
    }
    let deadline = Instant::now() + timeout;
    request.extensions_mut().insert(Deadline(deadline));
    if !request.body().is_end_stream() {
        let within = timeout.min(BODY_WITHIN);
        let body = std::mem::take(request.body_mut());
        match tokio::time::timeout(within, whole(body)).await {
            Ok(Ok(body)) => *request.body_mut() = Body::from(body),
            Ok(Err(problem)) => return problem.into_response(),
            Err(_) => {
                return Problem::new(
                    Code::BodyTooSlow,
                    format!(
                        "The request body was not complete within {} seconds.",
                        within.as_secs()
                    ),
                )
                .into_response();
            }
        }
    }
    match tokio::time::timeout_at(deadline, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            Code::Timeout,
            format!(
                "The response was not ready within {} seconds.",
                timeout.as_secs()
            ),
        )
        .into_response(),
    }
}

/// Reads a request body. No route takes a large one, so it is read before the handler runs: a slow client occupies
/// nothing but its connection, and the bound holds whether the body has a length or comes in chunks.
pub(crate) async fn whole(body: Body) -> Result<Vec<u8>, Problem> {
    let (mut pieces, mut whole) = (body.into_data_stream(), Vec::new());
    while let Some(piece) = pieces.next().await {
        let piece = piece
            .map_err(|_| Problem::new(Code::BadRequest, "The request body is not complete."))?;
        if whole.len() + piece.len() > BODY_LENGTH {
            return Err(body_too_large());
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole)
}

fn body_too_large() -> Problem {
    Problem::new(
        Code::BodyTooLarge,
        format!("A request body may have at most {BODY_LENGTH} bytes."),
    )
}

/// The maximum size of a response that is buffered to determine its length.
const LENGTH_FOR_OLD_CLIENTS: usize = 4 * 1024 * 1024;

/// An HTTP/1.0 body without a length ends with its connection, so an aborted body looks complete. For HTTP/1.0
/// clients, a response that is written while its rows are read (a page, a report, anything compressed) is
/// therefore buffered and sent with its length; a response that is too long for that is refused. Proxies such
/// as nginx spoke HTTP/1.0 to their backends for twenty years, and most responses are short enough.
pub(crate) async fn length_for_old_clients(request: Request, next: Next) -> Response {
    let is_old = request.version() < Version::HTTP_11;
    let is_head = request.method() == Method::HEAD;
    let response = next.run(request).await;
    if !is_old || is_head || response.body().size_hint().exact().is_some() {
        return response;
    }
    let (parts, body) = response.into_parts();
    let (mut pieces, mut whole) = (body.into_data_stream(), Vec::new());
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(piece) if whole.len() + piece.len() <= LENGTH_FOR_OLD_CLIENTS => whole.extend(piece),
            Ok(_) => return old_client().into_response(),
            Err(error) => return Problem::internal(error.to_string()).into_response(),
        }
    }
    Response::from_parts(parts, Body::from(whole))
}

/// The error for a response that can't be sent to an HTTP/1.0 client.
pub(crate) fn old_client() -> Problem {
    Problem::new(
        Code::HttpVersion,
        "Long responses need HTTP/1.1, because an aborted HTTP/1.0 response can't be told from a complete one. For nginx set `proxy_http_version 1.1`.",
    )
}

/// The response after a panic.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature that CatchPanicLayer asks for"
)]
pub(crate) fn after_panic(panic: Box<dyn Any + Send>) -> Response {
    let words = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Problem::internal(format!("panic: {words}")).into_response()
}
