//! The files of the snapshots under immutable names, with byte ranges and a strong entity tag, and stable names
//! that redirect to the files of the current snapshot. Only files that a manifest lists can be requested.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, LOCATION, RANGE,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use headers::{
    ETag, HeaderMapExt, IfMatch, IfModifiedSince, IfNoneMatch, IfUnmodifiedSince, LastModified,
};
use tower::ServiceExt;
use tower_http::services::ServeFile;

use crate::api::answer::private::keep_private;
use crate::api::http::extract::{InPath, NoQuery, PathParameter};
use crate::api::http::problem::{Code, Problem, ProblemBody};
use crate::api::http::range;
use crate::api::http::range::Wanted;
use crate::api::http::refusals::Refusals;
use crate::api::routes::state::Api;
use crate::derived::snapshot::NamedFile;

/// The content under a name never changes, so the caller may cache it; shared caches may not, because the file
/// needs the API key.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");

const PARQUET: HeaderValue = HeaderValue::from_static("application/vnd.apache.parquet");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Get the current manifest or table
///
/// Redirects to the file of the current snapshot. Files that are requested one after the other under these
/// names can belong to different snapshots; the manifest lists the files that belong together.
#[utoipa::path(
    get,
    path = "/v1/snapshots/latest/{file}",
    tag = "snapshots",
    operation_id = "getLatestSnapshotFile",
    params(
        ("file" = String, Path, description = "`manifest.json`, or a table that is a single file: `guilds.parquet`, `channels.parquet`, `coverage.parquet`, `outages.parquet`, `reaction_events.parquet`.", example = "manifest.json"),
    ),
    responses(
        (status = 307, description = "Redirect to the file of the current snapshot.", headers(
            ("location" = String, description = "The file under its immutable name, relative to this URL."),
            ("cache-control" = String, description = "`private, no-cache`"),
        )),
        (status = 404, description = "There is no snapshot yet, or the current snapshot has no such file.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        Refusals,
    ),
)]
pub(crate) async fn latest(
    State(api): State<Arc<Api>>,
    _: NoQuery,
    InPath(SnapshotFile(name)): InPath<SnapshotFile>,
) -> Result<Response, Problem> {
    redirect(&api, &name)
}

/// Get the current messages of a guild and month
///
/// Redirects to the file of the current snapshot.
#[utoipa::path(
    get,
    path = "/v1/snapshots/latest/{table}/{guild}/{month}",
    tag = "snapshots",
    operation_id = "getLatestSnapshotPartition",
    params(
        ("table" = String, Path, description = "The table: `messages` or `versions`.", example = "messages"),
        ("guild" = String, Path, description = "`guild_id=` followed by the id of the guild.", example = "guild_id=1101234567890123457"),
        ("month" = String, Path, description = "`month=` followed by the month (UTC) and `.parquet`.", example = "month=2026-03.parquet"),
    ),
    responses(
        (status = 307, description = "Redirect to the file of the current snapshot.", headers(
            ("location" = String, description = "The file under its immutable name, relative to this URL."),
            ("cache-control" = String, description = "`private, no-cache`"),
        )),
        (status = 404, description = "The current snapshot has no such file.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        Refusals,
    ),
)]
pub(crate) async fn latest_partition(
    State(api): State<Arc<Api>>,
    _: NoQuery,
    InPath(SnapshotFile(name)): InPath<SnapshotFile>,
) -> Result<Response, Problem> {
    redirect(&api, &name)
}

