//! `POST /v1/links`: signs a link, for tools that can send no header.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use chrono::{SubsecRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::answer::private::unkept_json;
use crate::api::http::accept::AcceptsJson;
use crate::api::http::access;
use crate::api::http::audited::actor;
use crate::api::http::extract::{JsonBody, NoQuery, whole_number};
use crate::api::http::permit::Permit;
use crate::api::http::problem::{Code, Problem, ProblemBody};
use crate::api::http::refusals::Refusals;
use crate::api::http::values::Time;
use crate::api::routes::blocking::blocking;
use crate::api::routes::state::Api;
use crate::audit::{Entry, KeyChange};
use crate::keys::Link;

/// The default and the maximum of `expires_in_seconds`.
const DEFAULT_SECONDS: i64 = 3_600;
const MAX_SECONDS: i64 = 86_400;

/// The maximum length of a target: its link must be short enough for a URL.
const MAX_TARGET: usize = 4_096;

/// The extensions of what a link can open.
const EXTENSIONS: [&str; 5] = ["json", "ndjson", "csv", "arrow", "parquet"];

/// A link to sign.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkToSign {
    /// Path and query string of what the link opens: messages, a search, a report or a file of a snapshot, with the
    /// extension of its form.
    #[schema(example = "/v1/messages.parquet?guild_id=1101234567890123457")]
    pub(crate) target: String,
    /// For how long the link is valid, in seconds: at most a day. Default: one hour.
    #[serde(default, deserialize_with = "whole_number")]
    #[schema(minimum = 1, maximum = 86_400, example = 3_600)]
    expires_in_seconds: Option<i64>,
}

/// A signed link.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignedLink {
    /// The link, relative to the URL of this route. Whoever has it can read what it opens, so it is a secret.
    #[schema(format = "uri-reference")]
    href: String,
    /// When the link ends. It ends earlier if its key does.
    expires_at: Time,
}

/// Sign a link
///
/// Returns a link that opens one resource in one form without a key, for tools that can send no header. It is read with
/// the rights of the key that signed it, at the time of reading, and ends with that key.
#[utoipa::path(
    post,
    path = "/v1/links",
    tag = "access",
    operation_id = "createLink",
    request_body = LinkToSign,
    responses(
        (status = 201, description = "The link.", body = SignedLink),
        (status = 413, description = "The body is too large.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        Refusals,
    ),
)]
pub(crate) async fn sign(
    State(api): State<Arc<Api>>,
    permit: Permit,
    _: AcceptsJson,
    _: NoQuery,
    JsonBody(asked): JsonBody<LinkToSign>,
) -> Result<Response, Problem> {
    let (route, file) = target(&asked.target).ok_or_else(|| {
        let reason = "must be the path and query string of messages, a search, a report or a file of a snapshot with \
                      the extension of its form, such as /v1/messages.parquet?guild_id=1101234567890123457";
        Problem::parameter("target", reason)
    })?;
    permit.open(&access::of(&route))?;
    let seconds = asked.expires_in_seconds.unwrap_or(DEFAULT_SECONDS);
    if !(1..=MAX_SECONDS).contains(&seconds) {
        return Err(Problem::parameter(
            "expires_in_seconds",
            "must be from 1 to 86400",
        ));
    }
    let path = asked
        .target
        .split('?')
        .next()
        .unwrap_or_default()
        .to_owned();
    let link = Link {
        key_id: permit.grant.key_id.clone(),
        expires_at: (Utc::now() + TimeDelta::seconds(seconds)).trunc_subsecs(0),
        target: asked.target,
    };
    let expires_at = link.expires_at;
    let keyring = api.keyring.clone();
    let token = blocking(move || Ok(keyring.sign(&link)?)).await?;
    api.audit.record(Entry::of_key(
        Some(actor(&permit)),
        KeyChange {
            what: "linked".to_owned(),
            key_id: permit.grant.key_id.clone(),
            key_name: permit.grant.name.clone(),
            detail: Some(path),
        },
    ));
    let body = SignedLink {
        href: format!("../dl/{token}/{file}"),
        expires_at: Time(expires_at),
    };
    Ok(unkept_json(StatusCode::CREATED, body))
}

/// What is answered to a link that is not valid; a valid one never gets here.
pub(crate) async fn not_valid() -> Response {
    let detail = "The link is incomplete, has expired, or its key has ended. Sign a new one with POST /v1/links.";
    Problem::new(Code::LinkNotValid, detail).into_response()
}

/// The template of the route that a target names, for its needs, and the name of its file; none if a link can't open
/// it.
pub(crate) fn target(text: &str) -> Option<(String, String)> {
    if text.len() > MAX_TARGET {
        return None;
    }
    let uri: Uri = text.parse().ok()?;
    let path = uri.path();
    if uri.authority().is_some() || !text.starts_with('/') || path.contains("//") {
        return None;
    }
    let file = path.rsplit('/').next()?;
    let (_, extension) = file.rsplit_once('.')?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.=".contains(&byte);
    if !EXTENSIONS.contains(&extension) || !file.bytes().all(is_plain) {
        return None;
    }
    let (stem, _) = path.rsplit_once('.')?;
    let route = if path.strip_prefix("/v1/reports/") == Some(file) {
        "/v1/reports/{file}".to_owned()
    } else if path.starts_with("/v1/snapshots/files/") {
        "/v1/snapshots/files".to_owned()
    } else if ["/v1/messages", "/v1/search"].contains(&stem) {
        path.to_owned()
    } else {
        return None;
    };
    Some((route, file.to_owned()))
}
