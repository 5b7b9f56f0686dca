//! `GET /health`: that the process answers, how it is, and what is not as it should be. Cheap: the record is
//! not asked.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderName, HeaderValue};
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;
use super::trouble::{Trouble, troubles};
use super::{Api, VERSION, query};
use crate::status::Status;

/// How the service is.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// Whether everything below is as it should be.
    status: Condition,
    /// What is not; empty if all is well.
    problems: Vec<Trouble>,
    /// The version of guildlake.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// Since the process started.
    #[schema(minimum = 0, example = 86400)]
    uptime_seconds: u64,
    #[serde(flatten)]
    service: Status,
}

/// Whether everything is as it should be.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Condition {
    /// It is.
    Ok,
    /// The process answers, and `problems` says what is not.
    Degraded,
}

/// How the service is
///
/// 200 while the process can answer, whatever its state: `status` says whether all is well, and
/// `problems` what is not. `/ready` says by its status whether anything is recorded.
#[utoipa::path(
    get,
    path = "/health",
    tag = "service",
    operation_id = "getHealth",
    security(()),
    responses(
        (status = 200, description = "It answers.", body = Health),
        (status = 400, description = "A query parameter was given.", body = super::problem::ProblemBody<'static>, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn get(
    State(api): State<Arc<Api>>,
    RawQuery(raw): RawQuery,
) -> Result<([(HeaderName, HeaderValue); 1], Json<Health>), Problem> {
    query::no_parameters(raw.as_deref())?;
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
