//! `GET /health`: the state of the service and its problems. The route is cheap: it does not query the
//! database.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, VARY};
use axum::http::{HeaderName, HeaderValue};
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;

use super::VERSION;
use super::trouble::{Trouble, troubles};
use crate::api::http::auth::Operator;
use crate::api::http::extract::NoQuery;
use crate::api::http::problem::{Problem, ProblemBody};
use crate::api::routes::state::Api;
use crate::status::Status;

/// The state of the service.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// Whether the service works as it should.
    status: Condition,
    /// Whether the service archives what Discord sends, as `/ready` says.
    #[schema(example = true)]
    ready: bool,
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

/// The state of the service for callers without the API key: what monitoring needs.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BriefHealth {
    /// Whether the service works as it should.
    status: Condition,
    /// Whether the service archives what Discord sends, as `/ready` says.
    #[schema(example = true)]
    ready: bool,
    /// The version of guildlake.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// Seconds since the process started.
    #[schema(minimum = 0, example = 86400)]
    uptime_seconds: u64,
}

/// The state of the service, in full with the API key.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum HealthAnswer {
    Full(Box<Health>),
    Brief(BriefHealth),
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
/// Answers 200 whenever the process can answer. `status` tells whether the service works as it should.
/// With a key that has the scope `admin`, `problems` lists what is wrong, and the other fields how far the service is; what an
/// archive holds is nobody else's business. Use `/ready` to check by the HTTP status whether the service
/// archives events.
#[utoipa::path(
    get,
    path = "/health",
    tag = "service",
    operation_id = "getHealth",
    security((), ("api_key" = []), ("bearer" = []), ("basic" = [])),
    responses(
        (status = 200, description = "The state of the service.", body = HealthAnswer),
        (status = 400, description = "A query parameter was given; this route takes none.", body = ProblemBody<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn get(
    State(api): State<Arc<Api>>,
    operator: Option<Extension<Operator>>,
    _: NoQuery,
) -> Result<([(HeaderName, HeaderValue); 2], Json<HealthAnswer>), Problem> {
    let service = api.status.borrow().clone();
    let problems = troubles(&service);
    let status = if problems.is_empty() {
        Condition::Ok
    } else {
        Condition::Degraded
    };
    let ready = !problems.iter().any(|trouble| trouble.stops_recording);
    let uptime_seconds = api.started.elapsed().as_secs();
    let health = if operator.is_some() {
        HealthAnswer::Full(Box::new(Health {
            status,
            ready,
            problems,
            version: VERSION,
            uptime_seconds,
            service,
        }))
    } else {
        HealthAnswer::Brief(BriefHealth {
            status,
            ready,
            version: VERSION,
            uptime_seconds,
        })
    };
    let headers = [
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (VARY, HeaderValue::from_static("authorization, x-api-key")),
    ];
    Ok((headers, Json(health)))
}
