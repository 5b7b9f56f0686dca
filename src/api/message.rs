//! `GET /v1/messages/{message_id}`: one message with its payload, deleted or not.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use headers::{ContentType, ETag, HeaderMapExt, IfNoneMatch};
use sha2::{Digest, Sha256};

use super::accept::{APPLICATION_JSON, negotiate};
use super::openapi::Refusals;
use super::private::keep_private;
use super::problem::{Code, FieldError, Problem};
use super::row::{MessageJson, Snowflake};
use super::{Api, query};
use crate::message::MessageId;

/// One message
///
/// Whole, with `raw_json`. A message that is gone from Discord is found too, with
/// `deleted: true`.
#[utoipa::path(
    get,
    path = "/v1/messages/{message_id}",
    tag = "messages",
    operation_id = "getMessage",
    params(
        ("message_id" = Snowflake, Path, description = "The message."),
        ("if-none-match" = Option<String>, Header, description = "The `ETag` of an earlier answer: if the message has not changed since, the answer is a 304 without a body."),
    ),
    responses(
        (status = 200, description = "The message.", body = MessageJson, headers(
            ("etag" = String, description = "Changes when the message does; weak."),
            ("cache-control" = String, description = "`private, no-cache`"),
            ("vary" = String, description = "What the answer depends on besides the URL."),
        )),
        (status = 304, description = "The message is as `If-None-Match` knows it.", headers(
            ("etag" = String, description = "As in `If-None-Match`."),
        )),
        (status = 404, description = "No message with this id was collected.", body = super::problem::ProblemBody<'static>, content_type = "application/problem+json"),
        Refusals,
    ),
)]
pub(super) async fn get(
    State(api): State<Arc<Api>>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    negotiate(&headers, &[APPLICATION_JSON])?;
    let id = message_id(&path)?;
    query::no_parameters(raw.as_deref())?;
    // The index of the search has each message by its id, and its channel.
    let index = api.search.index.clone();
    let channel = move || index.channel_of(id);
    let row = api.reader.message(id, channel).await?;
    let row = row.ok_or_else(not_found)?;
    let body = serde_json::to_vec(&MessageJson::try_from(row)?)
        .map_err(|error| Problem::internal(error.to_string()))?;
    let etag = etag(&body)?;
    let is_known = headers
        .typed_get::<IfNoneMatch>()
        .is_some_and(|known| !known.precondition_passes(&etag));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        body.into_response()
    };
    let headers = response.headers_mut();
    headers.typed_insert(ContentType::json());
    headers.typed_insert(etag);
    keep_private(headers);
    Ok(response)
}

pub(super) fn not_found() -> Problem {
    let detail = "No message with this id was collected.";
    Problem::new(Code::MessageNotFound, detail)
}

/// The message that the path names.
pub(super) fn message_id(path: &Result<Path<String>, PathRejection>) -> Result<MessageId, Problem> {
    let read = match path {
        Ok(Path(text)) => query::id(text),
        Err(_) => Err("is not UTF-8".into()),
    };
    read.map_err(|reason| {
        Problem::parameters(vec![FieldError {
            field: "message_id".to_owned(),
            reason,
            at: None,
        }])
    })
}

/// Of what it says, and not of its revision: that counts again after a backup was put back. Weak,
/// because it is sent compressed too.
fn etag(body: &[u8]) -> Result<ETag, Problem> {
    let [a, b, c, d, e, f, g, h, ..] = Sha256::digest(body).0;
    let tag = format!(
        "W/\"{:016x}\"",
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    );
    tag.parse()
        .map_err(|_| Problem::internal(format!("{tag} is no entity tag")))
}
