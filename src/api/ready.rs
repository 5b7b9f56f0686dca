//! `GET /ready`: whether the service does its work now. For a watcher; `/health` says more.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::{Code, Problem};
use super::trouble::troubles;
use super::{Api, query};

/// That the service does its work.
#[derive(Serialize, ToSchema)]
pub(super) struct Ready {
    /// It does.
    #[schema(example = true)]
    ready: bool,
}

/// Whether the service does its work
///
/// 200 while what Discord says is recorded, or nothing is to be followed; else 503 with the
/// reasons. The API answers from the record either way.
#[utoipa::path(
    get,
    path = "/ready",
    tag = "service",
    operation_id = "getReady",
    security(()),
    responses(
        (status = 200, description = "It does.", body = Ready),
        (status = 400, description = "A query parameter was given.", body = super::problem::ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 503, description = "It does not; `detail` has the reasons.", body = super::problem::ProblemBody<'static>, content_type = "application/problem+json", headers(
            ("retry-after" = u32, description = "Seconds to wait."),
        )),
    ),
)]
pub(super) async fn get(
    State(api): State<Arc<Api>>,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    query::no_parameters(raw.as_deref())?;
    let reasons: Vec<_> = troubles(&api.status.borrow())
        .into_iter()
        .filter(|trouble| trouble.stops_recording)
        .map(|trouble| trouble.detail)
        .collect();
    if !reasons.is_empty() {
        return Err(Problem::new(Code::NotReady, reasons.join(" ")));
    }
    let no_store = [(CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((no_store, Json(Ready { ready: true })).into_response())
}
