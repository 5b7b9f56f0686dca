//! `GET /v1/messages.{ndjson,csv,arrow,parquet}`: all messages of a channel or a whole guild that match a filter,
//! as one streamed response of any size. The query waits while the client reads, and ends when it disconnects.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use axum::extract::{Extension, State};
use axum::http::header::LINK;
use axum::http::{HeaderName, Method};
use axum::response::Response;
use axum::routing::get;
use chrono::{DateTime, Utc};
use serde_json::json;
use utoipa::IntoParams;
use utoipa::openapi::ResponsesBuilder;
use utoipa::openapi::path::OperationBuilder;
use utoipa_axum::router::UtoipaMethodRouter;

use crate::api::answer::columns::columns;
use crate::api::answer::coverage::CoverageJson;
use crate::api::answer::formats::{Format, Options};
use crate::api::answer::stream::{self, COVERAGE, Form, REVISION, Rows, described, set_header};
use crate::api::http::caller::Caller;
use crate::api::http::parameters::{Parameters, QueryParameters};
use crate::api::http::permit::Permit;
use crate::api::http::problem::Problem;
use crate::api::http::query::query;
use crate::api::http::refusals::Refusals;
use crate::api::http::syntax::{boolean, id, time};
use crate::api::http::values::Time;
use crate::api::routes::state::Api;
use crate::guild::Reach;
use crate::message::{ChannelId, GuildId, IdRange};
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

query! {
    /// The parameters of a download.
    pub(crate) struct DownloadQuery {
        /// Id of the guild (server).
        required guild_id: GuildId = id(), example "1101234567890123457";
        /// Only messages of this channel or thread.
        optional channel_id: ChannelId = id(), example "1151234567890123457";
        /// Only messages written at or after this time: RFC 3339 with an offset from UTC. Must not be later
        /// than `to`.
        optional from: DateTime<Utc> = time(), example "2025-01-01T00:00:00Z";
        /// Only messages written before this time: RFC 3339 with an offset from UTC.
        optional to: DateTime<Utc> = time(), not before from, example "2025-02-01T00:00:00Z";
        /// Whether to include messages that were deleted on Discord.
        optional include_deleted: bool = boolean(), default false;
        /// The columns to return, separated by commas, in this order. Default: all columns except `raw_json`.
        optional columns: Vec<Column> = columns();
    }
}

/// Rejects the parameters that only a page has, with a more helpful reason than that they are unknown.
fn refuse_page_parameters(given: &mut Parameters) {
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
}

impl DownloadQuery {
    fn request(&self, reach: Reach) -> DownloadRequest {
        DownloadRequest {
            reach,
            guild_id: self.guild_id,
            channel_id: self.channel_id,
            range: IdRange::between(self.from, self.to),
            include_deleted: self.include_deleted(),
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
            "include_deleted": self.include_deleted(),
        })
    }
}

/// The routes of the downloads, one for each format.
pub(crate) fn routes() -> [UtoipaMethodRouter<Arc<Api>>; Format::ALL.len()] {
    Format::ALL.map(|format| {
        let responses = ResponsesBuilder::new()
            .responses_from_into_responses::<Refusals>()
            .response("200", format.response("The messages."));
        let parameters = [
            DownloadQuery::into_params(|| None),
            Options::describe(format),
        ];
        let operation = OperationBuilder::new()
            .tag("messages")
            .operation_id(Some(format!("downloadMessages{format:?}")))
            .summary(Some(format!("Download messages as {}", format.title())))
            .description(Some(description(format)))
            .parameters(Some(parameters.concat()))
            .responses(responses.build());
        let handler = get(handle).layer(Extension(format));
        described("/v1/messages", format, operation, handler)
    })
}

fn description(format: Format) -> &'static str {
    match format {
        Format::Ndjson => {
            "Streams all matching messages, ordered by channel and message id, with one JSON object per line as in\n\
             a page. The headers `guildlake-coverage` and `guildlake-revision` tell how complete the messages are\n\
             and which revision of the database was read."
        }
        Format::Csv => {
            "Streams all matching messages, ordered by channel and message id, after a header line with the column\n\
             names. A cell that a spreadsheet would execute as a formula gets a leading `'` unless `raw=true`. The\n\
             headers `guildlake-coverage` and `guildlake-revision` tell how complete the messages are and which\n\
             revision of the database was read."
        }
        Format::Arrow => {
            "Streams all matching messages, ordered by channel and message id. The metadata of each column\n\
             describes the column; the metadata of the schema contains the query, the coverage and the revision."
        }
        Format::Parquet => {
            "Streams all matching messages, ordered by channel and message id, with column statistics. The metadata\n\
             of the file contains the query, the coverage and the revision."
        }
    }
}

async fn handle(
    State(api): State<Arc<Api>>,
    Extension(format): Extension<Format>,
    permit: Permit,
    caller: Caller,
    given: Parameters,
) -> Result<Response, Problem> {
    download(&api, format, &caller, &permit, given).await
}

/// Reads the parameters of a download in a format.
pub(crate) fn read(
    format: Format,
    mut given: Parameters,
) -> Result<(DownloadQuery, Options), Problem> {
    let query = DownloadQuery::read(&mut given);
    let options = Options::read(Some(format), &mut given);
    refuse_page_parameters(&mut given);
    Ok((given.finish_with(query)?, options))
}

/// Answers with all matching messages in a format.
pub(crate) async fn download(
    api: &Api,
    format: Format,
    caller: &Caller,
    permit: &Permit,
    given: Parameters,
) -> Result<Response, Problem> {
    let (query, options) = read(format, given)?;
    let sight = api.sight(permit).await?;
    sight.require_columns(query.columns.as_deref().unwrap_or_default())?;
    let mut response = stream::begin(format, caller, &query.file_name(format))?;
    set_header(response.headers_mut(), LINK, &query.coverage_link());
    if caller.method == Method::HEAD {
        return Ok(response);
    }
    let place = api.downloads.acquire(&permit.grant.key_id)?;
    let request = query.request(sight.reach.clone());
    let download = api.reader.download(request).await?;
    let schema = sight.hidden.schema(&with_metadata(&download, &query)?);
    for (key, header) in HEADERS {
        set_header(response.headers_mut(), header, &schema.metadata[key]);
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
        options,
        schema,
        order: Order::ChannelAndId,
    };
    stream::send(&mut response, rows, form, move |rows| {
        Ok(sight.hidden.cut(&rows)?.with_schema(Arc::clone(&shaped))?)
    });
    Ok(response)
}

/// The schema with the query and the coverage in its metadata.
fn with_metadata(download: &Download, query: &DownloadQuery) -> Result<SchemaRef, Problem> {
    let coverage = serde_json::to_string(&CoverageJson::from(download.coverage))
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
