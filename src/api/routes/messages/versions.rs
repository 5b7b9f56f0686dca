//! `GET /v1/messages/{message_id}/versions`: the earlier versions of an edited message.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::id::not_found;
use crate::api::answer::private::private_json;
use crate::api::http::accept::AcceptsJson;
use crate::api::http::audited::Audited;
use crate::api::http::extract::{InPath, NoQuery};
use crate::api::http::permit::Permit;
use crate::api::http::problem::{Problem, ProblemBody};
use crate::api::http::refusals::Refusals;
use crate::api::http::values::{Snowflake, Time, snowflake};
use crate::api::routes::state::Api;
use crate::message::MessageId;
use crate::store::{StoreError, VersionRow};

/// The versions of a message.
#[derive(Serialize, ToSchema)]
pub(crate) struct Versions {
    /// The versions that this service received, oldest first.
    data: Vec<VersionJson>,
}

/// One version of a message.
#[derive(Serialize, ToSchema)]
#[schema(as = MessageVersion)]
pub(crate) struct VersionJson {
    /// Discord's id of the message.
    message_id: Snowflake,
    /// When the edit that made this version happened; null for the original.
    #[schema(required = true)]
    edited_at: Option<Time>,
    /// The message text of this version.
    content: String,
    /// Number of attached files in this version.
    #[schema(minimum = 0)]
    attachment_count: i32,
    /// Number of embeds in this version.
    #[schema(minimum = 0)]
    embed_count: i32,
    /// Number of the database commit that stored this version.
    #[schema(minimum = 0)]
    revision: i64,
    /// Whether this is the last version of the message.
    is_current: bool,
    /// The payload exactly as Discord sent it.
    #[schema(value_type = Object)]
    raw_json: Box<RawValue>,
}

/// List the versions of a message
///
/// Returns the versions of a message that this service received, oldest first; the current version is
/// the last. Each edit with its own `edited_at` makes a version; a link preview that Discord adds later
/// does not. An edit that was overwritten by the next one during an outage is missing. The list is
/// empty if the content of the deleted message was redacted.
#[utoipa::path(
    get,
    path = "/v1/messages/{message_id}/versions",
    tag = "messages",
    operation_id = "listMessageVersions",
    params(("message_id" = Snowflake, Path, description = "Id of the message.")),
    responses(
        (status = 200, description = "The versions.", body = Versions, headers(
            ("cache-control" = String, description = "`private, no-cache`"),
            ("vary" = String, description = "The request headers that the response depends on."),
        )),
        (status = 404, description = "No message with this id is archived.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        Refusals,
    ),
)]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    permit: Permit,
    _: AcceptsJson,
    InPath(id): InPath<MessageId>,
    _: NoQuery,
) -> Result<Response, Problem> {
    let sight = api.sight(&permit).await?;
    // A version has no values without its payload.
    sight.require_payload()?;
    let place = if sight.reach.is_everything() {
        None
    } else {
        let row = api.message(id, false).await?;
        let place = row.map(|row| (row.guild_id, row.channel_id));
        let place = place.filter(|(guild, channel)| sight.reach.has(*guild, *channel));
        Some(place.ok_or_else(not_found)?)
    };
    let versions = api.reader.versions(id).await?.ok_or_else(not_found)?;
    let data: Result<Vec<_>, _> = versions.into_iter().map(VersionJson::try_from).collect();
    let data = data?;
    let rows = u64::try_from(data.len()).ok();
    let mut response = private_json(Versions { data });
    response.extensions_mut().insert(Audited { rows, place });
    Ok(response)
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
