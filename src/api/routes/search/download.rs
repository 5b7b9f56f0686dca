//! `GET /v1/search.{ndjson,csv,arrow,parquet}`: all hits of a search in its order, as one response.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch, StringArray};
use arrow::compute::{filter_record_batch, not};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use axum::extract::{Extension, State};
use axum::http::Method;
use axum::response::Response;
use axum::routing::get;
use serde_json::json;
use utoipa::IntoParams;
use utoipa::openapi::ResponsesBuilder;
use utoipa::openapi::path::OperationBuilder;
use utoipa_axum::router::UtoipaMethodRouter;

use super::find::{find, searchable};
use super::query::{SearchParameters, SearchQuery};
use crate::api::answer::columns::columns;
use crate::api::answer::formats::{Broken, Format, Options};
use crate::api::answer::hidden::Hidden;
use crate::api::answer::stream::{self, Form, Rows, described};
use crate::api::http::caller::Caller;
use crate::api::http::parameters::{Parameters, QueryParameters};
use crate::api::http::permit::Permit;
use crate::api::http::problem::{Code, Problem};
use crate::api::http::query::query;
use crate::api::http::refusals::{Refusals, refusal};
use crate::api::routes::state::Api;
use crate::derived::search::{Highlighter, Hit, Place, Sort};
use crate::parquet_layout::Order;
use crate::store::{Column, DESCRIPTION, EXTRA_COLUMNS};

/// The maximum number of hits in a download, because all hits are kept in memory.
const MAX_HITS: usize = 1_000_000;

query! {
    /// The additional parameters of a download.
    pub(crate) struct DownloadParameters {
        /// The columns to return, separated by commas, in this order; `score` and `highlight` are added after
        /// them. Default: all columns except `raw_json`.
        optional columns: Vec<Column> = columns();
    }
}

/// The routes of the downloads, one for each format.
pub(crate) fn routes() -> [UtoipaMethodRouter<Arc<Api>>; Format::ALL.len()] {
    Format::ALL.map(|format| {
        let responses = ResponsesBuilder::new()
            .responses_from_into_responses::<Refusals>()
            .response("200", format.response("The hits."))
            .response(
                "404",
                refusal("The search is disabled (`SEARCH_INDEX=off`)."),
            )
            .response(
                "422",
                refusal("The search has more hits than a download may contain."),
            );
        let parameters = [
            SearchParameters::into_params(|| None),
            DownloadParameters::into_params(|| None),
            Options::describe(format),
        ];
        let operation = OperationBuilder::new()
            .tag("search")
            .operation_id(Some(format!("downloadSearch{format:?}")))
            .summary(Some(format!("Download a search as {}", format.title())))
            .description(Some(description(format)))
            .parameters(Some(parameters.concat()))
            .responses(responses.build());
        let handler = get(handle).layer(Extension(format));
        described("/v1/search", format, operation, handler)
    })
}

