//! `GET /v1/messages/{message_id}/versions`: what a message was before its edits.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::accept::{APPLICATION_JSON, negotiate};
use super::message::{message_id, not_found};
use super::openapi::Refusals;
use super::private::private_json;
use super::problem::Problem;
use super::row::{Snowflake, Time, snowflake};
use super::{Api, query};
use crate::store::{StoreError, VersionRow};

/// The versions of a message.
#[derive(Serialize, ToSchema)]
pub(super) struct Versions {
    /// Those that were seen, oldest first.
    data: Vec<VersionJson>,
}

/// A message as it was, or is.
#[derive(Serialize, ToSchema)]
#[schema(as = MessageVersion)]
pub(super) struct VersionJson {
    /// The message.
    message_id: Snowflake,
    /// The edit that made it; null for the original.
    #[schema(required = true)]
    edited_at: Option<Time>,
    /// The text.
    content: String,
    /// How many files hung on it.
    #[schema(minimum = 0)]
    attachment_count: i32,
    /// How many embeds hung on it.
    #[schema(minimum = 0)]
    embed_count: i32,
    /// The number of the commit that put it into the record.
    #[schema(minimum = 0)]
    revision: i64,
    /// Whether the message is like this now (or was when it was deleted).
    is_current: bool,
    /// The payload exactly as Discord sent it.
    #[schema(value_type = Object)]
    raw_json: Box<RawValue>,
}

/// What a message was
///
/// Each edit that was seen, oldest first, the present one last. An edit is what has a time of its
/// own: a link preview that Discord adds is none. An edit that came between two that were seen and
/// was missed (an outage) is not known. Empty if the content was taken out after a delete.
#[utoipa::path(
    get,
    path = "/v1/messages/{message_id}/versions",
    tag = "messages",
    operation_id = "listMessageVersions",
    params(("message_id" = Snowflake, Path, description = "The message.")),
    responses(
        (status = 200, description = "The versions.", body = Versions, headers(
            ("cache-control" = String, description = "`private, no-cache`"),
            ("vary" = String, description = "What the answer depends on besides the URL."),
        )),
        (status = 404, description = "No message with this id was collected.", body = super::problem::ProblemBody<'static>, content_type = "application/problem+json"),
        Refusals,
    ),
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    negotiate(&headers, &[APPLICATION_JSON])?;
    let id = message_id(&path)?;
    query::no_parameters(raw.as_deref())?;
    let versions = api.reader.versions(id).await?.ok_or_else(not_found)?;
    let data: Result<Vec<_>, _> = versions.into_iter().map(VersionJson::try_from).collect();
    Ok(private_json(Versions { data: data? }))
}

impl TryFrom<VersionRow> for VersionJson {
    type Error = StoreError;

    fn try_from(row: VersionRow) -> Result<Self, StoreError> {
        Ok(Self {
            message_id: snowflake(row.message_id.as_i64()),
            edited_at: row.edited_at.map(Time),
            content: row.content,
            attachment_count: row.attachment_count,
            embed_count: row.embed_count,
            revision: row.revision,
            is_current: row.is_current,
            raw_json: RawValue::from_string(row.raw_json)?,
        })
    }
}
