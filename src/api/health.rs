//! `GET /health`: that the process answers, and in a few facts how it is. Cheap: the record is
//! not asked.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderName, HeaderValue};
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;
use super::{Api, VERSION, query};
use crate::status::Status;

/// How the service is.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`: the process answers.
    #[schema(pattern = "^ok$", example = "ok")]
    status: &'static str,
    /// The version of guildlake.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// Since the process started.
    #[schema(minimum = 0, example = 86400)]
    uptime_seconds: u64,
    #[serde(flatten)]
    service: Status,
}

/// How the service is
///
/// 200 while the process can answer, whatever the state of its connection to Discord.
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
    let health = Health {
        status: "ok",
        version: VERSION,
        uptime_seconds: api.started.elapsed().as_secs(),
        service: api.status.borrow().clone(),
    };
    let no_store = (CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(([no_store], Json(health)))
}
