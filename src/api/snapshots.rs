//! `GET /v1/snapshots`: the snapshots that there are, with their files. `POST` asks for one now.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::accept::{APPLICATION_JSON, negotiate};
use super::openapi::Refusals;
use super::private::private_json;
use super::problem::{Code, Problem};
use super::row::{Snowflake, Time, snowflake};
use super::{Api, query};
use crate::derived::snapshot::{FileEntry, GuildCoverage, Snapshot};
use crate::store::Table;

/// The snapshots.
#[derive(Serialize, ToSchema)]
pub(super) struct SnapshotList {
    /// Those whose files are there, newest first. The first is the current one; the others go after a
    /// grace time.
    data: Vec<SnapshotJson>,
}

/// A snapshot: files that are one moment of the record.
#[derive(Serialize, ToSchema)]
#[schema(as = Snapshot)]
pub(super) struct SnapshotJson {
    /// The record's last commit that is in it.
    #[schema(minimum = 0, example = 42)]
    revision: i64,
    /// When the record was read for it.
    created_at: Time,
    /// Of which record.
    #[schema(example = "1a7f6a9e-8d5e-4c6f-9d3a-0c1b2a394857")]
    store_id: String,
    /// The version of that record's tables.
    #[schema(minimum = 1, example = 4)]
    schema_version: i64,
    /// How many messages it has, deleted ones too.
    #[schema(minimum = 0, example = 120_000)]
    messages: i64,
    /// The bytes of all its files.
    #[schema(minimum = 0, example = 21_000_000)]
    bytes: u64,
    /// Its manifest, relative to this answer.
    #[schema(
        format = "uri-reference",
        example = "snapshots/files/manifests/42-20260301T120000000000Z.json"
    )]
    manifest: String,
    /// How complete the record was, by guild.
    coverage: Vec<GuildCoverage>,
    /// Its files, by table, guild and month.
    files: Vec<SnapshotFileJson>,
}

/// A file of a snapshot. It never changes.
#[derive(Serialize, ToSchema)]
#[schema(as = SnapshotFile)]
pub(super) struct SnapshotFileJson {
    table: Table,
    /// Whose messages; null for a table that is one file.
    #[schema(required = true)]
    guild_id: Option<Snowflake>,
    /// Written in this month (UTC).
    #[schema(required = true, example = "2026-03")]
    month: Option<String>,
    /// Where it is, relative to this answer.
    #[schema(
        format = "uri-reference",
        example = "snapshots/files/channels/42-0123456789abcdef.parquet"
    )]
    href: String,
    /// How many rows.
    #[schema(minimum = 0, example = 1200)]
    rows: i64,
    /// How many bytes.
    #[schema(minimum = 0, example = 210_000)]
    bytes: u64,
    /// Their hash.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    sha256: String,
    /// The last commit that changed one of its rows; of a table that is one file, the snapshot that it
    /// was written for.
    #[schema(minimum = 0, example = 41)]
    revision: i64,
}

/// Which snapshot there is, or will be.
#[derive(Serialize, ToSchema)]
pub(super) struct SnapshotRequested {
    /// It is of this revision of the record, or will be of this or of a later one.
    #[schema(minimum = 0, example = 42)]
    revision: i64,
}

/// The snapshots that there are
///
/// Each is one moment of the record, as Parquet files. Read the files of one snapshot: together they have
/// every message once.
#[utoipa::path(
    get,
    path = "/v1/snapshots",
    tag = "snapshots",
    operation_id = "listSnapshots",
    responses(
        (status = 200, description = "The snapshots.", body = SnapshotList, headers(
            ("cache-control" = String, description = "`private, no-cache`"),
            ("vary" = String, description = "What the answer depends on besides the URL."),
        )),
        Refusals,
    ),
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    negotiate(&headers, &[APPLICATION_JSON])?;
    query::no_parameters(raw.as_deref())?;
    let catalog = api.snapshots.catalog();
    let data = catalog.snapshots.iter();
    let data = data.map(|snapshot| snapshot_json(snapshot)).collect();
    Ok(private_json(SnapshotList { data }))
}

/// Ask for a snapshot now
///
/// It is taken as soon as one that is under way is done. `GET` this route to see it. Within `SNAPSHOT_FLOOR` (a
/// minute) after one none is taken for a caller: the answer is a 200 if the current one has every commit, else
/// a 429.
#[utoipa::path(
    post,
    path = "/v1/snapshots",
    tag = "snapshots",
    operation_id = "requestSnapshot",
    responses(
        (status = 200, description = "The current snapshot has every commit; none is taken.", body = SnapshotRequested),
        (status = 202, description = "It will be taken.", body = SnapshotRequested),
        (status = 429, description = "The last snapshot is too new for another one.", body = super::problem::ProblemBody<'static>, content_type = "application/problem+json", headers(
            ("retry-after" = String, description = "When one can be asked for: seconds."),
        )),
        Refusals,
    ),
)]
pub(super) async fn request(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    negotiate(&headers, &[APPLICATION_JSON])?;
    query::no_parameters(raw.as_deref())?;
    let revision = api.status.borrow().revision;
    let (status, revision) = match api.snapshots.request_for_caller() {
        Ok(()) => (StatusCode::ACCEPTED, revision),
        Err(left) => {
            let catalog = api.snapshots.catalog();
            let current = catalog.latest().map(|it| it.manifest.revision);
            let current = current.filter(|current| *current >= revision);
            (StatusCode::OK, current.ok_or_else(|| too_soon(left))?)
        }
    };
    let no_store = [(CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    let answer = Json(SnapshotRequested { revision });
    Ok((status, no_store, answer).into_response())
}

/// The answer to one who asks for a snapshot after the other.
fn too_soon(left: Duration) -> Problem {
    let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    let detail = "The last snapshot is newer than SNAPSHOT_FLOOR, and stays on the disk for SNAPSHOT_GRACE. Ask again later.";
    Problem::new(Code::SnapshotTooSoon, detail).after(seconds)
}

fn snapshot_json(snapshot: &Snapshot) -> SnapshotJson {
    let manifest = &snapshot.manifest;
    let messages = manifest
        .files
        .iter()
        .filter(|file| file.table == Table::Messages);
    SnapshotJson {
        revision: manifest.revision,
        created_at: Time(manifest.created_at),
        store_id: manifest.store_id.clone(),
        schema_version: manifest.schema_version,
        messages: messages.map(|file| file.rows).sum(),
        bytes: manifest.files.iter().map(|file| file.bytes).sum(),
        manifest: href(&manifest.path()),
        coverage: manifest.coverage.clone(),
        files: manifest.files.iter().map(file_json).collect(),
    }
}

fn file_json(file: &FileEntry) -> SnapshotFileJson {
    SnapshotFileJson {
        table: file.table,
        guild_id: file.guild_id.map(|id| snowflake(id.as_i64())),
        month: file.month.map(|month| month.to_string()),
        href: href(&file.path),
        rows: file.rows,
        bytes: file.bytes,
        sha256: file.sha256.clone(),
        revision: file.revision,
    }
}

/// Where a file is, relative to the list.
fn href(path: &str) -> String {
    format!("snapshots/files/{path}")
}
