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
use tower::util::option_layer;
use tower::{Layer, ServiceBuilder};
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;

pub use http::address::{ClientAddress, TrustedProxies};
pub use http::origin::Origins;
pub use http::server::{ServeSettings, connections_for, serve};
#[cfg(any(test, feature = "fuzzing"))]
pub use routes::fuzzing;

pub use routes::openapi_json;

pub use routes::state::ApiState;

use self::http::auth::Guard;
use self::http::busy::Refused;
use self::http::quota::Quotas;
use self::http::range::has_strong_entity_tag;
use self::http::request_log::Records;
use self::http::{auth, limits, links, origin, request_log};
use self::routes::state::Api;

/// The minimum size of a response that is compressed.
const COMPRESS_FROM: u64 = 1024;

/// The default of [`ApiState::timeout`]: less than the 100 seconds after which Power Query gives up.
pub const TIMEOUT: Duration = Duration::from_secs(60);

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
    let keyring = state.keyring.clone();
    let (timeout, origins) = (state.timeout, Arc::new(state.origins.clone()));
    let guard = Guard {
        keyring: keyring.clone(),
        quotas: Arc::new(Quotas::new(state.rate_limit)),
        audit: state.audit.clone(),
    };
    let records = Records {
        refused: Refused::default(),
        audit: state.audit.clone(),
    };
    let api = Arc::new(Api::new(state));
    let compressed = SizeAbove::new(COMPRESS_FROM)
        .and(NotForContentType::IMAGES)
        // A strong entity tag stands for these very bytes.
        .and(|_, _, headers: &HeaderMap, _: &Extensions| !has_strong_entity_tag(headers))
        // What is compressed by itself.
        .and(NotForContentType::const_new("application/vnd.apache."));
    // From the outermost inwards.
    let layers = ServiceBuilder::new()
        .layer(SetSensitiveRequestHeadersLayer::new(auth::SENSITIVE))
        .layer(from_fn_with_state(records.clone(), request_log::track))
        .layer(from_fn_with_state(Arc::clone(&origins), origin::check_host))
        .layer(option_layer(origin::allow_origins(&origins)))
        .layer(from_fn_with_state(
            Arc::clone(&origins),
            origin::refuse_cross_site,
        ))
        .layer(from_fn(limits::length_for_old_clients))
        // A page of 1 MiB takes 1.3 ms with zstd, 2.5 with br and 2.8 with gzip, on a thread that serves others, too.
        // The default level of br takes 6 ms, for answers that are a fifth smaller.
        .layer(
            CompressionLayer::new()
                .quality(CompressionLevel::Fastest)
                .compress_when(compressed),
        )
        .layer(from_fn_with_state(timeout, limits::enforce))
        .layer(CatchPanicLayer::custom(limits::after_panic))
        .layer(from_fn_with_state(guard, auth::require));
    // Whoever reaches this address is the operator.
    let admin_layers = ServiceBuilder::new()
        .layer(Extension(auth::Operator))
        .layer(from_fn_with_state(records, request_log::track))
        .layer(from_fn(limits::length_for_old_clients))
        .layer(from_fn_with_state(timeout, limits::enforce))
        .layer(CatchPanicLayer::custom(limits::after_panic));
    let routes = routes::router(Arc::clone(&api)).layer(layers);
    // A link is turned into its request before the routes are looked at, which a layer of a router is not.
    let linked = from_fn_with_state(keyring, links::follow).layer(routes);
    Routers {
        api: Router::new().fallback_service(linked),
        admin: routes::admin_router(api).layer(admin_layers),
    }
}
