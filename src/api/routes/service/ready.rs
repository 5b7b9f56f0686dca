//! `GET /ready`: whether the service archives events now. For monitoring; `/health` has the details.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::trouble::troubles;
use crate::api::http::extract::NoQuery;
use crate::api::http::problem::{Code, Problem, ProblemBody};
use crate::api::routes::state::Api;

/// The service is ready.
#[derive(Serialize, ToSchema)]
pub(crate) struct Ready {
    /// Always true; a service that is not ready answers 503.
    #[schema(example = true)]
    ready: bool,
}

/// Check readiness
///
/// Answers 200 while the service archives the events from Discord, or if it is not configured to follow
/// Discord; otherwise 503 with the reasons in `detail`. The routes under `/v1` serve the archived data in
/// both cases.
#[utoipa::path(
    get,
    path = "/ready",
    tag = "service",
    operation_id = "getReady",
    security(()),
    responses(
        (status = 200, description = "The service is ready.", body = Ready),
        (status = 400, description = "A query parameter was given; this route takes none.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 503, description = "The service archives nothing at the moment; `detail` has the reasons.", body = ProblemBody<'static>, content_type = "application/problem+json", headers(
            ("retry-after" = u32, description = "Seconds to wait before the next try."),
        )),
    ),
)]
pub(crate) async fn get(State(api): State<Arc<Api>>, _: NoQuery) -> Result<Response, Problem> {
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
