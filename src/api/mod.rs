//! The HTTP API, which serves the database. It checks parameters strictly (every bad parameter is reported,
//! none is ignored), has one form of error for everything, and never sends an aborted response that looks
//! complete. [`router`] builds the whole API, to be served by [`serve`] or called in a test.

mod answer;
mod http;
mod routes;

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Extensions, HeaderMap};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::{Extension, Router};
use secrecy::SecretString;
use tower::ServiceBuilder;
use tower::util::option_layer;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;

pub use http::address::{ClientAddress, TrustedProxies};
pub use http::origin::Origins;
pub use http::server::{ServeSettings, connections_for, serve};
pub use routes::openapi_json;

use self::http::busy::Refused;
use self::http::range::has_strong_entity_tag;
use self::http::{auth, limits, origin, request_log};
use self::routes::state::Api;
use crate::derived::rows::Rows;
use crate::derived::search::Search;
use crate::derived::snapshot::Snapshots;
use crate::report::Library;
use crate::status::StatusReceiver;
use crate::store::Reader;

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
    /// The row store.
    pub rows: Rows,
    /// The status of the service.
    pub status: StatusReceiver,
    /// The key that callers send.
    pub api_key: SecretString,
    /// The reports that are offered.
    pub library: Library,
    /// Which pages and names the service knows.
    pub origins: Origins,
    /// How long an answer may take, its body included; see [`TIMEOUT`].
    pub timeout: Duration,
}

/// What a service answers.
pub struct Routers {
    /// The whole API.
    pub api: Router,
    /// Only what monitoring asks, for an address that no client of the API can keep busy.
    pub admin: Router,
}

/// The whole API as a service. Its uptime counts from here.
pub fn router(state: ApiState) -> Router {
    routers(state).api
}

/// The API and the health checks. Their uptime counts from here.
pub fn routers(state: ApiState) -> Routers {
    let key = auth::Key::new(&state.api_key);
    let api = Arc::new(Api::new(
        state.reader,
        state.snapshots,
        state.search,
        state.rows,
        state.status,
        state.library,
    ));
    let compressed = SizeAbove::new(COMPRESS_FROM)
        .and(NotForContentType::IMAGES)
        // A strong entity tag stands for these very bytes.
        .and(|_, _, headers: &HeaderMap, _: &Extensions| !has_strong_entity_tag(headers))
        // What is compressed by itself.
        .and(NotForContentType::const_new("application/vnd.apache."));
    // From the outermost inwards.
    let layers = ServiceBuilder::new()
        .layer(SetSensitiveRequestHeadersLayer::new(auth::SENSITIVE))
        .layer(from_fn_with_state(Refused::default(), request_log::track))
        .layer(from_fn_with_state(
            Arc::new(state.origins.clone()),
            origin::check_host,
        ))
        .layer(option_layer(origin::allow_origins(&state.origins)))
        .layer(origin::refuse_cross_site(&state.origins))
        .layer(from_fn(limits::length_for_old_clients))
        // A page of 1 MiB takes 1.3 ms with zstd, 2.5 with br and 2.8 with gzip, on a thread that serves others, too.
        // The default level of br takes 6 ms, for answers that are a fifth smaller.
        .layer(
            CompressionLayer::new()
                .quality(CompressionLevel::Fastest)
                .compress_when(compressed),
        )
        .layer(from_fn_with_state(state.timeout, limits::enforce))
        .layer(CatchPanicLayer::custom(limits::after_panic))
        .layer(from_fn_with_state(key, auth::require));
    // Whoever reaches this address is the operator.
    let admin_layers = ServiceBuilder::new()
        .layer(Extension(auth::Authenticated))
        .layer(from_fn_with_state(Refused::default(), request_log::track))
        .layer(from_fn(limits::length_for_old_clients))
        .layer(from_fn_with_state(state.timeout, limits::enforce))
        .layer(CatchPanicLayer::custom(limits::after_panic));
    Routers {
        api: routes::router(Arc::clone(&api)).layer(layers),
        admin: routes::admin_router(api).layer(admin_layers),
    }
}
