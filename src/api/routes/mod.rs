//! The routes, in files that are named like their URLs: `routes/messages/list.rs` answers `GET /v1/messages`. A handler
//! reads its parameters, asks the store or the search, and makes the answer.

mod access;
mod blocking;
mod changes;
mod coverage;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod known_channels;
mod messages;
mod reports;
mod rows;
mod search;
mod service;
mod sight;
mod snapshots;
pub(crate) mod state;

use std::sync::Arc;

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::state::Api;
use crate::api::http::problem::{Code, Problem};
use crate::report::Library;
use crate::store::StoreError;

/// Every route, described or not.
pub(crate) fn router(api: Arc<Api>) -> Router {
    let (routes, _) = described().split_for_parts();
    routes
        .route("/v1/messages.json", get(messages::list::list_json))
        .route("/v1/search.json", get(search::list::list_json))
        .route("/v1/reports/{file}", get(reports::get::get))
        .route("/dl/{token}/{file}", get(access::links::not_valid))
        .route("/docs", get(service::docs::page))
        .route("/docs/", get(service::docs::page_in_folder))
        .route("/docs/{file}", get(service::docs::file))
        .fallback(async || {
            let detail = "No route has this path. /docs lists the routes.";
            Problem::new(Code::RouteNotFound, detail).into_response()
        })
        .with_state(api)
}

/// The routes that monitoring asks.
pub(crate) fn admin_router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/health", get(service::health::get))
        .route("/ready", get(service::ready::get))
        .fallback(async || {
            let detail = "ADMIN_BIND serves only /health and /ready.";
            Problem::new(Code::RouteNotFound, detail).into_response()
        })
        .with_state(api)
}

/// The OpenAPI 3.1 description of the API, including these reports.
///
/// # Errors
/// If DuckDB can't list its time zones.
pub fn openapi_json(library: &Library) -> Result<String, StoreError> {
    let mut description = described().into_openapi();
    reports::description::add_reports(&mut description, library)?;
    service::openapi::RequestIds.modify(&mut description);
    // A description that can't be serialised is a bug in its source, which every test finds.
    let json = description.to_pretty_json();
    Ok(json.expect("the description is JSON"))
}

/// The routes that are part of the description.
fn described() -> OpenApiRouter<Arc<Api>> {
    let routes = OpenApiRouter::with_openapi(service::openapi::Description::openapi())
        .routes(routes!(messages::list::list))
        .routes(routes!(messages::get::get))
        .routes(routes!(messages::versions::list))
        .routes(routes!(changes::list))
        .routes(routes!(coverage::get))
        .routes(routes!(search::list::list))
        .routes(routes!(search::suggest::suggest))
        .routes(routes!(reports::list::list))
        .routes(routes!(snapshots::list::list, snapshots::list::request))
        .routes(routes!(snapshots::files::latest))
        .routes(routes!(snapshots::files::latest_partition))
        .routes(routes!(snapshots::files::file))
        .routes(routes!(snapshots::files::partition))
        .routes(routes!(access::keys::list, access::keys::create))
        .routes(routes!(access::keys::rotate))
        .routes(routes!(access::keys::revoke))
        .routes(routes!(access::links::sign))
        .routes(routes!(access::audit::list))
        .routes(routes!(service::index::get))
        .routes(routes!(service::health::get))
        .routes(routes!(service::ready::get))
        .routes(routes!(service::openapi::get));
    let downloads = messages::download::routes().into_iter();
    let downloads = downloads.chain(search::download::routes());
    downloads.fold(routes, OpenApiRouter::routes)
}
