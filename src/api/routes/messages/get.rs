//! `GET /v1/messages/{message_id}`: one message with its payload, also if it was deleted.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use headers::{ContentType, ETag, HeaderMapExt, IfNoneMatch};
use sha2::{Digest, Sha256};

use super::id::not_found;
use crate::api::answer::message::MessageJson;
use crate::api::answer::private::keep_private;
use crate::api::http::accept::AcceptsJson;
use crate::api::http::audited::Audited;
use crate::api::http::extract::{InPath, Query};
use crate::api::http::permit::Permit;
use crate::api::http::problem::{Problem, ProblemBody};
use crate::api::http::query::query;
use crate::api::http::refusals::Refusals;
use crate::api::http::syntax::boolean;
use crate::api::http::values::Snowflake;
use crate::api::routes::state::Api;
use crate::message::MessageId;

query! {
    /// The parameters of one message.
    pub(crate) struct MessageQuery {
        /// Whether to include `raw_json`, the payload as Discord sent it. The response is faster without it.
        optional include_raw: bool = boolean(), default true;
    }
}

/// Get one message
///
/// Returns the whole message, with `raw_json` unless `include_raw=false`. A message that was deleted on Discord is returned too,
/// with `deleted: true`.
#[utoipa::path(
    get,
    path = "/v1/messages/{message_id}",
    tag = "messages",
    operation_id = "getMessage",
    params(
        MessageQuery,
        ("message_id" = Snowflake, Path, description = "Id of the message."),
        ("if-none-match" = Option<String>, Header, description = "The `ETag` of an earlier response. If the message has not changed since, the response is a 304 without a body."),
    ),
    responses(
        (status = 200, description = "The message.", body = MessageJson, headers(
            ("etag" = String, description = "A weak entity tag, which changes when the message changes."),
            ("cache-control" = String, description = "`private, no-cache`"),
            ("vary" = String, description = "The request headers that the response depends on."),
        )),
        (status = 304, description = "The message has not changed since the response whose `ETag` is in `If-None-Match`.", headers(
            ("etag" = String, description = "The entity tag from `If-None-Match`."),
        )),
        (status = 404, description = "No message with this id is archived.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        Refusals,
    ),
)]
pub(crate) async fn get(
    State(api): State<Arc<Api>>,
    permit: Permit,
    _: AcceptsJson,
    InPath(id): InPath<MessageId>,
    Query(query): Query<MessageQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let sight = api.sight(&permit).await?;
    let include_raw = sight.payload(query.include_raw, query.include_raw())?;
    let row = api.message(id, include_raw).await?;
    let row = row.filter(|row| sight.reach.has(row.guild_id, row.channel_id));
    let row = row.ok_or_else(not_found)?;
    let audited = Audited {
        rows: Some(1),
        place: Some((row.guild_id, row.channel_id)),
    };
    let body = serde_json::to_vec(&MessageJson::new(row, sight.hidden)?)
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
    response.extensions_mut().insert(audited);
    Ok(response)
}

/// The entity tag is a hash of the body, not the revision, because revisions repeat after a restored backup.
/// It is weak, because the body is also sent compressed.
fn etag(body: &[u8]) -> Result<ETag, Problem> {
    let [a, b, c, d, e, f, g, h, ..] = Sha256::digest(body).0;
    let tag = format!(
        "W/\"{:016x}\"",
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    );
    tag.parse()
        .map_err(|_| Problem::internal(format!("{tag} is not a valid entity tag")))
}