/// Get a manifest or table of a snapshot
///
/// Returns a file under the immutable name that the list of snapshots or a manifest gives it.
#[utoipa::path(
    get,
    path = "/v1/snapshots/files/{folder}/{file}",
    tag = "snapshots",
    operation_id = "getSnapshotFile",
    params(
        ("folder" = String, Path, description = "`manifests`, or the name of a table.", example = "channels"),
        ("file" = String, Path, description = "Name of the file.", example = "42-0123456789abcdef.parquet"),
        ("range" = Option<String>, Header, description = "The range of bytes to send. A request for several ranges gets the whole file.", example = "bytes=0-1023"),
        ("if-match" = Option<String>, Header, description = "Send the file only if its `ETag` is one of these."),
        ("if-none-match" = Option<String>, Header, description = "The `ETag` of an earlier response. The file never changes, so the response is a 304 without a body."),
        ("if-modified-since" = Option<String>, Header, description = "The `Last-Modified` of an earlier response; ignored if `If-None-Match` is given."),
        ("if-unmodified-since" = Option<String>, Header, description = "Send the file only if it was not written after this time; ignored if `If-Match` is given."),
        ("if-range" = Option<String>, Header, description = "The `ETag` or `Last-Modified` of an earlier response. If it does not belong to this file, `Range` is ignored and the whole file is sent."),
    ),
    responses(
        (status = 200, description = "The file.", content((Vec<u8> = "application/vnd.apache.parquet"), (Object = "application/json")), headers(
            ("etag" = String, description = "A strong entity tag: the SHA-256 of the content."),
            ("cache-control" = String, description = "`private, max-age=31536000, immutable`"),
            ("accept-ranges" = String, description = "`bytes`"),
            ("last-modified" = String, description = "When the file was written."),
        )),
        (status = 206, description = "The requested range of bytes.", content((Vec<u8> = "application/vnd.apache.parquet"), (Object = "application/json")), headers(
            ("content-range" = String, description = "The sent range and the size of the file in bytes."),
        )),
        (status = 304, description = "The file has not changed since the response that `If-None-Match` or `If-Modified-Since` refers to.", headers(
            ("etag" = String, description = "A strong entity tag: the SHA-256 of the content."),
        )),
        (status = 404, description = "No existing snapshot has this file; it may have been deleted with an older snapshot.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 412, description = "The condition in `If-Match` or `If-Unmodified-Since` is not fulfilled.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 416, description = "The requested range lies outside of the file.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        Refusals,
    ),
)]
pub(crate) async fn file(
    State(api): State<Arc<Api>>,
    _: NoQuery,
    InPath(SnapshotFile(name)): InPath<SnapshotFile>,
    request: Request,
) -> Result<Response, Problem> {
    serve(&api, &name, request).await
}

/// Get the messages of a guild and month
///
/// Returns a file under the immutable name that the list of snapshots or a manifest gives it.
#[utoipa::path(
    get,
    path = "/v1/snapshots/files/{table}/{guild}/{month}/{file}",
    tag = "snapshots",
    operation_id = "getSnapshotPartition",
    params(
        ("table" = String, Path, description = "The table: `messages` or `versions`.", example = "messages"),
        ("guild" = String, Path, description = "`guild_id=` followed by the id of the guild.", example = "guild_id=1101234567890123457"),
        ("month" = String, Path, description = "`month=` followed by the month (UTC).", example = "month=2026-03"),
        ("file" = String, Path, description = "Name of the file.", example = "42-0123456789abcdef.parquet"),
        ("range" = Option<String>, Header, description = "The range of bytes to send. A request for several ranges gets the whole file.", example = "bytes=0-1023"),
        ("if-match" = Option<String>, Header, description = "Send the file only if its `ETag` is one of these."),
        ("if-none-match" = Option<String>, Header, description = "The `ETag` of an earlier response. The file never changes, so the response is a 304 without a body."),
        ("if-modified-since" = Option<String>, Header, description = "The `Last-Modified` of an earlier response; ignored if `If-None-Match` is given."),
        ("if-unmodified-since" = Option<String>, Header, description = "Send the file only if it was not written after this time; ignored if `If-Match` is given."),
        ("if-range" = Option<String>, Header, description = "The `ETag` or `Last-Modified` of an earlier response. If it does not belong to this file, `Range` is ignored and the whole file is sent."),
    ),
    responses(
        (status = 200, description = "The file.", body = Vec<u8>, content_type = "application/vnd.apache.parquet", headers(
            ("etag" = String, description = "A strong entity tag: the SHA-256 of the content."),
            ("cache-control" = String, description = "`private, max-age=31536000, immutable`"),
            ("accept-ranges" = String, description = "`bytes`"),
            ("last-modified" = String, description = "When the file was written."),
        )),
        (status = 206, description = "The requested range of bytes.", body = Vec<u8>, content_type = "application/vnd.apache.parquet", headers(
            ("content-range" = String, description = "The sent range and the size of the file in bytes."),
        )),
        (status = 304, description = "The file has not changed since the response that `If-None-Match` or `If-Modified-Since` refers to.", headers(
            ("etag" = String, description = "A strong entity tag: the SHA-256 of the content."),
        )),
        (status = 404, description = "No existing snapshot has this file; it may have been deleted with an older snapshot.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 412, description = "The condition in `If-Match` or `If-Unmodified-Since` is not fulfilled.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 416, description = "The requested range lies outside of the file.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        Refusals,
    ),
)]
pub(crate) async fn partition(
    State(api): State<Arc<Api>>,
    _: NoQuery,
    InPath(SnapshotFile(name)): InPath<SnapshotFile>,
    request: Request,
) -> Result<Response, Problem> {
    serve(&api, &name, request).await
}

