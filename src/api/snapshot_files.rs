//! The files of the snapshots, by names that never mean anything else, with ranges and a strong entity
//! tag; and names that stay the same, which lead to the current ones. Only what a manifest names can be
//! asked for.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_UNMODIFIED_SINCE, LOCATION, RANGE,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use headers::{ETag, HeaderMapExt, IfMatch, IfNoneMatch, IfRange, Range};
use tower::ServiceExt;
use tower_http::services::ServeFile;

use super::Api;
use super::messages::keep_private;
use super::openapi::Refusals;
use super::problem::{Code, Problem};
use super::query;
use crate::derived::snapshot::NamedFile;

/// A name never means anything else; the key of who may read it is the caller's own.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");

const PARQUET: HeaderValue = HeaderValue::from_static("application/vnd.apache.parquet");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Whether an answer's entity tag stands for its bytes.
pub(super) fn is_strong(headers: &HeaderMap) -> bool {
    headers.typed_get::<ETag>().is_some_and(|_| {
        headers
            .get(ETAG)
            .is_some_and(|tag| !tag.as_bytes().starts_with(b"W/"))
    })
}

/// The current manifest, or the current file of a table
///
/// Leads to the file of the current snapshot. Files that are read one after the other by these names can
/// be of two snapshots; the manifest names those that belong together.
#[utoipa::path(
    get,
    path = "/v1/snapshots/latest/{file}",
    tag = "snapshots",
    operation_id = "getLatestSnapshotFile",
    params(
        ("file" = String, Path, description = "`manifest.json`, or a table: `guilds.parquet`, `channels.parquet`, `coverage.parquet`, `outages.parquet`.", example = "manifest.json"),
    ),
    responses(
        (status = 307, description = "Where the file is.", headers(
            ("location" = String, description = "The file, by a name that never means anything else."),
            ("cache-control" = String, description = "`private, no-cache`"),
        )),
        (status = 404, description = "There is no snapshot yet, or it has no such file.", body = super::problem::ProblemBody<'static>, content_type = "application/problem+json"),
        Refusals,
    ),
)]
pub(super) async fn latest(
    State(api): State<Arc<Api>>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    query::no_parameters(raw.as_deref())?;
    let Path(file) = path.map_err(|_| not_found())?;
    redirect(&api, &file)
}

/// The current messages of a guild and a month
///
/// Leads to the file of the current snapshot.
#[utoipa::path(
    get,
    path = "/v1/snapshots/latest/{table}/{guild}/{month}",
    tag = "snapshots",
    operation_id = "getLatestSnapshotPartition",
    params(
        ("table" = String, Path, description = "`messages` or `versions`.", example = "messages"),
        ("guild" = String, Path, description = "`guild_id=` and the guild.", example = "guild_id=1101234567890123457"),
        ("month" = String, Path, description = "`month=`, the month, and `.parquet`.", example = "month=2026-03.parquet"),
    ),
    responses(
        (status = 307, description = "Where the file is.", headers(
            ("location" = String, description = "The file, by a name that never means anything else."),
            ("cache-control" = String, description = "`private, no-cache`"),
        )),
        (status = 404, description = "The current snapshot has no such file.", body = super::problem::ProblemBody<'static>, content_type = "application/problem+json"),
        Refusals,
    ),
)]
pub(super) async fn latest_partition(
    State(api): State<Arc<Api>>,
    path: Result<Path<(String, String, String)>, PathRejection>,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    query::no_parameters(raw.as_deref())?;
    let Path((table, guild, month)) = path.map_err(|_| not_found())?;
    redirect(&api, &format!("{table}/{guild}/{month}"))
}

