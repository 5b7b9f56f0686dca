//! `GET /v1/reports`: the list of reports, and `GET /v1/reports/{name}`: the result of a report in every format,
//! chosen by `Accept` or by an extension of the name. The header of a report's file declares its parameters, which
//! are checked as strictly as those of every other route.

mod description;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use serde::Serialize;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::accept::{APPLICATION_JSON, negotiate};
use super::coverage_summary::CoverageSummary;
use super::download::{COVERAGE, REVISION, note};
use super::formats::{Format, Options, Out};
use super::openapi::Refusals;
use super::private::{keep_private, private_json};
use super::problem::{Code, Problem};
use super::query::Parameters;
use super::report_files::with_files;
use super::{Api, body, download, formats, query};
use crate::parquet_layout::Order;
use crate::report::{BrokenReport, Kind, Library, Parameter, Report, ReportColumn, Value};
use crate::store::{
    MOST_REPORT_ROWS, ReportAnswer, ReportRequest, StoreError, report_schema, time_zones,
};

pub(super) use description::add_reports;

/// How long a client may take to read a result, which stays in memory until then.
const LONGEST: Duration = Duration::from_secs(300);

/// The maximum size of all results that wait for their clients at the same time, in MiB.
pub(super) const MOST_ANSWERS: usize = 256;
const MIB: usize = 1024 * 1024;

/// The installed reports.
#[derive(Serialize, ToSchema)]
pub(super) struct ReportList {
    /// The reports, ordered by name.
    data: Vec<ReportJson>,
    /// Files of `QUERIES_DIR` that can't be used as reports.
    broken: Vec<BrokenReportJson>,
}

/// A report.
#[derive(Serialize, ToSchema)]
#[schema(as = Report)]
pub(super) struct ReportJson {
    /// Name of the report in the path.
    #[schema(example = "activity")]
    name: String,
    /// Title of the report.
    #[schema(example = "Activity")]
    title: String,
    /// What the report counts.
    description: String,
    /// URL of the report, relative to the URL of this list.
    #[schema(example = "reports/activity", format = "uri-reference")]
    href: String,
    /// The parameters of the report.
    parameters: Vec<ParameterJson>,
    /// The columns of the result, in this order.
    columns: Vec<ColumnJson>,
}

/// A parameter of a report.
#[derive(Serialize, ToSchema)]
#[schema(as = ReportParameter)]
struct ParameterJson {
    /// Name of the parameter.
    #[schema(example = "time_zone")]
    name: String,
    /// Type of the value: `id`, `time`, `day`, `integer`, `boolean`, `zone` (an IANA time zone), `text` or
    /// `one of` (see `words`).
    #[serde(rename = "type")]
    #[schema(example = "zone")]
    kind: &'static str,
    /// Whether the parameter must be given.
    required: bool,
    /// The value that is used if the parameter is not given; null if there is none.
    #[schema(required = true, example = "UTC")]
    default: Option<String>,
    /// The smallest and the largest allowed number; null for other types.
    #[schema(required = true)]
    range: Option<[i64; 2]>,
    /// The allowed values of a `one of`; null for other types.
    #[schema(required = true)]
    words: Option<Vec<String>>,
    /// Meaning of the parameter.
    description: String,
}

/// A column of a report's result.
#[derive(Serialize, ToSchema)]
#[schema(as = ReportColumn)]
struct ColumnJson {
    /// Name of the column.
    #[schema(example = "messages")]
    name: String,
    /// Type of the values: `id`, `integer`, `number`, `boolean`, `text`, `day`, `time` (RFC 3339 in UTC) or
    /// `timestamp` (local time in the requested time zone, without an offset).
    #[serde(rename = "type")]
    #[schema(example = "integer")]
    kind: &'static str,
    /// Meaning of the column.
    description: String,
}

/// A file that can't be used as a report.
#[derive(Serialize, ToSchema)]
#[schema(as = BrokenReport)]
struct BrokenReportJson {
    /// Name of the file in `QUERIES_DIR`.
    #[schema(example = "mine.sql")]
    file: String,
    /// Why the file can't be used.
    #[schema(example = "line 3: the header has no `-- title`")]
    reason: String,
}

