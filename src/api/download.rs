//! `GET /v1/messages.{ndjson,csv,arrow,parquet}`: all messages of a channel or a whole guild that match a filter,
//! as one streamed response of any size. The query waits while the client reads, and ends when it disconnects.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, RawQuery, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, LINK};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use axum::response::Response;
use chrono::{DateTime, Utc};
use futures_util::stream;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::coverage_summary::CoverageSummary;
use super::formats::{Broken, Encoder, Format, Options, Out};
use super::limits::old_client;
use super::openapi::Refusals;
use super::private::keep_private;
use super::problem::{Code, Problem};
use super::query::Parameters;
use super::row::{Snowflake, Time};
use super::{Api, body, query};
use crate::message::{ChannelId, GuildId, IdSpan};
use crate::parquet_layout::{Compression, Order};
use crate::store::{BatchStream, COLUMNS, Column, Download, DownloadRequest, InterruptOnDrop};

/// The maximum number of concurrent downloads: a long read keeps old row versions and its own rows in memory.
pub(super) const AT_ONCE: usize = 2;

/// The metadata of a download, by its key in Parquet and Arrow files and by its response header.
const HEADERS: [(&str, HeaderName); 4] = [
    ("guildlake.coverage", COVERAGE),
    ("guildlake.revision", REVISION),
    (
        "guildlake.store_id",
        HeaderName::from_static("guildlake-store-id"),
    ),
    (
        "guildlake.epoch",
        HeaderName::from_static("guildlake-epoch"),
    ),
];

/// The response header with the coverage summary of the returned messages.
pub(super) const COVERAGE: HeaderName = HeaderName::from_static("guildlake-coverage");
/// The response header with the revision of the database that was read.
pub(super) const REVISION: HeaderName = HeaderName::from_static("guildlake-revision");

/// How long a download may take; a slow client occupies one of the [`AT_ONCE`] permits.
const LONGEST: Duration = Duration::from_secs(3600);

/// The parameters of a download.
#[derive(Debug, Clone, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DownloadQuery {
    /// Id of the guild (server).
    #[param(value_type = Snowflake, example = "1101234567890123457")]
    guild_id: GuildId,
    /// Only messages of this channel or thread.
    #[param(value_type = Option<Snowflake>, example = "1151234567890123457")]
    channel_id: Option<ChannelId>,
    /// Only messages written at or after this time: RFC 3339 with an offset from UTC. Must not be later
    /// than `to`.
    #[param(value_type = Option<Time>, example = "2025-01-01T00:00:00Z")]
    from: Option<DateTime<Utc>>,
    /// Only messages written before this time: RFC 3339 with an offset from UTC.
    #[param(value_type = Option<Time>, example = "2025-02-01T00:00:00Z")]
    to: Option<DateTime<Utc>>,
    /// Whether to include messages that were deleted on Discord.
    #[param(value_type = Option<bool>, default = false)]
    include_deleted: Option<bool>,
    /// The columns to return, separated by commas, in this order. Default: all columns except `raw_json`.
    #[param(style = Form, explode = false, value_type = Option<ColumnList>, inline)]
    columns: Option<Vec<Column>>,
    #[param(ignore)]
    options: Options,
}

/// The additional parameters of CSV.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what is read into `Options`")]
pub(super) struct CsvQuery {
    /// Whether to leave cells that begin like a spreadsheet formula unescaped. Strangers wrote the texts,
    /// and a spreadsheet executes formulas: use it only for programs that don't.
    #[param(value_type = Option<bool>, default = false)]
    raw: Option<bool>,
    /// Whether to begin the file with a byte order mark, by which Excel recognises UTF-8.
    #[param(value_type = Option<bool>, default = false)]
    bom: Option<bool>,
}

/// The additional parameters of Parquet.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what is read into `Options`")]
pub(super) struct ParquetQuery {
    /// The compression of the file: `zstd` (smaller) or `snappy` (supported by every reader).
    #[param(value_type = Option<CompressionName>, inline)]
    compression: Option<Compression>,
}

/// The values of `compression`.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase", default = "zstd")]
#[expect(dead_code, reason = "describes what `compression` reads")]
enum CompressionName {
    Zstd,
    Snappy,
}