fn description(format: Format) -> &'static str {
    match format {
        Format::Ndjson => {
            "Streams all hits in the order of the search, with one JSON object per line."
        }
        Format::Csv => {
            "Streams all hits in the order of the search, after a header line with the column names. A cell that a\n\
             spreadsheet would execute as a formula gets a leading `'` unless `raw=true`."
        }
        Format::Arrow => {
            "Streams all hits in the order of the search. The metadata of each column describes the column; the\n\
             metadata of the schema contains the query and the revision."
        }
        Format::Parquet => {
            "Streams all hits in the order of the search. The metadata of the file contains the query and the\n\
             revision."
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
) -> Result<(SearchQuery, DownloadParameters, Options), Problem> {
    let query = SearchQuery::read(&mut given);
    let own = DownloadParameters::read(&mut given);
    let options = Options::read(Some(format), &mut given);
    let (query, own) = given.finish_with(query.zip(own))?;
    Ok((query, own, options))
}

/// Answers with all hits in a format.
pub(crate) async fn download(
    api: &Api,
    format: Format,
    caller: &Caller,
    permit: &Permit,
    given: Parameters,
) -> Result<Response, Problem> {
    let (query, DownloadParameters { columns }, options) = read(format, given)?;
    let columns = columns.unwrap_or_else(Column::usual);
    let sight = api.sight(permit).await?;
    sight.require_columns(&columns)?;

    let index = searchable(api)?;
    let file_name = format!("search.{}", format.extension());
    let mut response = stream::begin(format, caller, &file_name)?;
    if caller.method == Method::HEAD {
        return Ok(response);
    }
    let place = api.downloads.acquire(&permit.grant.key_id)?;
    let hits = find(api, &sight, &index, &query, MAX_HITS).await?;
    if hits.next.is_some() {
        let detail = format!(
            "The search has {} hits, and a download may contain at most {MAX_HITS}. Request a shorter time or \
             one channel; /v1/messages.parquet downloads any number of messages.",
            hits.total
        );
        return Err(Problem::new(Code::TooManyHits, detail));
    }
    let found = hits.hits.iter().map(|hit| (hit.channel_id, hit.message_id));
    let rows = api.reader.found_batches(&columns, found.collect()).await?;
    let full = with_meanings(&rows.schema, &query, index.revision);
    let schema = sight.hidden.schema(&full);
    let shape = Shape {
        schema: full,
        hidden: sight.hidden,
        hits: hits.hits,
        is_scored: query.sort == Sort::Relevance,
        shows_deleted: query.shows_deleted(),
        highlighter: query
            .clause
            .as_ref()
            .filter(|_| !sight.hidden.content)
            .and_then(Highlighter::new),
    };
    let rows = Rows {
        row_count: i64::try_from(shape.hits.len()).unwrap_or(i64::MAX),
        batches: rows.batches,
        guard: rows.guard,
        place,
    };
    let form = Form {
        format,
        options,
        schema,
        order: Order::Own,
    };
    stream::send(&mut response, rows, form, move |rows| shape.shape(&rows));
    Ok(response)
}

/// The schema: the requested columns, then the two columns of the search, and the query in the metadata.
fn with_meanings(rows: &SchemaRef, query: &SearchQuery, revision: i64) -> SchemaRef {
    let told = |field: Field, meaning: &str| {
        field.with_metadata([(DESCRIPTION.to_owned(), meaning.to_owned())].into())
    };
    let asked = rows.fields().len() - EXTRA_COLUMNS;
    let mut fields: Vec<_> = rows.fields()[..asked].to_vec();
    let score = Field::new("score", DataType::Float64, true);
    let highlight = Field::new("highlight", DataType::Utf8, true);
    fields.push(Arc::new(told(
        score,
        "Relevance score, comparable only within one search; null if the hits are ordered by time.",
    )));
    fields.push(Arc::new(told(
        highlight,
        "The content around the searched words as escaped HTML, each word in <mark>; null if the words are in another part of the message.",
    )));
    let asked = json!({"search": query.q, "parameters": query.question}).to_string();
    let metadata = [
        ("guildlake.query".to_owned(), asked),
        ("guildlake.revision".to_owned(), revision.to_string()),
    ];
    Arc::new(Schema::new_with_metadata(fields, metadata.into()))
}

/// Converts rows of the database into rows of the search.
struct Shape {
    schema: SchemaRef,
    hidden: Hidden,
    hits: Vec<Hit>,
    is_scored: bool,
    shows_deleted: bool,
    highlighter: Option<Highlighter>,
}

impl Shape {
    fn shape(&self, rows: &RecordBatch) -> Result<RecordBatch, Broken> {
        let asked = rows.num_columns() - EXTRA_COLUMNS;
        let content = rows.column(asked).as_string::<i32>();
        let deleted = rows.column(asked + 1).as_boolean();
        let places = rows.column(asked + 2).as_primitive::<Int64Type>();
        let scores = places.values().iter().map(|place| {
            let hit = usize::try_from(*place)
                .ok()
                .and_then(|place| self.hits.get(place));
            hit.filter(|_| self.is_scored)
                .map(|hit| f64::from(hit.score))
        });
        let highlights = content.iter().map(|text| {
            let highlighter = self.highlighter.as_ref()?;
            let highlight = highlighter.in_text(Place::Content, text?);
            highlight.map(|highlight| highlight.html)
        });
        let mut columns: Vec<ArrayRef> = rows.columns()[..asked].to_vec();
        columns.push(Arc::new(scores.collect::<Float64Array>()));
        columns.push(Arc::new(highlights.collect::<StringArray>()));
        let shaped = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        // Messages that were deleted after they were indexed are left out.
        let shown = if self.shows_deleted {
            BooleanArray::from(vec![true; rows.num_rows()])
        } else {
            not(deleted)?
        };
        let shown = filter_record_batch(&shaped, &shown)?;
        Ok(self.hidden.cut(&shown)?)
    }
}