/// The name of a file: the variable segments of the path.
pub(crate) struct SnapshotFile(String);

impl PathParameter for SnapshotFile {
    fn read(segments: Option<&str>) -> Result<Self, Problem> {
        let name = segments.ok_or_else(not_found)?;
        Ok(Self(name.to_owned()))
    }
}

fn not_found() -> Problem {
    let detail =
        "No existing snapshot has this file; GET /v1/snapshots lists the existing snapshots.";
    Problem::new(Code::FileNotFound, detail)
}

fn redirect(api: &Api, stable_name: &str) -> Result<Response, Problem> {
    let path = api.snapshots.catalog().latest_file(stable_name);
    let path = path.ok_or_else(not_found)?;
    // Relative, so that it is also right behind a reverse proxy that changes paths.
    let up = "../".repeat(1 + stable_name.matches('/').count());
    let location = HeaderValue::from_str(&format!("{up}files/{path}"));
    let location = location.map_err(|error| Problem::internal(error.to_string()))?;
    let mut response = StatusCode::TEMPORARY_REDIRECT.into_response();
    response.headers_mut().insert(LOCATION, location);
    keep_private(response.headers_mut());
    Ok(response)
}

/// Sends a file that a manifest lists, or a range of it.
async fn serve(api: &Api, path: &str, request: Request) -> Result<Response, Problem> {
    let file = api.snapshots.catalog().file(path).ok_or_else(not_found)?;
    let etag = format!("\"{}\"", file.sha256);
    let etag: ETag = etag
        .parse()
        .map_err(|_| Problem::internal(format!("{etag} is not a valid entity tag")))?;
    let path = api.snapshots.folder().join(&file.path);
    // A file with another size than in the manifest is damaged. The hash is verified in the background.
    let found = tokio::fs::metadata(&path).await;
    let found = found.ok().filter(|found| found.len() == file.bytes);
    let Some(modified) = found.and_then(|found| found.modified().ok()) else {
        return Err(damaged(api, &file));
    };
    let mut response = match precondition(request.headers(), &etag, modified) {
        Precondition::Failed => {
            let detail = "The condition in If-Match or If-Unmodified-Since is not fulfilled.";
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

/// The error for a file that differs from its entry in the manifest.
fn damaged(api: &Api, file: &NamedFile) -> Problem {
    // Only files of the current snapshot are rewritten; an older snapshot is deleted soon, or was deleted just now.
    if !api.snapshots.catalog().is_current(file) {
        return not_found();
    }
    api.snapshots.request();
    let detail = "The file is damaged. The service is rewriting it from the database.";
    Problem::new(Code::FileDamaged, detail)
}

/// The result of the request's conditional headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precondition {
    Passed,
    /// The client already has the file: 304.
    Known,
    /// The condition is not fulfilled: 412.
    Failed,
}

/// Evaluates the conditional headers in the order of RFC 9110, section 13.2.2: a time counts only if no entity tag
/// is given, and `If-Match` goes before `If-None-Match`.
pub(crate) fn precondition(headers: &HeaderMap, etag: &ETag, modified: SystemTime) -> Precondition {
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

/// The requested part of the file. `Range` counts only for GET, and only if `If-Range` is absent or is exactly the
/// entity tag or the modification time of this file.
pub(crate) fn part(request: &Request, etag: &ETag, modified: SystemTime, length: u64) -> Wanted {
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

/// Reads the file or a part of it; none if it can't be read.
async fn read(path: &Path, part: Wanted, mut request: Request) -> Option<Response> {
    let headers = request.headers_mut();
    // `ServeFile` has an entity tag of its own and parses ranges more strictly, so it gets none of these headers
    // but one range in its simplest form.
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
