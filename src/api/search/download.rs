//! `GET /v1/search.{ndjson,csv,arrow,parquet}`: all that a search found, in its order, as one answer.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch, StringArray};
use arrow::compute::{filter_record_batch, not};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use axum::extract::{RawQuery, State};
use axum::http::Method;
use axum::response::Response;
use chrono::Utc;
use serde_json::json;
use utoipa::IntoParams;

use super::parameters::{SearchParameters, SearchQuery};
use super::{find, searchable};
use crate::api::Api;
use crate::api::download::{
    self, Caller, ColumnList, CsvQuery, Form, ParquetQuery, Rows, columns, options,
};
use crate::api::formats::{Broken, Format};
use crate::api::openapi::Refusals;
use crate::api::problem::{Code, Problem, ProblemBody};
use crate::api::query::Parameters;
use crate::derived::search::{Highlighter, Hit, Place, Sort};
use crate::parquet_layout::Order;
use crate::store::{Column, DESCRIPTION, EXTRA_COLUMNS};

/// More messages than this are not found at once: what was found is in memory.
const MOST_HITS: usize = 1_000_000;

/// What a download takes besides.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what is read")]
pub(crate) struct DownloadParameters {
    /// These columns, with commas between them, in this order; `score` and `highlight` follow them. Without
    /// it: all but `raw_json`.
    #[param(style = Form, explode = false, value_type = Option<ColumnList>, inline)]
    columns: Option<String>,
}

/// A search as lines of JSON
///
/// One object on each line, in the order of the search.
#[utoipa::path(
    get,
    path = "/v1/search.ndjson",
    tag = "search",
    operation_id = "downloadSearchNdjson",
    params(SearchParameters, DownloadParameters),
    responses(
        (status = 200, description = "The rows.", body = String, content_type = "application/x-ndjson"),
        (status = 404, description = "`SEARCH_INDEX` is off.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 422, description = "More messages were found than a download has room for.", body = ProblemBody<'static>, content_type = "application/problem+json"),
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

/// A search as CSV
///
/// With a line of names, in the order of the search. A text that a spreadsheet would run as a formula has a
/// `'` before it.
#[utoipa::path(
    get,
    path = "/v1/search.csv",
    tag = "search",
    operation_id = "downloadSearchCsv",
    params(SearchParameters, DownloadParameters, CsvQuery),
    responses(
        (status = 200, description = "The rows.", body = String, content_type = "text/csv"),
        (status = 404, description = "`SEARCH_INDEX` is off.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 422, description = "More messages were found than a download has room for.", body = ProblemBody<'static>, content_type = "application/problem+json"),
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

/// A search as an Arrow stream
///
/// In the order of the search. Each column says what it means; the schema says what was asked for.
#[utoipa::path(
    get,
    path = "/v1/search.arrow",
    tag = "search",
    operation_id = "downloadSearchArrow",
    params(SearchParameters, DownloadParameters),
    responses(
        (status = 200, description = "The rows.", body = Vec<u8>, content_type = "application/vnd.apache.arrow.stream"),
        (status = 404, description = "`SEARCH_INDEX` is off.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 422, description = "More messages were found than a download has room for.", body = ProblemBody<'static>, content_type = "application/problem+json"),
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

/// A search as Parquet
///
/// In the order of the search. The file's metadata says what was asked for.
#[utoipa::path(
    get,
    path = "/v1/search.parquet",
    tag = "search",
    operation_id = "downloadSearchParquet",
    params(SearchParameters, DownloadParameters, ParquetQuery),
    responses(
        (status = 200, description = "The rows.", body = Vec<u8>, content_type = "application/vnd.apache.parquet"),
        (status = 404, description = "`SEARCH_INDEX` is off.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 422, description = "More messages were found than a download has room for.", body = ProblemBody<'static>, content_type = "application/problem+json"),
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

/// Answers a download.
pub(super) async fn download(
    api: &Api,
    format: Format,
    caller: &Caller,
    raw: Option<&str>,
) -> Result<Response, Problem> {
    let mut given = Parameters::parse(raw);
    let query = SearchQuery::read(&mut given, Utc::now());
    let columns = given.take("columns", columns).unwrap_or_else(Column::usual);
    let options = options(Some(format), &mut given);
    given.finish()?;

    let index = searchable(api)?;
    let file_name = format!("search.{}", format.extension());
    let mut response = download::begin(format, caller, &file_name)?;
    if caller.method == Method::HEAD {
        return Ok(response);
    }
    let place = download::take_place(api)?;
    let hits = find(api, &index, &query, MOST_HITS).await?;
    if hits.next.is_some() {
        let detail = format!(
            "{} messages were found, and a download of a search has room for {MOST_HITS}. Ask for a shorter \
             time or one channel; /v1/messages.parquet downloads messages of any number.",
            hits.total
        );
        return Err(Problem::new(Code::TooManyHits, detail));
    }
    let found = hits.hits.iter().map(|hit| (hit.channel_id, hit.message_id));
    let rows = api.reader.found_batches(&columns, found.collect()).await?;
    let schema = described(&rows.schema, &query, index.revision);
    let shape = Shape {
        schema: Arc::clone(&schema),
        hits: hits.hits,
        is_scored: query.sort == Sort::Relevance,
        shows_deleted: query.shows_deleted(),
        highlighter: query.clause.as_ref().and_then(Highlighter::new),
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
    download::send(&mut response, rows, form, move |rows| shape.shape(&rows));
    Ok(response)
}

/// The columns asked for, then the two of the search, with what was asked.
fn described(rows: &SchemaRef, query: &SearchQuery, revision: i64) -> SchemaRef {
    let told = |field: Field, meaning: &str| {
        field.with_metadata([(DESCRIPTION.to_owned(), meaning.to_owned())].into())
    };
    let asked = rows.fields().len() - EXTRA_COLUMNS;
    let mut fields: Vec<_> = rows.fields()[..asked].to_vec();
    let score = Field::new("score", DataType::Float64, true);
    let highlight = Field::new("highlight", DataType::Utf8, true);
    fields.push(Arc::new(told(
        score,
        "How well it fits; null where the order is by time.",
    )));
    fields.push(Arc::new(told(
        highlight,
        "The content around the words as HTML, each in <mark>; null where they stand elsewhere.",
    )));
    let asked = json!({"search": query.q, "parameters": query.question}).to_string();
    let metadata = [
        ("guildlake.query".to_owned(), asked),
        ("guildlake.revision".to_owned(), revision.to_string()),
    ];
    Arc::new(Schema::new_with_metadata(fields, metadata.into()))
}

/// Makes rows of a search of rows of the record.
struct Shape {
    schema: SchemaRef,
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
        // Deleted since the index had them: nobody asked for those.
        let shown = if self.shows_deleted {
            BooleanArray::from(vec![true; rows.num_rows()])
        } else {
            not(deleted)?
        };
        Ok(filter_record_batch(&shaped, &shown)?)
    }
}
