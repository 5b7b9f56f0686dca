//! The OpenAPI description of the errors that many routes share.

use utoipa::IntoResponses;

use super::problem::ProblemBody;

/// The errors that every route under `/v1` can answer with.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only describes")]
pub(crate) enum Refusals {
    /// A parameter is unknown, missing, given twice or out of range; `errors` lists each one.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(ProblemBody<'static>),
    /// The API key is missing or wrong.
    #[response(status = 401, content_type = "application/problem+json", headers(
        ("www-authenticate" = String, description = "The accepted authentication schemes: `Basic` and `Bearer`."),
    ))]
    Unauthorized(ProblemBody<'static>),
    /// The `Accept` header excludes every format that this route can send.
    #[response(status = 406, content_type = "application/problem+json")]
    NotAcceptable(ProblemBody<'static>),
    /// The path and the query string together are longer than 8 KiB.
    #[response(status = 414, content_type = "application/problem+json")]
    UriTooLong(ProblemBody<'static>),
    /// The service failed; its log has the cause under the request id.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(ProblemBody<'static>),
    /// Too many queries are running, or the response took too long. Try again after `Retry-After` seconds.
    #[response(status = 503, content_type = "application/problem+json", headers(
        ("retry-after" = u32, description = "Seconds to wait before the next try."),
    ))]
    Busy(ProblemBody<'static>),
}
