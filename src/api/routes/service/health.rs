//! `GET /health`: the state of the service and its problems. The route is cheap: it does not query the
//! database.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderName, HeaderValue};
use serde::Serialize;
use utoipa::ToSchema;

use super::VERSION;
use super::trouble::{Trouble, troubles};
use crate::api::http::extract::NoQuery;
use crate::api::http::problem::{Problem, ProblemBody};
use crate::api::routes::state::Api;
use crate::status::Status;

/// The state of the service.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// Whether the service works as it should.
    status: Condition,
    /// The present problems; empty if there are none.
    problems: Vec<Trouble>,
    /// The version of guildlake.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// Seconds since the process started.
    #[schema(minimum = 0, example = 86400)]
    uptime_seconds: u64,
    #[serde(flatten)]
    service: Status,
}

/// Whether the service works as it should.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Condition {
    /// There are no problems.
    Ok,
    /// The process answers, but something is wrong; see `problems`.
    Degraded,
}

/// Get the state of the service
///
/// Answers 200 whenever the process can answer. `status` tells whether the service works as it should,
/// and `problems` lists what is wrong. Use `/ready` to check by the HTTP status whether the service
/// archives events.
#[utoipa::path(
    get,
    path = "/health",
    tag = "service",
    operation_id = "getHealth",
    security(()),
    responses(
        (status = 200, description = "The state of the service.", body = Health),
        (status = 400, description = "A query parameter was given; this route takes none.", body = ProblemBody<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn get(
    State(api): State<Arc<Api>>,
    _: NoQuery,
) -> Result<([(HeaderName, HeaderValue); 1], Json<Health>), Problem> {
    let status = api.status.borrow().clone();
    let problems = troubles(&status);
    let health = Health {
        status: if problems.is_empty() {
            Condition::Ok
        } else {
            Condition::Degraded
        },
        problems,
        version: VERSION,
        uptime_seconds: api.started.elapsed().as_secs(),
        service: status,
    };
    let no_store = (CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(([no_store], Json(health)))
}