/// List the reports
///
/// Each report is an SQL file with a header. A report in `QUERIES_DIR` appears here and in this API
/// description as soon as its file exists.
#[utoipa::path(
    get,
    path = "/v1/reports",
    tag = "reports",
    operation_id = "listReports",
    responses(
        (status = 200, description = "The installed reports.", body = ReportList, headers(
            ("cache-control" = String, description = "`private, no-cache`"),
            ("vary" = String, description = "The request headers that the response depends on."),
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
    let (reports, broken) = with_files(&api.library, Library::list).await?;
    let list = ReportList {
        data: reports.into_iter().map(report_json).collect(),
        broken: broken.into_iter().map(broken_json).collect(),
    };
    Ok(private_json(list))
}

/// Runs a report. Its header describes it in the OpenAPI document: [`add_reports`].
pub(super) async fn get(
    State(api): State<Arc<Api>>,
    Path(file): Path<String>,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    let (name, format) = named(&file, &headers)?;
    let wanted = name.to_owned();
    let report = with_files(&api.library, move |library| library.find(&wanted)).await?;
    let report = report.map_err(|broken| {
        let BrokenReport { file, reason } = broken;
        Problem::new(Code::ReportBroken, format!("{file}: {reason}"))
    })?;
    let Some(report) = report else {
        return Err(Problem::new(
            Code::ReportNotFound,
            "No report has this name. /v1/reports lists the reports.",
        ));
    };
    let mut given = Parameters::parse(raw.as_deref());
    let parameters = parameters(&report, &mut given, zones().await?)?;
    let options = download::options(format, &mut given);
    given.finish()?;

    let schema = report_schema(&report.columns);
    let request = ReportRequest {
        sql: report.sql.clone(),
        schema: Arc::clone(&schema),
        parameters: parameters.clone(),
        reads_history: report.reads_history,
    };
    let answer = api.reader.report(request).await;
    let answer = answer.map_err(|error| refused(&report.name, error))?;
    let room = room(&api, &answer)?;
    respond(&report, &parameters, answer, &schema, format, options, room)
}

/// Reserves memory for a result until its client has read it, so that slow clients can't use all of it.
fn room(api: &Api, answer: &ReportAnswer) -> Result<OwnedSemaphorePermit, Problem> {
    let batches = answer.batches.iter();
    let bytes: usize = batches.map(RecordBatch::get_array_memory_size).sum();
    // Rounded up, because even an empty result occupies a thread.
    let size = (bytes / MIB + 1).min(MOST_ANSWERS);
    let size = u32::try_from(size).unwrap_or(u32::MAX);
    let room = Arc::clone(&api.answers).try_acquire_many_owned(size);
    room.map_err(|_| {
        Problem::new(
            Code::Busy,
            format!(
                "Results of {MOST_ANSWERS} MiB wait for their clients, which is the maximum. Try again later."
            ),
        )
        .for_longer()
    })
}

/// The report's name and the requested format; none for JSON.
fn named<'a>(file: &'a str, headers: &HeaderMap) -> Result<(&'a str, Option<Format>), Problem> {
    let Some((name, extension)) = file.split_once('.') else {
        return Ok((file, Format::negotiated(headers)?));
    };
    if extension == "json" {
        return Ok((name, None));
    }
    let format = Format::ALL
        .into_iter()
        .find(|it| it.extension() == extension);
    let format = format.ok_or_else(|| {
        let known = Format::ALL.map(Format::extension).join(", .");
        let detail = format!(
            "The extension .{extension} is unknown; a report has the extensions .json, .{known}."
        );
        Problem::new(Code::RouteNotFound, detail)
    })?;
    Ok((name, Some(format)))
}

/// The names of the time zones. The first call queries DuckDB.
async fn zones() -> Result<&'static [String], Problem> {
    let zones = tokio::task::spawn_blocking(time_zones).await;
    Ok(zones.map_err(|error| Problem::internal(error.to_string()))??)
}

/// Reads the report's parameters from the query string.
fn parameters(
    report: &Report,
    given: &mut Parameters,
    zones: &[String],
) -> Result<Vec<(String, Value)>, Problem> {
    let mut values = Vec::new();
    for parameter in &report.parameters {
        let read = |text: &str| match &parameter.kind {
            Kind::Id => query::id(text).map(Value::Integer),
            Kind::Time => query::time(text).map(Value::Time),
            Kind::Zone if !zones.iter().any(|zone| zone == text) => {
                Err("must be an IANA time zone, such as Europe/Paris".into())
            }
            kind => kind.read(text),
        };
        let value = if parameter.is_required {
            given.require(&parameter.name, read)
        } else {
            given.take(&parameter.name, read)
        };
        values.extend(value.map(|value| (parameter.name.clone(), value)));
    }
    let time = |name: &str| match values.iter().find(|(found, _)| found == name) {
        Some((_, Value::Time(time))) => Some(*time),
        _ => None,
    };
    if let (Some(from), Some(to)) = (time("from"), time("to"))
        && from > to
    {
        given.reject("from", "must not be later than to");
    }
    Ok(values)
}

