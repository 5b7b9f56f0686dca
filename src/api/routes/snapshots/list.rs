//! `GET /v1/snapshots`: the existing snapshots with their files. `POST` requests a new snapshot.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::answer::private::{private_json, unkept_json};
use crate::api::http::accept::AcceptsJson;
use crate::api::http::extract::NoQuery;
use crate::api::http::problem::{Code, Problem, ProblemBody};
use crate::api::http::refusals::Refusals;
use crate::api::http::values::{Snowflake, Time, snowflake};
use crate::api::routes::state::Api;
use crate::derived::snapshot::{FileEntry, GuildCoverage, Snapshot};
use crate::store::Table;

/// The existing snapshots.
#[derive(Serialize, ToSchema)]
pub(crate) struct SnapshotList {
    /// The snapshots whose files are available, newest first. The first is the current one; the older ones
    /// are deleted after `SNAPSHOT_GRACE`.
    data: Vec<SnapshotJson>,
}

/// A snapshot: Parquet files that together are a consistent copy of the database at one point in time.
#[derive(Serialize, ToSchema)]
#[schema(as = Snapshot)]
pub(crate) struct SnapshotJson {
    /// Number of the last database commit that the snapshot contains.
    #[schema(minimum = 0, example = 42)]
    revision: i64,
    /// When the database was read for the snapshot.
    created_at: Time,
    /// Identifies the database.
    #[schema(example = "1a7f6a9e-8d5e-4c6f-9d3a-0c1b2a394857")]
    store_id: String,
    /// Version of the database schema.
    #[schema(minimum = 1, example = 4)]
    schema_version: i64,
    /// Number of messages in the snapshot, including deleted ones.
    #[schema(minimum = 0, example = 120_000)]
    messages: i64,
    /// Size of all its files in bytes.
    #[schema(minimum = 0, example = 21_000_000)]
    bytes: u64,
    /// URL of its manifest, relative to the URL of this list.
    #[schema(
        format = "uri-reference",
        example = "snapshots/files/manifests/42-20260301T120000000000Z.json"
    )]
    manifest: String,
    /// The coverage of the archive at that time, per guild.
    coverage: Vec<GuildCoverage>,
    /// Its files, ordered by table, guild and month.
    files: Vec<SnapshotFileJson>,
}

/// A file of a snapshot. The content of a file never changes.
#[derive(Serialize, ToSchema)]
#[schema(as = SnapshotFile)]
pub(crate) struct SnapshotFileJson {
    table: Table,
    /// Id of the guild whose rows the file contains; null for a table that is a single file.
    #[schema(required = true)]
    guild_id: Option<Snowflake>,
    /// The month (UTC) in which the messages of the file were written; null for a table that is a single file.
    #[schema(required = true, example = "2026-03")]
    month: Option<String>,
    /// URL of the file, relative to the URL of this list.
    #[schema(
        format = "uri-reference",
        example = "snapshots/files/channels/42-0123456789abcdef.parquet"
    )]
    href: String,
    /// Number of rows.
    #[schema(minimum = 0, example = 1200)]
    rows: i64,
    /// Size in bytes.
    #[schema(minimum = 0, example = 210_000)]
    bytes: u64,
    /// SHA-256 of the content, in hexadecimal.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    sha256: String,
    /// Number of the last database commit that changed one of its rows; for a table that is a single file, the
    /// revision of the snapshot for which the file was written.
    #[schema(minimum = 0, example = 41)]
    revision: i64,
}

/// The snapshot that exists or will be taken.
#[derive(Serialize, ToSchema)]
pub(crate) struct SnapshotRequested {
    /// The revision of the current snapshot (200), or the lowest revision that the requested snapshot will
    /// have (202).
    #[schema(minimum = 0, example = 42)]
    revision: i64,
}

/// List the snapshots
///
/// Each snapshot is a consistent copy of the database at one point in time, as Parquet files. Read only
/// files of the same snapshot: together they contain every message exactly once.
#[utoipa::path(
    get,
    path = "/v1/snapshots",
    tag = "snapshots",
    operation_id = "listSnapshots",
    responses(
        (status = 200, description = "The existing snapshots.", body = SnapshotList, headers(
            ("cache-control" = String, description = "`private, no-cache`"),
            ("vary" = String, description = "The request headers that the response depends on."),
        )),
        Refusals,
    ),
)]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    _: AcceptsJson,
    _: NoQuery,
) -> Result<Response, Problem> {
    let catalog = api.snapshots.catalog();
    let data = catalog.snapshots.iter();
    let data = data.map(|snapshot| snapshot_json(snapshot)).collect();
    Ok(private_json(SnapshotList { data }))
}

/// Request a snapshot
///
/// The service takes the snapshot as soon as possible, after one that is in progress; `GET` this route to
/// see it. Within `SNAPSHOT_FLOOR` (default: one minute) after the last snapshot no other one is taken on
/// request: the response is a 200 if the current snapshot contains every commit, otherwise a 429.
#[utoipa::path(
    post,
    path = "/v1/snapshots",
    tag = "snapshots",
    operation_id = "requestSnapshot",
    responses(
        (status = 200, description = "The current snapshot already contains every commit; no snapshot is taken.", body = SnapshotRequested),
        (status = 202, description = "The snapshot will be taken.", body = SnapshotRequested),
        (status = 429, description = "The last snapshot was taken too recently, or the key sent too many requests.", body = ProblemBody<'static>, content_type = "application/problem+json", headers(
            ("retry-after" = String, description = "Seconds until a snapshot can be requested."),
        )),
        Refusals,
    ),
)]
pub(crate) async fn request(
    State(api): State<Arc<Api>>,
    _: AcceptsJson,
    _: NoQuery,
) -> Result<Response, Problem> {
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
    Ok(unkept_json(status, SnapshotRequested { revision }))
}

/// The error for a caller that requests snapshots too often.
fn too_soon(left: Duration) -> Problem {
    let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    let detail = "The last snapshot was taken less than SNAPSHOT_FLOOR ago. Try again after the seconds in Retry-After.";
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

/// The URL of a file, relative to the list of snapshots.
fn href(path: &str) -> String {
    format!("snapshots/files/{path}")
}
