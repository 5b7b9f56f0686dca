//! The files of the snapshots, by names that never mean anything else, with ranges and a strong entity
//! tag; and names that stay the same, which lead to the current ones. Only what a manifest names can be
//! asked for.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path as PathOf, RawQuery, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, LOCATION, RANGE,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use headers::{
    ETag, HeaderMapExt, IfMatch, IfModifiedSince, IfNoneMatch, IfUnmodifiedSince, LastModified,
};
use tower::ServiceExt;
use tower_http::services::ServeFile;

use super::openapi::Refusals;
use super::private::keep_private;
use super::problem::{Code, Problem};
use super::range::Wanted;
use super::{Api, query, range};
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
    path: Result<PathOf<String>, PathRejection>,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    query::no_parameters(raw.as_deref())?;
    let PathOf(file) = path.map_err(|_| not_found())?;
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
    path: Result<PathOf<(String, String, String)>, PathRejection>,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    query::no_parameters(raw.as_deref())?;
    let PathOf((table, guild, month)) = path.map_err(|_| not_found())?;
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
        ("range" = Option<String>, Header, description = "Only these bytes: one range. Several are answered with the whole file.", example = "bytes=0-1023"),
        ("if-match" = Option<String>, Header, description = "Only if this is the file's `ETag`."),
        ("if-none-match" = Option<String>, Header, description = "The `ETag` of an earlier answer: the file never changes, so the answer is a 304 without a body."),
        ("if-modified-since" = Option<String>, Header, description = "The `Last-Modified` of an earlier answer; only without `If-None-Match`."),
        ("if-unmodified-since" = Option<String>, Header, description = "Only if the file was not written after this time; only without `If-Match`."),
        ("if-range" = Option<String>, Header, description = "The `ETag` or the `Last-Modified` of an earlier answer: if it is not that of this file, all of it is sent."),
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
        (status = 304, description = "The file is as `If-None-Match` or `If-Modified-Since` knows it.", headers(
            ("etag" = String, description = "The hash of the bytes; strong."),
        )),
        (status = 404, description = "No snapshot has this file, or no longer.", body = super::problem::ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 412, description = "`If-Match` or `If-Unmodified-Since` wants another file.", body = super::problem::ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 416, description = "The file has no such range.", body = super::problem::ProblemBody<'static>, content_type = "application/problem+json"),
        Refusals,
    ),
)]
pub(super) async fn file(
    State(api): State<Arc<Api>>,
    path: Result<PathOf<(String, String)>, PathRejection>,
    RawQuery(raw): RawQuery,
    request: Request,
) -> Result<Response, Problem> {
    query::no_parameters(raw.as_deref())?;
    let PathOf((folder, file)) = path.map_err(|_| not_found())?;
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
        ("range" = Option<String>, Header, description = "Only these bytes: one range. Several are answered with the whole file.", example = "bytes=0-1023"),
        ("if-match" = Option<String>, Header, description = "Only if this is the file's `ETag`."),
        ("if-none-match" = Option<String>, Header, description = "The `ETag` of an earlier answer: the file never changes, so the answer is a 304 without a body."),
        ("if-modified-since" = Option<String>, Header, description = "The `Last-Modified` of an earlier answer; only without `If-None-Match`."),
        ("if-unmodified-since" = Option<String>, Header, description = "Only if the file was not written after this time; only without `If-Match`."),
        ("if-range" = Option<String>, Header, description = "The `ETag` or the `Last-Modified` of an earlier answer: if it is not that of this file, all of it is sent."),
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
        (status = 304, description = "The file is as `If-None-Match` or `If-Modified-Since` knows it.", headers(
            ("etag" = String, description = "The hash of the bytes; strong."),
        )),
        (status = 404, description = "No snapshot has this file, or no longer.", body = super::problem::ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 412, description = "`If-Match` or `If-Unmodified-Since` wants another file.", body = super::problem::ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 416, description = "The file has no such range.", body = super::problem::ProblemBody<'static>, content_type = "application/problem+json"),
        Refusals,
    ),
)]
pub(super) async fn partition(
    State(api): State<Arc<Api>>,
    path: Result<PathOf<(String, String, String, String)>, PathRejection>,
    RawQuery(raw): RawQuery,
    request: Request,
) -> Result<Response, Problem> {
    query::no_parameters(raw.as_deref())?;
    let PathOf((table, guild, month, file)) = path.map_err(|_| not_found())?;
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
    let path = api.snapshots.folder().join(&file.path);
    // What has another size is never taken for good. The hash is looked at in the background.
    let found = tokio::fs::metadata(&path).await;
    let found = found.ok().filter(|found| found.len() == file.bytes);
    let Some(modified) = found.and_then(|found| found.modified().ok()) else {
        return Err(damaged(api, &file));
    };
    let mut response = match precondition(request.headers(), &etag, modified) {
        Precondition::Failed => {
            let detail = "The file is another one than If-Match or If-Unmodified-Since wants.";
            return Err(Problem::new(Code::PreconditionFailed, detail));
        }
        Precondition::Known => StatusCode::NOT_MODIFIED.into_response(),
        Precondition::Passed => {
            let part = part(&request, &etag, modified, file.bytes);
            let served = read(&path, part, request).await;
            served.ok_or_else(|| damaged(api, &file))?
        }
    };
    let headers = response.headers_mut();
    headers.typed_insert(etag);
    headers.insert(CACHE_CONTROL, IMMUTABLE);
    Ok(response)
}