impl DownloadQuery {
    fn parse(format: Format, query: Option<&str>) -> Result<Self, Problem> {
        let mut given = Parameters::parse(query);
        let guild_id = given.require("guild_id", query::id);
        let channel_id = given.take("channel_id", query::id);
        let (from, to) = given.time_range();
        let include_deleted = given.take("include_deleted", query::boolean);
        let columns = given.take("columns", columns);
        let options = options(Some(format), &mut given);
        for name in ["limit", "cursor", "order"] {
            given.refuse(
                name,
                "is only for pages of JSON: a download contains all rows, ordered by channel and id",
            );
        }
        given.refuse(
            "include_raw",
            "is only for pages of JSON: a download takes raw_json as one of columns",
        );
        let guild_id = given.finish_with(guild_id)?;
        Ok(Self {
            guild_id,
            channel_id,
            from,
            to,
            include_deleted,
            columns,
            options,
        })
    }

    fn span(&self) -> IdSpan {
        IdSpan::between(self.from, self.to)
    }

    fn request(&self) -> DownloadRequest {
        DownloadRequest {
            guild_id: self.guild_id,
            channel_id: self.channel_id,
            span: self.span(),
            include_deleted: self.include_deleted.unwrap_or(false),
            columns: self.columns.clone().unwrap_or_else(Column::usual),
        }
    }

    /// The link to the coverage of the same messages, relative to this route.
    fn coverage_link(&self) -> String {
        let mut link = format!("<coverage?guild_id={}", self.guild_id);
        if let Some(channel) = self.channel_id {
            link.push_str(&format!("&channel_id={channel}"));
        }
        for (name, time) in [("from", self.from), ("to", self.to)] {
            if let Some(time) = time {
                let time = time.format("%Y-%m-%dT%H:%M:%S%.fZ");
                link.push_str(&format!("&{name}={time}"));
            }
        }
        link + ">; rel=\"describedby\""
    }

    fn file_name(&self, format: Format) -> String {
        let place = match self.channel_id {
            Some(channel) => format!("{}-{channel}", self.guild_id),
            None => self.guild_id.to_string(),
        };
        format!("messages-{place}.{}", format.extension())
    }

    /// The query, for the metadata of the file.
    fn describe(&self) -> serde_json::Value {
        json!({
            "guild_id": self.guild_id.to_string(),
            "channel_id": self.channel_id.map(|id| id.to_string()),
            "from": self.from.map(Time),
            "to": self.to.map(Time),
            "include_deleted": self.include_deleted.unwrap_or(false),
        })
    }
}

/// Reads the parameters that only this format has.
pub(super) fn options(format: Option<Format>, given: &mut Parameters) -> Options {
    let mut options = Options::default();
    match format {
        Some(Format::Parquet) => {
            let compression = given.take("compression", |text| match text {
                "zstd" => Ok(Compression::Zstd),
                "snappy" => Ok(Compression::Snappy),
                _ => Err("must be zstd or snappy".into()),
            });
            options.compression = compression.unwrap_or_default();
        }
        Some(Format::Csv) => {
            options.raw = given.take("raw", query::boolean).unwrap_or(false);
            options.bom = given.take("bom", query::boolean).unwrap_or(false);
        }
        Some(Format::Ndjson | Format::Arrow) | None => {}
    }
    options
}

/// The OpenAPI schema of a list of columns.
pub(super) struct ColumnList;

impl ToSchema for ColumnList {}

impl PartialSchema for ColumnList {
    fn schema() -> RefOr<Schema> {
        let names = COLUMNS.iter().map(|column| column.name);
        let name = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(names));
        let list = ArrayBuilder::new().items(name).unique_items(true);
        Schema::from(list.min_items(Some(1)).build()).into()
    }
}

/// Reads a list of columns.
pub(super) fn columns(text: &str) -> Result<Vec<Column>, std::borrow::Cow<'static, str>> {
    let mut columns = Vec::new();
    for name in text.split(',') {
        let Some(column) = Column::named(name) else {
            let known: Vec<_> = COLUMNS.iter().map(|column| column.name).collect();
            let known = known.join(", ");
            return Err(format!(
                "must be a list of columns; {name:?} is unknown, the columns are {known}"
            )
            .into());
        };
        if columns.contains(&column) {
            return Err(format!("contains {} twice", column.name).into());
        }
        columns.push(column);
    }
    Ok(columns)
}

