//! The OpenAPI 3.1 description of the API, generated from the handlers.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use tokio::sync::OnceCell;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, OpenApi as Document, RefOr};
use utoipa::{Modify, OpenApi};

use crate::api::answer::asset::Asset;
use crate::api::http::extract::NoQuery;
use crate::api::http::permit::Permit;
use crate::api::http::problem::{Problem, ProblemBody};
use crate::api::routes::openapi_json;
use crate::api::routes::reports::files::with_files;
use crate::api::routes::state::Api;
use crate::keys::Scope;
use crate::report::Library;

/// The parts of the description that belong to no route.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "guildlake",
        description = "guildlake archives the messages of chosen Discord channels in a database and serves them \
            for reporting.\n\n\
            - **Authentication**: every route under `/v1` needs the API key, in one of three forms: the header \
            `x-api-key`, a Bearer token, or the password of HTTP Basic.\n\
            - **Ids** are Discord snowflakes, sent as strings, because a JavaScript number loses their last digits.\n\
            - **Times** are RFC 3339 in UTC.\n\
            - **Parameters** are checked strictly: a parameter that is unknown, given twice or out of range is an \
            error (400) and is never ignored.\n\
            - **Errors** are `application/problem+json` (RFC 9457) with a stable `code`.\n\
            - **Revisions**: the database numbers its commits; a `revision` is the number of a commit.",
        license(name = "MIT", identifier = "MIT"),
    ),
    servers((url = "./", description = "This service")),
    tags(
        (name = "messages", description = "The archived messages: pages, downloads, single messages, changes."),
        (name = "search", description = "Full-text search over the archived messages."),
        (name = "reports", description = "Statistics over the archived messages. Each report is an SQL file."),
        (name = "snapshots", description = "Copies of the database as Parquet files, for tools that read files."),
        (name = "coverage", description = "How complete the archive is: covered ranges, gaps and their reasons."),
        (name = "access", description = "API keys, signed links, and the audit log."),
        (name = "service", description = "The state of the service; these routes need no key."),
    ),
    security(("api_key" = []), ("bearer" = []), ("basic" = [])),
    modifiers(&KeySchemes),
)]
pub(crate) struct Description;

/// The three ways to send the API key.
struct KeySchemes;

impl Modify for KeySchemes {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_with(Components::new);
        let header = ApiKeyValue::with_description("x-api-key", "The API key.");
        components.add_security_scheme("api_key", SecurityScheme::ApiKey(ApiKey::Header(header)));
        let http = |scheme, description| {
            let http = HttpBuilder::new().scheme(scheme);
            SecurityScheme::Http(http.description(Some(description)).build())
        };
        components.add_security_scheme(
            "bearer",
            http(HttpAuthScheme::Bearer, "The API key as the Bearer token."),
        );
        components.add_security_scheme(
            "basic",
            http(
                HttpAuthScheme::Basic,
                "The API key as the password, with any user name.",
            ),
        );
    }
}

/// Adds the header `x-request-id`, which every response has; applied once all routes are described.
pub(crate) struct RequestIds;

impl Modify for RequestIds {
    fn modify(&self, document: &mut Document) {
        for item in document.paths.paths.values_mut() {
            let operations = item
                .get
                .iter_mut()
                .chain(&mut item.post)
                .chain(&mut item.delete);
            for response in operations.flat_map(|it| it.responses.responses.values_mut()) {
                if let RefOr::T(response) = response {
                    let id = ObjectBuilder::new()
                        .schema_type(Type::String)
                        .pattern(Some("^[A-Za-z0-9_-]{1,64}$"));
                    let header = HeaderBuilder::new().schema(Some(id)).description(Some(
                        "The id of this request: the caller's own `x-request-id` if it is valid, else a new one.",
                    ));
                    response
                        .headers
                        .insert("x-request-id".to_owned(), header.build().into());
                }
            }
        }
    }
}

/// The description with the built-in reports.
static BUILT_IN: OnceCell<Asset> = OnceCell::const_new();

async fn describe(library: &Library) -> Result<Asset, Problem> {
    let document = with_files(library, openapi_json).await??;
    let json = HeaderValue::from_static("application/json");
    let vary = "accept-encoding, authorization, x-api-key";
    Ok(Asset::new(document, json, "private, no-cache", vary))
}

/// OpenAPI description
///
/// The OpenAPI 3.1 description of this API. For a key that can run them, it includes the operator's own
/// reports; for others, only the built-in ones.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "service",
    operation_id = "getOpenApi",
    security((), ("api_key" = []), ("bearer" = []), ("basic" = [])),
    responses(
        (status = 200, description = "The OpenAPI 3.1 document.", body = Object, content_type = "application/json"),
        (status = 304, description = "The document is the one that `If-None-Match` names."),
        (status = 400, description = "A query parameter was given; this route takes none.", body = ProblemBody<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn get(
    State(api): State<Arc<Api>>,
    permit: Option<Extension<Permit>>,
    headers: HeaderMap,
    _: NoQuery,
) -> Result<Response, Problem> {
    let sees_own = permit.is_some_and(|Extension(permit)| {
        permit.grant.has(Scope::Reports) && permit.grant.sees_everything()
    });
    if sees_own && !api.library.is_built_in() {
        let stamp = with_files(&api.library, Library::stamp).await?;
        let own = async || describe(&api.library).await;
        return api
            .description
            .get(stamp, own)
            .await?
            .answer(&headers)
            .await;
    }
    let built_in = BUILT_IN.get_or_try_init(async || describe(&Library::default()).await);
    built_in.await?.answer(&headers).await
}
