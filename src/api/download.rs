//! `GET /v1/messages.{ndjson,csv,arrow,parquet}`: everything that a filter lets through, of a channel or
//! of a whole guild, as one answer of any size. The query waits for the caller, and ends with it.

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

/// Downloads at once: a long read holds old versions of rows back, and its rows in memory.
pub(super) const AT_ONCE: usize = 2;

/// What a download says of itself: in the metadata of Parquet and Arrow, and as headers for the other forms.
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

/// How complete the record is for an answer, as in a page of JSON.
pub(super) const COVERAGE: HeaderName = HeaderName::from_static("guildlake-coverage");
/// The record's revision that an answer is of.
pub(super) const REVISION: HeaderName = HeaderName::from_static("guildlake-revision");

/// How long a download may take: a slow caller holds one of the places.
const LONGEST: Duration = Duration::from_secs(3600);

/// What is downloaded, and how.
#[derive(Debug, Clone, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DownloadQuery {
    /// The guild.
    #[param(value_type = Snowflake, example = "1101234567890123457")]
    guild_id: GuildId,
    /// Only this channel or thread.
    #[param(value_type = Option<Snowflake>, example = "1151234567890123457")]
    channel_id: Option<ChannelId>,
    /// Messages written at this time or later: a time with its offset from UTC. Not after `to`.
    #[param(value_type = Option<Time>, example = "2025-01-01T00:00:00Z")]
    from: Option<DateTime<Utc>>,
    /// Messages written before this time.
    #[param(value_type = Option<Time>, example = "2025-02-01T00:00:00Z")]
    to: Option<DateTime<Utc>>,
    /// Those too that are gone from Discord.
    #[param(value_type = Option<bool>, default = false)]
    include_deleted: Option<bool>,
    /// These columns, with commas between them, in this order. Without it: all but `raw_json`.
    #[param(style = Form, explode = false, value_type = Option<ColumnList>, inline)]
    columns: Option<Vec<Column>>,
    #[param(ignore)]
    options: Options,
}

/// What else CSV takes.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what is read into `Options`")]
pub(super) struct CsvQuery {
    /// Texts that begin like a formula stay as they are. A spreadsheet runs them, and strangers wrote
    /// them.
    #[param(value_type = Option<bool>, default = false)]
    raw: Option<bool>,
    /// With a byte order mark, by which Excel knows that it is UTF-8.
    #[param(value_type = Option<bool>, default = false)]
    bom: Option<bool>,
}

/// What else Parquet takes.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what is read into `Options`")]
pub(super) struct ParquetQuery {
    /// `zstd` (smaller), or `snappy` (read by everything).
    #[param(value_type = Option<CompressionName>, inline)]
    compression: Option<Compression>,
}

/// The names of the two compressions.
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
                "is for pages in JSON: a download has all rows, by channel and id",
            );
        }
        given.refuse(
            "include_raw",
            "is for pages in JSON: here raw_json is one of columns",
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

    /// What is known of the same messages, relative to this route.
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

    /// What was asked for, for the file's own metadata.
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

/// Takes out what can be chosen of a form.
pub(super) fn options(format: Option<Format>, given: &mut Parameters) -> Options {
    let mut options = Options::default();
    match format {
        Some(Format::Parquet) => {
            let compression = given.take("compression", |text| match text {
                "zstd" => Ok(Compression::Zstd),
                "snappy" => Ok(Compression::Snappy),
                _ => Err("is zstd or snappy".into()),
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

/// How a list of columns is described.
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

/// A list of columns.
pub(super) fn columns(text: &str) -> Result<Vec<Column>, std::borrow::Cow<'static, str>> {
    let mut columns = Vec::new();
    for name in text.split(',') {
        let Some(column) = Column::named(name) else {
            let known: Vec<_> = COLUMNS.iter().map(|column| column.name).collect();
            let known = known.join(", ");
            return Err(format!("has no column {name:?}; there are {known}").into());
        };
        if columns.contains(&column) {
            return Err(format!("has {} twice", column.name).into());
        }
        columns.push(column);
    }
    Ok(columns)
}

/// As lines of JSON
///
/// One object on each line, as in a page, by channel and id.
#[utoipa::path(
    get,
    path = "/v1/messages.ndjson",
    tag = "messages",
    operation_id = "downloadMessagesNdjson",
    params(DownloadQuery),
    responses(
        (status = 200, description = "The rows.", body = String, content_type = "application/x-ndjson"),
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

/// As CSV
///
/// With a line of names, by channel and id. A text that a spreadsheet would run as a formula has a `'`
/// before it.
#[utoipa::path(
    get,
    path = "/v1/messages.csv",
    tag = "messages",
    operation_id = "downloadMessagesCsv",
    params(DownloadQuery, CsvQuery),
    responses(
        (status = 200, description = "The rows.", body = String, content_type = "text/csv"),
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

/// As an Arrow stream
///
/// By channel and id. Each column says what it means; the schema says what was asked for and how
/// complete it is.
#[utoipa::path(
    get,
    path = "/v1/messages.arrow",
    tag = "messages",
    operation_id = "downloadMessagesArrow",
    params(DownloadQuery),
    responses(
        (status = 200, description = "The rows.", body = Vec<u8>, content_type = "application/vnd.apache.arrow.stream"),
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

/// As Parquet
///
/// By channel and id, with statistics. The file's metadata says what was asked for and how complete it
/// is.
#[utoipa::path(
    get,
    path = "/v1/messages.parquet",
    tag = "messages",
    operation_id = "downloadMessagesParquet",
    params(DownloadQuery, ParquetQuery),
    responses(
        (status = 200, description = "The rows.", body = Vec<u8>, content_type = "application/vnd.apache.parquet"),
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

/// How the caller asks.
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

/// Answers a download.
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

/// The head of a download's answer, and that it can be told from a part of it.
pub(super) fn begin(format: Format, caller: &Caller, file_name: &str) -> Result<Response, Problem> {
    if caller.version == Version::HTTP_10 {
        // Of any length: none is gathered, see `length_for_old_clients`.
        return Err(old_client());
    }
    // Of no known length, as the answer to GET.
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

/// One of the places for downloads.
pub(super) fn take_place(api: &Api) -> Result<OwnedSemaphorePermit, Problem> {
    let place = Arc::clone(&api.downloads).try_acquire_owned();
    place.map_err(|_| {
        Problem::new(
            Code::Busy,
            format!("{AT_ONCE} downloads are under way, and no more may be at once."),
        )
        .for_longer()
    })
}

/// The rows of a download.
pub(super) struct Rows {
    pub(super) batches: BatchStream,
    pub(super) guard: InterruptOnDrop,
    /// How many will come.
    pub(super) row_count: i64,
    /// Free again when all are sent.
    pub(super) place: OwnedSemaphorePermit,
}

/// The form of a download.
pub(super) struct Form {
    pub(super) format: Format,
    pub(super) options: Options,
    pub(super) schema: SchemaRef,
    pub(super) order: Order,
}

/// Puts the rows into the body, as `shape` makes them of those that come.
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
            // The request's line tells of it.
            Err(broken) if pieces.is_closed() => tracing::debug!(%broken, "a download was left"),
            Err(broken) => tracing::error!(cause = %broken, "a download was broken off"),
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
    // A query that ends without its rows has panicked: what was sent must not look whole.
    if sent != row_count {
        return Err(Broken::Incomplete {
            expected: row_count,
            sent,
        });
    }
    encoder.finish()
}

/// The schema with what was asked for and how complete it is.
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

/// Adds a header of ids, times and names of ours, which are always valid.
pub(super) fn note(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