/// Download messages as NDJSON
///
/// Streams all matching messages, ordered by channel and message id, with one JSON object per line as in
/// a page. The headers `guildlake-coverage` and `guildlake-revision` tell how complete the messages are
/// and which revision of the database was read.
#[utoipa::path(
    get,
    path = "/v1/messages.ndjson",
    tag = "messages",
    operation_id = "downloadMessagesNdjson",
    params(DownloadQuery),
    responses(
        (status = 200, description = "The messages.", body = String, content_type = "application/x-ndjson"),
        Refusals,
    ),
)]
pub(super) async fn ndjson(
    State(api): State<Arc<Api>>,
    caller: Caller,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    download(&api, Format::Ndjson, &caller, raw.as_deref()).await
}

/// Download messages as CSV
///
/// Streams all matching messages, ordered by channel and message id, after a header line with the column
/// names. A cell that a spreadsheet would execute as a formula gets a leading `'` unless `raw=true`. The
/// headers `guildlake-coverage` and `guildlake-revision` tell how complete the messages are and which
/// revision of the database was read.
#[utoipa::path(
    get,
    path = "/v1/messages.csv",
    tag = "messages",
    operation_id = "downloadMessagesCsv",
    params(DownloadQuery, CsvQuery),
    responses(
        (status = 200, description = "The messages.", body = String, content_type = "text/csv"),
        Refusals,
    ),
)]
pub(super) async fn csv(
    State(api): State<Arc<Api>>,
    caller: Caller,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    download(&api, Format::Csv, &caller, raw.as_deref()).await
}

/// Download messages as an Arrow stream
///
/// Streams all matching messages, ordered by channel and message id. The metadata of each column
/// describes the column; the metadata of the schema contains the query, the coverage and the revision.
#[utoipa::path(
    get,
    path = "/v1/messages.arrow",
    tag = "messages",
    operation_id = "downloadMessagesArrow",
    params(DownloadQuery),
    responses(
        (status = 200, description = "The messages.", body = Vec<u8>, content_type = "application/vnd.apache.arrow.stream"),
        Refusals,
    ),
)]
pub(super) async fn arrow(
    State(api): State<Arc<Api>>,
    caller: Caller,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    download(&api, Format::Arrow, &caller, raw.as_deref()).await
}

/// Download messages as Parquet
///
/// Streams all matching messages, ordered by channel and message id, with column statistics. The metadata
/// of the file contains the query, the coverage and the revision.
#[utoipa::path(
    get,
    path = "/v1/messages.parquet",
    tag = "messages",
    operation_id = "downloadMessagesParquet",
    params(DownloadQuery, ParquetQuery),
    responses(
        (status = 200, description = "The messages.", body = Vec<u8>, content_type = "application/vnd.apache.parquet"),
        Refusals,
    ),
)]
pub(super) async fn parquet(
    State(api): State<Arc<Api>>,
    caller: Caller,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    download(&api, Format::Parquet, &caller, raw.as_deref()).await
}

/// The method and HTTP version of the request.
pub(super) struct Caller {
    pub(super) method: Method,
    version: Version,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self {
            method: parts.method.clone(),
            version: parts.version,
        })
    }
}

/// Handles a download.
pub(super) async fn download(
    api: &Api,
    format: Format,
    caller: &Caller,
    raw: Option<&str>,
) -> Result<Response, Problem> {
    let query = DownloadQuery::parse(format, raw)?;
    let mut response = begin(format, caller, &query.file_name(format))?;
    note(response.headers_mut(), LINK, &query.coverage_link());
    if caller.method == Method::HEAD {
        return Ok(response);
    }
    let place = take_place(api)?;
    let download = api.reader.download(query.request()).await?;
    let schema = described(&download, &query)?;
    for (key, header) in HEADERS {
        note(response.headers_mut(), header, &schema.metadata[key]);
    }
    let shaped = Arc::clone(&schema);
    let rows = Rows {
        batches: download.batches,
        guard: download.guard,
        row_count: download.row_count,
        place,
    };
    let form = Form {
        format,
        options: query.options,
        schema,
        order: Order::ChannelAndId,
    };
    send(&mut response, rows, form, move |rows| {
        Ok(rows.with_schema(Arc::clone(&shaped))?)
    });
    Ok(response)
}