/// A manifest, or a table's file
///
/// By the name that a list or a manifest gives it.
#[utoipa::path(
    get,
    path = "/v1/snapshots/files/{folder}/{file}",
    tag = "snapshots",
    operation_id = "getSnapshotFile",
    params(
        ("folder" = String, Path, description = "`manifests`, or a table.", example = "channels"),
        ("file" = String, Path, description = "The file.", example = "42-0123456789abcdef.parquet"),
        ("range" = Option<String>, Header, description = "Only these bytes: one range.", example = "bytes=0-1023"),
        ("if-match" = Option<String>, Header, description = "Only if this is the file's `ETag`."),
        ("if-none-match" = Option<String>, Header, description = "The `ETag` of an earlier answer: the file never changes, so the answer is a 304 without a body."),
    ),
    responses(
        (status = 200, description = "The file.", content((Vec<u8> = "application/vnd.apache.parquet"), (Object = "application/json")), headers(
            ("etag" = String, description = "The hash of the bytes; strong."),
            ("cache-control" = String, description = "`private, max-age=31536000, immutable`"),
            ("accept-ranges" = String, description = "`bytes`"),
            ("last-modified" = String, description = "When the file was written."),
        )),
        (status = 206, description = "The bytes asked for.", content((Vec<u8> = "application/vnd.apache.parquet"), (Object = "application/json")), headers(
            ("content-range" = String, description = "Which bytes, and how many the file has."),
        )),
        (status = 304, description = "The file is as `If-None-Match` knows it.", headers(
            ("etag" = String, description = "As in `If-None-Match`."),
        )),
        (status = 404, description = "No snapshot has this file, or no longer.", body = super::problem::ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 412, description = "`If-Match` wants another file.", body = super::problem::ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 416, description = "The file has no such range.", body = super::problem::ProblemBody<'static>, content_type = "application/problem+json"),
        Refusals,
    ),
)]
pub(super) async fn file(
    State(api): State<Arc<Api>>,
    path: Result<Path<(String, String)>, PathRejection>,
    RawQuery(raw): RawQuery,
    request: Request,
) -> Result<Response, Problem> {
    query::no_parameters(raw.as_deref())?;
    let Path((folder, file)) = path.map_err(|_| not_found())?;
    serve(&api, &format!("{folder}/{file}"), request).await
}

/// The messages of a guild and a month
///
/// By the name that a list or a manifest gives the file.
#[utoipa::path(
    get,
    path = "/v1/snapshots/files/{table}/{guild}/{month}/{file}",
    tag = "snapshots",
    operation_id = "getSnapshotPartition",
    params(
        ("table" = String, Path, description = "`messages` or `versions`.", example = "messages"),
        ("guild" = String, Path, description = "`guild_id=` and the guild.", example = "guild_id=1101234567890123457"),
        ("month" = String, Path, description = "`month=` and the month.", example = "month=2026-03"),
        ("file" = String, Path, description = "The file.", example = "42-0123456789abcdef.parquet"),
        ("range" = Option<String>, Header, description = "Only these bytes: one range.", example = "bytes=0-1023"),
        ("if-match" = Option<String>, Header, description = "Only if this is the file's `ETag`."),
        ("if-none-match" = Option<String>, Header, description = "The `ETag` of an earlier answer: the file never changes, so the answer is a 304 without a body."),
    ),
    responses(
        (status = 200, description = "The file.", body = Vec<u8>, content_type = "application/vnd.apache.parquet", headers(
            ("etag" = String, description = "The hash of the bytes; strong."),
            ("cache-control" = String, description = "`private, max-age=31536000, immutable`"),
            ("accept-ranges" = String, description = "`bytes`"),
            ("last-modified" = String, description = "When the file was written."),
        )),
        (status = 206, description = "The bytes asked for.", body = Vec<u8>, content_type = "application/vnd.apache.parquet", headers(
            ("content-range" = String, description = "Which bytes, and how many the file has."),
        )),
        (status = 304, description = "The file is as `If-None-Match` knows it.", headers(
            ("etag" = String, description = "As in `If-None-Match`."),
        )),
        (status = 404, description = "No snapshot has this file, or no longer.", body = super::problem::ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 412, description = "`If-Match` wants another file.", body = super::problem::ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 416, description = "The file has no such range.", body = super::problem::ProblemBody<'static>, content_type = "application/problem+json"),
        Refusals,
    ),
)]
pub(super) async fn partition(
    State(api): State<Arc<Api>>,
    path: Result<Path<(String, String, String, String)>, PathRejection>,
    RawQuery(raw): RawQuery,
    request: Request,
) -> Result<Response, Problem> {
    query::no_parameters(raw.as_deref())?;
    let Path((table, guild, month, file)) = path.map_err(|_| not_found())?;
    serve(&api, &format!("{table}/{guild}/{month}/{file}"), request).await
}

