//! `GET /`: what this is and where to go on, for people and for programs. Open to all, because
//! some tools (Power BI's credential test) ask for the bare base URL first.

use axum::Json;
use axum::extract::RawQuery;
use axum::http::header::{CONTENT_SECURITY_POLICY, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{Html, IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::accept::{APPLICATION_JSON, TEXT_HTML, negotiate};
use super::problem::Problem;
use super::{VERSION, query};

/// The page has one style sheet inside, and nothing else is loaded.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// What this is, and where to go on. All paths are relative to this one.
#[derive(Serialize, ToSchema)]
pub(super) struct Index {
    /// `guildlake`
    #[schema(example = "guildlake")]
    name: &'static str,
    /// Its version.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// How it is.
    #[schema(format = "uri-reference", example = "health")]
    health: &'static str,
    /// The documentation, for people.
    #[schema(format = "uri-reference", example = "docs")]
    docs: &'static str,
    /// The documentation, for programs.
    #[schema(format = "uri-reference", example = "openapi.json")]
    openapi: &'static str,
    /// A channel's messages; wants the key.
    #[schema(format = "uri-reference", example = "v1/messages")]
    messages: &'static str,
    /// What the messages tell, counted; wants the key.
    #[schema(format = "uri-reference", example = "v1/reports")]
    reports: &'static str,
    /// The record as Parquet files; wants the key.
    #[schema(format = "uri-reference", example = "v1/snapshots")]
    snapshots: &'static str,
    /// What is known and what is not; wants the key.
    #[schema(format = "uri-reference", example = "v1/coverage")]
    coverage: &'static str,
}

/// What this is
///
/// JSON, or HTML for browsers.
#[utoipa::path(
    get,
    path = "/",
    tag = "service",
    operation_id = "getIndex",
    security(()),
    responses(
        (status = 200, description = "Where to go on.", content((Index = "application/json"), (String = "text/html"))),
        (status = 400, description = "A query parameter was given.", body = super::problem::ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 406, description = "`Accept` rules out JSON and HTML.", body = super::problem::ProblemBody<'static>, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn get(headers: HeaderMap, RawQuery(raw): RawQuery) -> Result<Response, Problem> {
    query::no_parameters(raw.as_deref())?;
    let form = negotiate(&headers, &[APPLICATION_JSON, TEXT_HTML])?;
    let mut response = if form == TEXT_HTML {
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
    Ok(response)
}