/// The error for a report without a result. Errors of its SQL are shown to the caller, who may be its author.
fn refused(name: &str, error: StoreError) -> Problem {
    match error {
        StoreError::TooLarge { .. } => Problem::new(
            Code::AnswerTooLarge,
            format!(
                "The result would have more than {MOST_REPORT_ROWS} rows. Request a shorter time, one channel or longer \
                 periods; /v1/messages.parquet downloads any number of messages."
            ),
        ),
        // A transient error of DuckDB is not a fault of the report.
        error if error.is_passing() => error.into(),
        error @ (StoreError::NoReport(_) | StoreError::Sql(_) | StoreError::Columns(_)) => {
            Problem::new(Code::ReportBroken, format!("{name}.sql: {error}"))
        }
        other => other.into(),
    }
}

fn respond(
    report: &Report,
    parameters: &[(String, Value)],
    answer: ReportAnswer,
    schema: &SchemaRef,
    format: Option<Format>,
    options: Options,
    room: OwnedSemaphorePermit,
) -> Result<Response, Problem> {
    let internal = |error: serde_json::Error| Problem::internal(error.to_string());
    let coverage = CoverageSummary::from(&answer.coverage);
    let coverage = serde_json::to_string(&coverage).map_err(internal)?;
    let asked: HashMap<_, _> = parameters
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_string()))
        .collect();
    let schema = Arc::new(Schema::new_with_metadata(
        schema.fields().clone(),
        HashMap::from([
            (
                "guildlake.query".to_owned(),
                json!({"report": report.name, "parameters": asked}).to_string(),
            ),
            ("guildlake.coverage".to_owned(), coverage.clone()),
            ("guildlake.revision".to_owned(), answer.revision.to_string()),
        ]),
    ));
    let head = format!(
        r#"{{"report":"{}","as_of_revision":{},"coverage":{coverage},"data":["#,
        report.name, answer.revision
    );
    let (pieces, body) = body::channel((), Some(Instant::now() + LONGEST));
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let content_type = format.map_or("application/json", Format::content_type);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    keep_private(headers);
    note(headers, COVERAGE, &coverage);
    note(headers, REVISION, &answer.revision.to_string());
    if let Some(format) = format {
        let file = format!(
            "attachment; filename=\"{}.{}\"",
            report.name,
            format.extension()
        );
        note(headers, CONTENT_DISPOSITION, &file);
    }
    let span = tracing::Span::current();
    let encode = move || {
        let _room = room;
        let out = Out::new(pieces.clone());
        let encoder = match format {
            Some(format) => format.encoder(&schema, Order::Own, options, out),
            None => formats::json_page(&schema, &head, out),
        };
        let written = encoder.and_then(|mut encoder| {
            for rows in answer.batches {
                encoder.write(&rows.with_schema(Arc::clone(&schema))?)?;
            }
            encoder.finish()
        });
        if let Err(broken) = written
            && !pieces.is_closed()
        {
            tracing::error!(cause = %broken, "the response to a report was aborted");
        }
    };
    tokio::task::spawn_blocking(move || span.in_scope(encode));
    Ok(response)
}

fn report_json(report: Report) -> ReportJson {
    ReportJson {
        href: format!("reports/{}", report.name),
        name: report.name,
        title: report.title,
        description: report.description,
        parameters: report.parameters.into_iter().map(parameter_json).collect(),
        columns: report.columns.into_iter().map(column_json).collect(),
    }
}

fn parameter_json(parameter: Parameter) -> ParameterJson {
    let (kind, range, words) = match parameter.kind {
        Kind::Id => ("id", None, None),
        Kind::Time => ("time", None, None),
        Kind::Day => ("day", None, None),
        Kind::Integer(low, high) => ("integer", Some([low, high]), None),
        Kind::Boolean => ("boolean", None, None),
        Kind::Zone => ("zone", None, None),
        Kind::Text => ("text", None, None),
        Kind::OneOf(words) => ("one of", None, Some(words)),
    };
    ParameterJson {
        name: parameter.name,
        kind,
        required: parameter.is_required,
        default: parameter.default.map(|value| value.to_string()),
        range,
        words,
        description: parameter.description,
    }
}

fn column_json(column: ReportColumn) -> ColumnJson {
    ColumnJson {
        name: column.name,
        kind: column.kind.as_str(),
        description: column.description,
    }
}

fn broken_json(broken: BrokenReport) -> BrokenReportJson {
    BrokenReportJson {
        file: broken.file,
        reason: broken.reason,
    }
}
