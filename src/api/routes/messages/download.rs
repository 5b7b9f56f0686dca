//! `GET /v1/messages.{ndjson,csv,arrow,parquet}`: all messages of a channel or a whole guild that match a filter,
//! as one streamed response of any size. The query waits while the client reads, and ends when it disconnects.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use axum::extract::{RawQuery, State};
use axum::http::header::LINK;
use axum::http::{HeaderName, Method};
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde_json::json;
use utoipa::IntoParams;

use crate::api::answer::columns::{ColumnList, columns};
use crate::api::answer::coverage::CoverageSummary;
use crate::api::answer::formats::{CsvQuery, Format, Options, ParquetQuery};
use crate::api::answer::stream::{self, COVERAGE, Form, REVISION, Rows, set_header};
use crate::api::http::caller::Caller;
use crate::api::http::parameters as query;
use crate::api::http::parameters::Parameters;
use crate::api::http::problem::Problem;
use crate::api::http::refusals::Refusals;
use crate::api::http::values::{Snowflake, Time};
use crate::api::routes::state::Api;
use crate::message::{ChannelId, GuildId, IdSpan};
use crate::parquet_layout::Order;
use crate::store::{Column, Download, DownloadRequest};

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

/// The parameters of a download.
#[derive(Debug, Clone, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DownloadQuery {
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

impl DownloadQuery {
    fn parse(format: Format, query: Option<&str>) -> Result<Self, Problem> {
        let mut given = Parameters::parse(query);
        let guild_id = given.require("guild_id", query::id);
        let channel_id = given.take("channel_id", query::id);
        let (from, to) = given.time_range();
        let include_deleted = given.take("include_deleted", query::boolean);
        let columns = given.take("columns", columns);
        let options = Options::read(Some(format), &mut given);
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
pub(crate) async fn ndjson(
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
pub(crate) async fn csv(
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
pub(crate) async fn arrow(
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
pub(crate) async fn parquet(
    State(api): State<Arc<Api>>,
    caller: Caller,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    download(&api, Format::Parquet, &caller, raw.as_deref()).await
}

/// Handles a download.
pub(crate) async fn download(
    api: &Api,
    format: Format,
    caller: &Caller,
    raw: Option<&str>,
) -> Result<Response, Problem> {
    let query = DownloadQuery::parse(format, raw)?;
    let mut response = stream::begin(format, caller, &query.file_name(format))?;
    set_header(response.headers_mut(), LINK, &query.coverage_link());
    if caller.method == Method::HEAD {
        return Ok(response);
    }
    let permit = api.downloads.acquire()?;
    let download = api.reader.download(query.request()).await?;
    let schema = described(&download, &query)?;
    for (key, header) in HEADERS {
        set_header(response.headers_mut(), header, &schema.metadata[key]);
    }
    let shaped = Arc::clone(&schema);
    let rows = Rows {
        batches: download.batches,
        guard: download.guard,
        row_count: download.row_count,
        permit,
    };
    let form = Form {
        format,
        options: query.options,
        schema,
        order: Order::ChannelAndId,
    };
    stream::send(&mut response, rows, form, move |rows| {
        Ok(rows.with_schema(Arc::clone(&shaped))?)
    });
    Ok(response)
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
