//! The API's description in OpenAPI 3.1, made from the handlers themselves.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, OpenApi as Document, RefOr};
use utoipa::{IntoResponses, Modify, OpenApi};

use super::problem::{Problem, ProblemBody};
use super::report_files::with_files;
use super::{Api, openapi_json, query};

/// What every route under `/v1` can refuse with.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only describes")]
pub(super) enum Refusals {
    /// A parameter is unknown, missing, given twice or out of range; `errors` names each.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(ProblemBody<'static>),
    /// The key is missing or wrong.
    #[response(status = 401, content_type = "application/problem+json", headers(
        ("www-authenticate" = String, description = "How to send the key: `Basic`, `Bearer`."),
    ))]
    Unauthorized(ProblemBody<'static>),
    /// `Accept` rules out JSON.
    #[response(status = 406, content_type = "application/problem+json")]
    NotAcceptable(ProblemBody<'static>),
    /// The path and query are longer than 8 KiB.
    #[response(status = 414, content_type = "application/problem+json")]
    UriTooLong(ProblemBody<'static>),
    /// A fault of the service; its log has the cause.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(ProblemBody<'static>),
    /// Too many queries at once, or an answer that took too long.
    #[response(status = 503, content_type = "application/problem+json", headers(
        ("retry-after" = u32, description = "Seconds to wait."),
    ))]
    Busy(ProblemBody<'static>),
}

/// What the description says besides the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "guildlake",
        description = "The messages of chosen Discord channels, ready for reporting.\n\n\
            Ids are strings, because a JavaScript number loses their last digits. Times are RFC 3339 in UTC. \
            A parameter that is unknown, given twice or out of range is an error, never ignored.",
        license(name = "MIT", identifier = "MIT"),
    ),
    servers((url = "./", description = "This service")),
    tags(
        (name = "messages", description = "What was collected."),
        (name = "search", description = "Messages by what they say."),
        (name = "reports", description = "What the messages tell, counted. Each is an SQL file."),
        (name = "snapshots", description = "The record as Parquet files, for tools that read files."),
        (name = "coverage", description = "What is known, and what is not."),
        (name = "service", description = "The service itself; open without a key."),
    ),
    security(("api_key" = []), ("bearer" = []), ("basic" = [])),
    modifiers(&KeySchemes),
)]
pub(super) struct Description;

/// The three ways to send the key.
struct KeySchemes;

impl Modify for KeySchemes {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_with(Components::new);
        let header = ApiKeyValue::with_description("x-api-key", "The key itself.");
        components.add_security_scheme("api_key", SecurityScheme::ApiKey(ApiKey::Header(header)));
        let http = |scheme, description| {
            let http = HttpBuilder::new().scheme(scheme);
            SecurityScheme::Http(http.description(Some(description)).build())
        };
        components.add_security_scheme(
            "bearer",
            http(HttpAuthScheme::Bearer, "The key as the token."),
        );
        components.add_security_scheme(
            "basic",
            http(
                HttpAuthScheme::Basic,
                "The key as the password, with any user name.",
            ),
        );
    }
}

/// The header that every answer has; to be added when all routes are there.
pub(super) struct RequestIds;

impl Modify for RequestIds {
    fn modify(&self, document: &mut Document) {
        for item in document.paths.paths.values_mut() {
            let operations = item.get.iter_mut().chain(&mut item.post);
            for response in operations.flat_map(|it| it.responses.responses.values_mut()) {
                if let RefOr::T(response) = response {
                    let id = ObjectBuilder::new()
                        .schema_type(Type::String)
                        .pattern(Some("^[A-Za-z0-9_-]{1,64}$"));
                    let header = HeaderBuilder::new().schema(Some(id)).description(Some(
                        "The caller's own `x-request-id` if it sent a valid one, else a new one.",
                    ));
                    response
                        .headers
                        .insert("x-request-id".to_owned(), header.build().into());
                }
            }
        }
    }
}

/// This description
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "service",
    operation_id = "getOpenApi",
    security(()),
    responses(
        (status = 200, description = "OpenAPI 3.1.", body = Object, content_type = "application/json"),
        (status = 400, description = "A query parameter was given.", body = ProblemBody<'static>, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn get(
    State(api): State<Arc<Api>>,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    query::no_parameters(raw.as_deref())?;
    let document = with_files(&api.library, openapi_json).await??;
    let json = HeaderValue::from_static("application/json");
    Ok(([(CONTENT_TYPE, json)], document).into_response())
}
