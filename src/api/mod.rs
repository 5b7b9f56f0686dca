//! The HTTP API, which serves the database. It checks parameters strictly (every bad parameter is reported,
//! none is ignored), has one form of error for everything, and never sends an aborted response that looks
//! complete. [`router`] builds the whole API, to be served by [`serve`] or called in a test.

mod answer;
mod http;
mod routes;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{Extensions, HeaderMap};
use axum::middleware::{from_fn, from_fn_with_state};
use tower::{Layer, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;

pub use http::server::serve;
pub use routes::openapi_json;

pub use routes::state::ApiState;

use self::http::auth::Guard;
use self::http::busy::Refused;
use self::http::quota::Quotas;
use self::http::range::has_strong_entity_tag;
use self::http::request_log::Records;
use self::http::{auth, limits, links, request_log};
use self::routes::state::Api;

/// The minimum size of a response that is compressed.
const COMPRESS_FROM: u64 = 1024;

/// The default of [`ApiState::timeout`]: less than the 100 seconds after which Power Query gives up.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// The API as a service. Its uptime counts from here.
pub fn router(state: ApiState) -> Router {
    let keyring = state.keyring.clone();
    let audit = state.audit.clone();
    let timeout = state.timeout;
    let guard = Guard {
        keyring: keyring.clone(),
        quotas: Arc::new(Quotas::new(state.rate_limit)),
        audit: audit.clone(),
    };
    let records = Records {
        refused: Refused::default(),
        audit,
    };
    let api = Api::new(state);
    let compressed = SizeAbove::new(COMPRESS_FROM)
        .and(NotForContentType::IMAGES)
        // A strong entity tag stands for these very bytes.
        .and(|_, _, headers: &HeaderMap, _: &Extensions| !has_strong_entity_tag(headers))
        // What is compressed by itself.
        .and(NotForContentType::const_new("application/vnd.apache."));
    // From the outermost inwards.
    let layers = ServiceBuilder::new()
        .layer(SetSensitiveRequestHeadersLayer::new(auth::SENSITIVE))
        .layer(from_fn_with_state(records, request_log::track))
        .layer(from_fn(limits::length_for_old_clients))
        .layer(CompressionLayer::new().compress_when(compressed))
        .layer(from_fn_with_state(timeout, limits::enforce))
        .layer(CatchPanicLayer::custom(limits::after_panic))
        .layer(from_fn_with_state(guard, auth::require));
    let routes = routes::router(Arc::new(api)).layer(layers);
    // A link is turned into its request before the routes are looked at, which a layer of a router is not.
    Router::new().fallback_service(from_fn_with_state(keyring, links::follow).layer(routes))
}
