//! `GET /v1/audit`: who read what, and who changed keys.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::answer::private::private_json;
use crate::api::http::accept::AcceptsJson;
use crate::api::http::audited::Audited;
use crate::api::http::extract::Query;
use crate::api::http::problem::{Code, Problem, ProblemBody};
use crate::api::http::query::query;
use crate::api::http::refusals::Refusals;
use crate::api::http::syntax::{Syntax, number, string, syntax, text, time};
use crate::api::http::values::Time;
use crate::api::routes::blocking::blocking;
use crate::api::routes::state::Api;
use crate::audit::{AuditRequest, Entry};

query! {
    /// The parameters of the audit log.
    pub(crate) struct AuditQuery {
        /// Only what was done with this key, or to it: its id, or `API_KEY`.
        optional key_id: String = text(), example "abcdefgh";
        /// Only entries at or after this time: RFC 3339 with an offset from UTC. Must not be later than `to`.
        optional from: DateTime<Utc> = time(), example "2025-01-01T00:00:00Z";
        /// Only entries before this time: RFC 3339 with an offset from UTC.
        optional to: DateTime<Utc> = time(), not before from, example "2025-02-01T00:00:00Z";
        /// Continue after this entry: the `next_cursor` of the previous page.
        optional cursor: String = cursor();
        /// Maximum number of entries per page.
        optional limit: usize = number(1, 500), default 100;
    }
}

/// A `next_cursor` of this route. Whether it is one, the folder says.
fn cursor() -> impl Syntax<String> {
    let read = |text: &str| Ok(text.to_owned());
    syntax(read, || {
        string().pattern(Some(r"^[0-9A-Za-z]{1,64}\.(0|[1-9][0-9]{0,17})$"))
    })
}

/// A page of the audit log.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditPageJson {
    /// The entries, newest first.
    data: Vec<EntryJson>,
    /// The `cursor` of the next page; null on the last page. A page can have fewer entries than `limit`, and a next
    /// page nevertheless.
    #[schema(required = true)]
    next_cursor: Option<String>,
    /// Whether there is a next page.
    has_more: bool,
}

/// An entry: a request that was answered, or a key that was changed. It never has a content, a search text or a key.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(crate) struct EntryJson {
    /// When the answer ended, or the key was changed.
    at: Time,
    /// `request`, or `key` for a change of a key.
    #[schema(example = "request")]
    event: String,
    /// Id of the key that was used; null for the command line.
    #[schema(required = true, example = "abcdefgh")]
    key_id: Option<String>,
    /// Name of the key at that time; null for the command line.
    #[schema(required = true, example = "dashboard")]
    key_name: Option<String>,
    /// Whether a signed link of the key was used.
    by_link: bool,
    /// Id of the request; null for the command line.
    #[schema(required = true)]
    request_id: Option<String>,
    /// Network of the caller: the first 24 bits of an IPv4 address, the first 48 bits of an IPv6 address.
    #[schema(required = true, value_type = Option<String>, example = "203.0.113.0")]
    network: Option<IpAddr>,
    /// Method of the request.
    #[schema(required = true, example = "GET")]
    method: Option<String>,
    /// Path of the request, without its parameters.
    #[schema(required = true, example = "/v1/messages")]
    path: Option<String>,
    /// Id of the guild that was asked for, or of the message's guild.
    #[schema(required = true)]
    guild_id: Option<String>,
    /// Id of the channel that was asked for, or of the message's channel.
    #[schema(required = true)]
    channel_id: Option<String>,
    /// HTTP status of the answer.
    #[schema(required = true, example = 200)]
    status: Option<u16>,
    /// Number of rows in the whole answer.
    #[schema(required = true, example = 100)]
    rows: Option<u64>,
    /// Number of bytes of the body that were sent.
    #[schema(required = true, example = 48_000)]
    bytes: Option<u64>,
    /// Whether the whole body was sent.
    #[schema(required = true)]
    complete: Option<bool>,
    /// The change of a key; null for a request.
    #[schema(required = true)]
    change: Option<ChangeJson>,
}

/// A change of a key.
#[derive(Serialize, ToSchema)]
#[schema(as = KeyChange)]
pub(crate) struct ChangeJson {
    /// `created`, `rotated`, `revoked`, or `linked` for a link that was signed.
    #[schema(example = "created")]
    what: String,
    /// Id of the key that was changed.
    key_id: String,
    /// Name of the key that was changed.
    key_name: String,
    /// What the key may do, or which path the link opens.
    #[schema(required = true)]
    detail: Option<String>,
}

/// Read the audit log
///
/// Returns who read what: each request that a key has asked, and each change of a key, newest first. Needs the scope
/// `admin`.
#[utoipa::path(
    get,
    path = "/v1/audit",
    tag = "access",
    operation_id = "listAudit",
    params(AuditQuery),
    responses(
        (status = 200, description = "One page of entries.", body = AuditPageJson, headers(
            ("cache-control" = String, description = "`private, no-cache`"),
            ("vary" = String, description = "The request headers that the response depends on."),
        )),
        (status = 404, description = "The audit log is off (`AUDIT_RETENTION=off`).", body = ProblemBody<'static>, content_type = "application/problem+json"),
        Refusals,
    ),
)]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    _: AcceptsJson,
    Query(query): Query<AuditQuery>,
) -> Result<Response, Problem> {
    let folder = api.audit.folder().cloned().ok_or_else(|| {
        let detail =
            "The audit log is off. Set AUDIT_RETENTION to a duration and restart the service.";
        Problem::new(Code::AuditOff, detail)
    })?;
    let request = AuditRequest {
        limit: query.limit(),
        from: query.from,
        to: query.to,
        key_id: query.key_id,
        cursor: query.cursor,
    };
    let page = blocking(move || {
        let page = folder.page(&request);
        page.map_err(|error| Problem::internal(error.to_string()))
    });
    let page = page.await?;
    let page =
        page.ok_or_else(|| Problem::parameter("cursor", "must be a next_cursor of this route"))?;
    let rows = page.entries.len();
    let mut response = private_json(AuditPageJson {
        data: page.entries.into_iter().map(entry_json).collect(),
        has_more: page.next_cursor.is_some(),
        next_cursor: page.next_cursor,
    });
    Audited::rows(&mut response, rows);
    Ok(response)
}

fn entry_json(entry: Entry) -> EntryJson {
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    let by_link = entry.actor.as_ref().is_some_and(|actor| actor.by_link);
    let (key_id, key_name) = entry
        .actor
        .map(|actor| (actor.key_id, actor.key_name))
        .unzip();
    EntryJson {
        at: Time(entry.at),
        event: entry.event,
        key_id,
        key_name,
        by_link,
        request_id: some(entry.request_id),
        network: entry.network,
        method: some(entry.method),
        path: some(entry.path),
        guild_id: entry.guild_id,
        channel_id: entry.channel_id,
        status: entry.status,
        rows: entry.rows,
        bytes: entry.bytes,
        complete: entry.complete,
        change: entry.change.map(|change| ChangeJson {
            what: change.what,
            key_id: change.key_id,
            key_name: change.key_name,
            detail: change.detail,
        }),
    }
}
