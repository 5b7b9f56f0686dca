//! `GET /`: the entry point, for people and for programs. It needs no key, because some tools (such as Power
//! BI's credential test) request the bare base URL first.

use axum::Json;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, VARY};
use axum::response::{Html, IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::VERSION;
use crate::api::http::accept::JsonOrHtml;
use crate::api::http::extract::NoQuery;
use crate::api::http::problem::ProblemBody;

/// The page contains its style sheet and loads nothing else.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The entry points of the service. All paths are relative to this URL.
#[derive(Serialize, ToSchema)]
pub(crate) struct Index {
    /// The name of the service: `guildlake`.
    #[schema(example = "guildlake")]
    name: &'static str,
    /// The version of guildlake.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// The state of the service.
    #[schema(format = "uri-reference", example = "health")]
    health: &'static str,
    /// The API documentation for people.
    #[schema(format = "uri-reference", example = "docs")]
    docs: &'static str,
    /// The API documentation for programs (OpenAPI).
    #[schema(format = "uri-reference", example = "openapi.json")]
    openapi: &'static str,
    /// The messages of a channel; needs the API key.
    #[schema(format = "uri-reference", example = "v1/messages")]
    messages: &'static str,
    /// The reports; needs the API key.
    #[schema(format = "uri-reference", example = "v1/reports")]
    reports: &'static str,
    /// The snapshots as Parquet files; needs the API key.
    #[schema(format = "uri-reference", example = "v1/snapshots")]
    snapshots: &'static str,
    /// The coverage of the archive; needs the API key.
    #[schema(format = "uri-reference", example = "v1/coverage")]
    coverage: &'static str,
}

/// Get the entry points
///
/// Answers with JSON, or with HTML for browsers.
#[utoipa::path(
    get,
    path = "/",
    tag = "service",
    operation_id = "getIndex",
    security(()),
    responses(
        (status = 200, description = "The entry points of the service.", content((Index = "application/json"), (String = "text/html"))),
        (status = 400, description = "A query parameter was given; this route takes none.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 406, description = "The `Accept` header excludes both JSON and HTML.", body = ProblemBody<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn get(_: NoQuery, accepted: JsonOrHtml) -> Response {
    let mut response = if accepted == JsonOrHtml::Html {
        let page = include_str!("pages/index.html").replace("{{version}}", VERSION);
        let mut response = Html(page).into_response();
        response
            .headers_mut()
            .insert(CONTENT_SECURITY_POLICY, POLICY);
        response
    } else {
        Json(Index {
            name: "guildlake",
            version: VERSION,
            health: "health",
            docs: "docs",
            openapi: "openapi.json",
            messages: "v1/messages",
            reports: "v1/reports",
            snapshots: "v1/snapshots",
            coverage: "v1/coverage",
        })
        .into_response()
    };
    let vary = HeaderValue::from_static("accept, accept-encoding");
    response.headers_mut().insert(VARY, vary);
    response
}
