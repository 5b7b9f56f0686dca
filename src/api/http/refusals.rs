//! The OpenAPI description of errors.

use std::collections::BTreeMap;

use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder, Schema};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

use super::problem::{PROBLEM_JSON, ProblemBody};

/// The errors that every route under `/v1` can answer with.
pub(crate) struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let schemes =
            header::<String>("The accepted authentication schemes: `Basic` and `Bearer`.");
        let seconds = header::<u32>("Seconds to wait before the next try.");
        let refusals = [
            (
                "400",
                "A parameter is unknown, missing, given twice or out of range; `errors` lists each one.",
                None,
            ),
            (
                "401",
                "The API key is missing, wrong, expired or revoked.",
                Some(("www-authenticate", schemes)),
            ),
            (
                "403",
                "The key lacks a scope, or may not see what the answer contains.",
                None,
            ),
            (
                "406",
                "The `Accept` header excludes every format that this route can send.",
                None,
            ),
            (
                "414",
                "The path and the query string together are longer than 8 KiB.",
                None,
            ),
            (
                "429",
                "The key, or the address, sent too many requests. Try again after `Retry-After` seconds.",
                Some(("retry-after", seconds.clone())),
            ),
            (
                "500",
                "The service failed; its log has the cause under the request id.",
                None,
            ),
            (
                "503",
                "Too many queries are running, or the response took too long. Try again after `Retry-After` seconds.",
                Some(("retry-after", seconds)),
            ),
        ];
        let refusals = refusals.map(|(status, description, header)| {
            let mut response = refusal(description);
            let header = header.map(|(name, header)| (name.to_owned(), header.into()));
            response.headers.extend(header);
            (status.to_owned(), response.into())
        });
        refusals.into()
    }
}

fn header<T: PartialSchema>(description: &str) -> Header {
    HeaderBuilder::new()
        .schema(Some(T::schema()))
        .description(Some(description))
        .build()
}

/// The OpenAPI description of an error.
pub(crate) fn refusal(description: &str) -> Response {
    let body: RefOr<Schema> = RefOr::Ref(Ref::from_schema_name(ProblemBody::name()));
    ResponseBuilder::new()
        .description(description)
        .content(PROBLEM_JSON, Content::new(Some(body)))
        .build()
}