fn not_found() -> Problem {
    let detail =
        "No snapshot has this file, or no longer; GET /v1/snapshots lists those that there are.";
    Problem::new(Code::FileNotFound, detail)
}

fn redirect(api: &Api, stable_name: &str) -> Result<Response, Problem> {
    let path = api.snapshots.catalog().latest_file(stable_name);
    let path = path.ok_or_else(not_found)?;
    // Relative, so that it stays right behind a reverse proxy that moves paths.
    let up = "../".repeat(1 + stable_name.matches('/').count());
    let location = HeaderValue::from_str(&format!("{up}files/{path}"));
    let location = location.map_err(|error| Problem::internal(error.to_string()))?;
    let mut response = StatusCode::TEMPORARY_REDIRECT.into_response();
    response.headers_mut().insert(LOCATION, location);
    keep_private(response.headers_mut());
    Ok(response)
}

/// Answers with a file that a manifest names, or a part of it.
async fn serve(api: &Api, path: &str, request: Request) -> Result<Response, Problem> {
    let file = api.snapshots.catalog().file(path).ok_or_else(not_found)?;
    let etag = format!("\"{}\"", file.sha256);
    let etag: ETag = etag
        .parse()
        .map_err(|_| Problem::internal(format!("{etag} is no entity tag")))?;
    let is_known = request
        .headers()
        .typed_get::<IfNoneMatch>()
        .is_some_and(|known| !known.precondition_passes(&etag));
    let is_another = request
        .headers()
        .typed_get::<IfMatch>()
        .is_some_and(|wanted| !wanted.precondition_passes(&etag));
    if is_another {
        let detail = "The file has another ETag than If-Match wants.";
        return Err(Problem::new(Code::PreconditionFailed, detail));
    }
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        read(api, &file, &etag, request).await?
    };
    let headers = response.headers_mut();
    headers.typed_insert(etag);
    headers.insert(CACHE_CONTROL, IMMUTABLE);
    Ok(response)
}

async fn read(
    api: &Api,
    file: &NamedFile,
    etag: &ETag,
    mut request: Request,
) -> Result<Response, Problem> {
    let path = api.snapshots.folder().join(&file.path);
    let damaged = || {
        // Only the current snapshot is written anew; an older one goes soon, or is gone by now.
        if !api.snapshots.catalog().is_current(file) {
            return not_found();
        }
        api.snapshots.request();
        let detail = "The file is not as it was written. It is written anew from the record.";
        Problem::new(Code::FileDamaged, detail)
    };
    // What has another size is never taken for good. The hash is looked at in the background.
    let found = tokio::fs::metadata(&path).await;
    if !found.is_ok_and(|found| found.len() == file.bytes) {
        return Err(damaged());
    }
    let is_get = request.method() == Method::GET;
    let headers = request.headers_mut();
    // Whoever asks for what is not understood, for several parts, or for a part of another file, gets
    // all of it; and a range is for GET only.
    let is_one = is_get && headers.typed_get::<Range>().is_some();
    let is_one = is_one
        && !headers
            .get(RANGE)
            .is_some_and(|it| it.as_bytes().contains(&b','));
    let is_of_this = |it: IfRange| !it.is_modified(Some(etag), None);
    if !is_one || !headers.typed_get::<IfRange>().is_none_or(is_of_this) {
        headers.remove(RANGE);
    }
    // The server of files makes a tag of its own: it is to decide about the range only.
    for condition in [
        IF_NONE_MATCH,
        IF_MODIFIED_SINCE,
        IF_MATCH,
        IF_UNMODIFIED_SINCE,
    ] {
        headers.remove(condition);
    }
    let server = ServeFile::new(&path).ignore_multi_range_requests(true);
    let Ok(served) = server.oneshot(request.map(|_| Body::empty())).await;
    if served.status() == StatusCode::NOT_FOUND {
        return Err(damaged());
    }
    let mut response = served.map(Body::new);
    let is_json = path.extension().is_some_and(|it| it == "json");
    let content_type = if is_json { JSON } else { PARQUET };
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    Ok(response)
}