/// The answer instead of a file that is not as it was written.
fn damaged(api: &Api, file: &NamedFile) -> Problem {
    // Only the current snapshot is written anew; an older one goes soon, or is gone by now.
    if !api.snapshots.catalog().is_current(file) {
        return not_found();
    }
    api.snapshots.request();
    let detail = "The file is not as it was written. It is written anew from the record.";
    Problem::new(Code::FileDamaged, detail)
}

/// What the conditions of a request come to.
enum Precondition {
    Passed,
    /// The caller has the file already.
    Known,
    /// The caller wants another file.
    Failed,
}

/// Looks at the conditions in the order of RFC 9110, section 13.2.2: a time counts only where no tag is
/// given, and what wants another file goes before what has this one.
fn precondition(headers: &HeaderMap, etag: &ETag, modified: SystemTime) -> Precondition {
    let is_wanted = match headers.typed_get::<IfMatch>() {
        Some(wanted) => wanted.precondition_passes(etag),
        None => headers
            .typed_get::<IfUnmodifiedSince>()
            .is_none_or(|since| since.precondition_passes(modified)),
    };
    if !is_wanted {
        return Precondition::Failed;
    }
    let is_news = match headers.typed_get::<IfNoneMatch>() {
        Some(known) => known.precondition_passes(etag),
        None => headers
            .typed_get::<IfModifiedSince>()
            .is_none_or(|since| since.is_modified(modified)),
    };
    if is_news {
        Precondition::Passed
    } else {
        Precondition::Known
    }
}

/// Which part is asked for. A range is for GET only, and of this very file: `If-Range` has to be its tag or
/// its time, letter by letter.
fn part(request: &Request, etag: &ETag, modified: SystemTime, length: u64) -> Wanted {
    let headers = request.headers();
    let mut ours = HeaderMap::new();
    ours.typed_insert(etag.clone());
    ours.typed_insert(LastModified::from(modified));
    let is_of_this = headers
        .get(IF_RANGE)
        .is_none_or(|wanted| ours.values().any(|value| value == wanted));
    if request.method() != Method::GET || !is_of_this {
        return Wanted::Whole;
    }
    range::wanted(headers, length)
}

/// The file, or a part of it; none if it can't be read.
async fn read(path: &Path, part: Wanted, mut request: Request) -> Option<Response> {
    let headers = request.headers_mut();
    // The server of files has a tag of its own, and a stricter reading of ranges: all that is left to it is
    // one range, in its plainest form.
    for header in [
        RANGE,
        IF_RANGE,
        IF_NONE_MATCH,
        IF_MODIFIED_SINCE,
        IF_MATCH,
        IF_UNMODIFIED_SINCE,
    ] {
        headers.remove(header);
    }
    let range = match part {
        Wanted::Whole => None,
        Wanted::Part(bytes) => Some(format!("bytes={}-{}", bytes.start(), bytes.end())),
        Wanted::Nothing => Some(format!("bytes={}-", u64::MAX)),
    };
    let range = range.and_then(|range| HeaderValue::from_str(&range).ok());
    headers.extend(range.map(|range| (RANGE, range)));
    let Ok(served) = ServeFile::new(path)
        .oneshot(request.map(|_| Body::empty()))
        .await;
    if served.status() == StatusCode::NOT_FOUND {
        return None;
    }
    let mut response = served.map(Body::new);
    let is_json = path.extension().is_some_and(|it| it == "json");
    let content_type = if is_json { JSON } else { PARQUET };
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    Some(response)
}