/// The head of a download's response. HTTP/1.0 clients are refused, because they can't tell a complete
/// download from one that was cut off.
pub(super) fn begin(format: Format, caller: &Caller, file_name: &str) -> Result<Response, Problem> {
    if caller.version == Version::HTTP_10 {
        // A download can be too long to be buffered; see `length_for_old_clients`.
        return Err(old_client());
    }
    // HEAD gets no Content-Length, as the streamed response to GET has none.
    let mut response = Response::new(Body::from_stream(
        stream::empty::<Result<Bytes, Infallible>>(),
    ));
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(format.content_type()),
    );
    keep_private(headers);
    let disposition = format!("attachment; filename=\"{file_name}\"");
    note(headers, CONTENT_DISPOSITION, &disposition);
    Ok(response)
}

/// Acquires one of the permits for downloads, or fails at once.
pub(super) fn take_place(api: &Api) -> Result<OwnedSemaphorePermit, Problem> {
    let place = Arc::clone(&api.downloads).try_acquire_owned();
    place.map_err(|_| {
        Problem::new(
            Code::Busy,
            format!("{AT_ONCE} downloads are in progress, which is the maximum. Try again later."),
        )
        .for_longer()
    })
}

/// The rows of a download.
pub(super) struct Rows {
    pub(super) batches: BatchStream,
    pub(super) guard: InterruptOnDrop,
    /// How many rows the batches contain together.
    pub(super) row_count: i64,
    /// The permit, released when all rows are sent.
    pub(super) place: OwnedSemaphorePermit,
}

/// The format of a download.
pub(super) struct Form {
    pub(super) format: Format,
    pub(super) options: Options,
    pub(super) schema: SchemaRef,
    pub(super) order: Order,
}

/// Streams the rows into the body, after `shape` has converted each batch.
pub(super) fn send(
    response: &mut Response,
    rows: Rows,
    form: Form,
    shape: impl FnMut(RecordBatch) -> Result<RecordBatch, Broken> + Send + 'static,
) {
    let Rows {
        batches,
        guard,
        row_count,
        place,
    } = rows;
    let (pieces, body) = body::channel(guard, Some(Instant::now() + LONGEST));
    *response.body_mut() = body;
    let encode = move || {
        let out = Out::new(pieces.clone());
        let encoded = form
            .format
            .encoder(&form.schema, form.order, form.options, out);
        let encoded = encoded.and_then(|encoder| encode(batches, row_count, encoder, shape));
        match encoded {
            Ok(()) => {}
            // The log line of the request reports it.
            Err(broken) if pieces.is_closed() => {
                tracing::debug!(%broken, "the client closed the connection during a download");
            }
            Err(broken) => tracing::error!(cause = %broken, "a download was aborted"),
        }
        drop(place);
    };
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(encode));
}

fn encode(
    mut batches: BatchStream,
    row_count: i64,
    mut encoder: Box<dyn Encoder>,
    mut shape: impl FnMut(RecordBatch) -> Result<RecordBatch, Broken>,
) -> Result<(), Broken> {
    let mut sent = 0;
    while let Some(rows) = batches.blocking_next() {
        let rows = rows?;
        sent += i64::try_from(rows.num_rows()).unwrap_or(0);
        encoder.write(&shape(rows)?)?;
    }
    // A query that ends early has panicked: the response must not look complete.
    if sent != row_count {
        return Err(Broken::Incomplete {
            expected: row_count,
            sent,
        });
    }
    encoder.finish()
}

/// The schema with the query and the coverage in its metadata.
fn described(download: &Download, query: &DownloadQuery) -> Result<SchemaRef, Problem> {
    let coverage = serde_json::to_string(&CoverageSummary::from(&download.completeness))
        .map_err(|error| Problem::internal(error.to_string()))?;
    let metadata = HashMap::from([
        ("guildlake.query".to_owned(), query.describe().to_string()),
        ("guildlake.coverage".to_owned(), coverage),
        ("guildlake.rows".to_owned(), download.row_count.to_string()),
        (
            "guildlake.revision".to_owned(),
            download.revision.to_string(),
        ),
        ("guildlake.store_id".to_owned(), download.store_id.clone()),
        ("guildlake.epoch".to_owned(), download.epoch.clone()),
    ]);
    let fields = download.schema.fields().clone();
    Ok(Arc::new(arrow::datatypes::Schema::new_with_metadata(
        fields, metadata,
    )))
}

/// Sets a header. The value consists of ids, times and fixed names, so it is always a valid header value.
pub(super) fn note(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
