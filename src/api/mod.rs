//! The HTTP API, which serves the database. It checks parameters strictly (every bad parameter is reported,
//! none is ignored), has one form of error for everything, and never sends an aborted response that looks
//! complete. [`router`] builds the whole API, to be served by [`serve`] or called in a test.

mod accept;
mod auth;
mod body;
mod busy;
mod changes;
mod coverage;
mod coverage_summary;
mod docs;
mod download;
mod formats;
mod health;
mod index;
mod json;
mod limits;
mod message;
mod messages;
mod no_request;
mod openapi;
mod private;
mod problem;
mod query;
mod range;
mod ready;
mod report_files;
mod reports;
mod request;
mod row;
mod search;
mod server;
mod snapshot_files;
mod snapshots;
mod trouble;
mod versions;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{Extensions, HeaderMap};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;
use axum::routing::get;
use secrecy::SecretString;
use tokio::sync::Semaphore;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use server::serve;

use crate::derived::search::Search;
use crate::derived::snapshot::Snapshots;
use crate::report::Library;
use crate::status::StatusReceiver;
use crate::store::{Reader, StoreError};

/// The version that the API reports.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The minimum size of a response that is compressed.
const COMPRESS_FROM: u64 = 1024;

/// The default of [`ApiState::timeout`]: less than the 100 seconds after which Power Query gives up.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// The dependencies of the API.
pub struct ApiState {
    /// Reads the database.
    pub reader: Reader,
    /// The snapshots of the database.
    pub snapshots: Snapshots,
    /// The full-text search index.
    pub search: Search,
    /// The status of the service.
    pub status: StatusReceiver,
    /// The key that callers send.
    pub api_key: SecretString,
    /// The reports that are offered.
    pub library: Library,
    /// How long an answer may take, its body included; see [`TIMEOUT`].
    pub timeout: Duration,
}

/// What the handlers share.
struct Api {
    reader: Reader,
    snapshots: Snapshots,
    search: search::Place,
    status: StatusReceiver,
    started: Instant,
    library: Library,
    /// Places for downloads.
    downloads: Arc<Semaphore>,
    /// Room for reports' answers, in MiB.
    answers: Arc<Semaphore>,
}

/// The API as a service. Its uptime counts from here.
pub fn router(state: ApiState) -> Router {
    let key = auth::Key::new(&state.api_key);
    let api = Arc::new(Api {
        reader: state.reader,
        snapshots: state.snapshots,
        search: search::Place {
            index: state.search,
            places: Arc::new(Semaphore::new(search::AT_ONCE)),
        },
        status: state.status,
        started: Instant::now(),
        library: state.library,
        downloads: Arc::new(Semaphore::new(download::AT_ONCE)),
        answers: Arc::new(Semaphore::new(reports::MOST_ANSWERS)),
    });
    let (routes, _) = described().split_for_parts();

    let compressed = SizeAbove::new(COMPRESS_FROM)
        .and(NotForContentType::IMAGES)
        // A strong entity tag stands for these very bytes.
        .and(|_, _, headers: &HeaderMap, _: &Extensions| !snapshot_files::is_strong(headers))
        // What is compressed by itself.
        .and(NotForContentType::const_new("application/vnd.apache."));
    // From the outermost inwards.
    let layers = ServiceBuilder::new()
        .layer(SetSensitiveRequestHeadersLayer::new(auth::SENSITIVE))
        .layer(from_fn_with_state(busy::Refused::default(), request::track))
        .layer(from_fn(limits::length_for_old_clients))
        .layer(CompressionLayer::new().compress_when(compressed))
        .layer(from_fn_with_state(state.timeout, limits::enforce))
        .layer(CatchPanicLayer::custom(limits::after_panic))
        .layer(from_fn_with_state(key, auth::require));

    routes
        .route("/v1/messages.json", get(messages::list_json))
        .route("/v1/search.json", get(search::page::list_json))
        .route("/v1/reports/{file}", get(reports::get))
        .route("/docs", get(docs::page))
        .route("/docs/", get(docs::page_in_folder))
        .route("/docs/{file}", get(docs::file))
        .fallback(async || {
            let detail = "No route has this path. /docs lists the routes.";
            problem::Problem::new(problem::Code::RouteNotFound, detail).into_response()
        })
        .with_state(api)
        .layer(layers)
}

/// The OpenAPI 3.1 description of the API, including these reports.
///
/// # Errors
/// If DuckDB can't list its time zones.
pub fn openapi_json(library: &Library) -> Result<String, StoreError> {
    let mut description = described().into_openapi();
    reports::add_reports(&mut description, library)?;
    openapi::RequestIds.modify(&mut description);
    // A description that can't be serialised is a bug in its source, which every test finds.
    let json = description.to_pretty_json();
    Ok(json.expect("the description is JSON"))
}

/// The routes that are part of the description.
fn described() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::with_openapi(openapi::Description::openapi())
        .routes(routes!(messages::list))
        .routes(routes!(download::ndjson))
        .routes(routes!(download::csv))
        .routes(routes!(download::arrow))
        .routes(routes!(download::parquet))
        .routes(routes!(changes::list))
        .routes(routes!(message::get))
        .routes(routes!(versions::list))
        .routes(routes!(coverage::get))
        .routes(routes!(search::page::list))
        .routes(routes!(search::download::ndjson))
        .routes(routes!(search::download::csv))
        .routes(routes!(search::download::arrow))
        .routes(routes!(search::download::parquet))
        .routes(routes!(search::suggest::suggest))
        .routes(routes!(reports::list))
        .routes(routes!(snapshots::list, snapshots::request))
        .routes(routes!(snapshot_files::latest))
        .routes(routes!(snapshot_files::latest_partition))
        .routes(routes!(snapshot_files::file))
        .routes(routes!(snapshot_files::partition))
        .routes(routes!(index::get))
        .routes(routes!(health::get))
        .routes(routes!(ready::get))
        .routes(routes!(openapi::get))
}
