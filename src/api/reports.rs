//! `GET /v1/reports`: the reports that there are, and `GET /v1/reports/{name}`: the answer of one, in
//! every form, by `Accept` or by the extension behind the name. A report's header says which
//! parameters it takes; they are as strict as those of every other route.

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

/// How long a caller may take to read an answer: it is in memory until then.
const LONGEST: Duration = Duration::from_secs(300);

/// So many MiB of answers are on their way to their callers at once, at most.
pub(super) const MOST_ANSWERS: usize = 256;
const MIB: usize = 1024 * 1024;

/// The reports that there are.
#[derive(Serialize, ToSchema)]
pub(super) struct ReportList {
    /// By name.
    data: Vec<ReportJson>,
    /// Files of `QUERIES_DIR` that are no reports.
    broken: Vec<BrokenReportJson>,
}

/// A report.
#[derive(Serialize, ToSchema)]
#[schema(as = Report)]
pub(super) struct ReportJson {
    /// Its name in the path.
    #[schema(example = "activity")]
    name: String,
    /// In a line.
    #[schema(example = "Activity")]
    title: String,
    /// What it tells.
    description: String,
    /// Where it is, relative to this answer.
    #[schema(example = "reports/activity", format = "uri-reference")]
    href: String,
    /// What it is asked.
    parameters: Vec<ParameterJson>,
    /// What it answers, in this order.
    columns: Vec<ColumnJson>,
}

/// A parameter of a report.
#[derive(Serialize, ToSchema)]
#[schema(as = ReportParameter)]
struct ParameterJson {
    /// Its name.
    #[schema(example = "time_zone")]
    name: String,
    /// `id`, `time`, `day`, `integer`, `boolean`, `zone`, `text` or `one of`.
    #[serde(rename = "type")]
    #[schema(example = "zone")]
    kind: &'static str,
    /// Whether it must be given.
    required: bool,
    /// What it is if it is not given; null if it then is nothing.
    #[schema(required = true, example = "UTC")]
    default: Option<String>,
    /// The least and the greatest number; null of what is no number.
    #[schema(required = true)]
    range: Option<[i64; 2]>,
    /// The words that it can be; null if there are not only these.
    #[schema(required = true)]
    words: Option<Vec<String>>,
    /// What it means.
    description: String,
}

/// A column of a report's answer.
#[derive(Serialize, ToSchema)]
#[schema(as = ReportColumn)]
struct ColumnJson {
    /// Its name.
    #[schema(example = "messages")]
    name: String,
    /// `id`, `integer`, `number`, `boolean`, `text`, `day`, `time`, or `timestamp`: what a clock in the
    /// time zone asked for showed.
    #[serde(rename = "type")]
    #[schema(example = "integer")]
    kind: &'static str,
    /// What it means.
    description: String,
}

/// A file that is no report.
#[derive(Serialize, ToSchema)]
#[schema(as = BrokenReport)]
struct BrokenReportJson {
    /// Its name in `QUERIES_DIR`.
    #[schema(example = "mine.sql")]
    file: String,
    /// Why.
    #[schema(example = "line 3: the header has no `-- title`")]
    reason: String,
}

/// The reports
///
/// Each is one SQL file with a header. Those of `QUERIES_DIR` are here as soon as they are there, and
/// in this description too.
#[utoipa::path(
    get,
    path = "/v1/reports",
    tag = "reports",
    operation_id = "listReports",
    responses(
        (status = 200, description = "What there is.", body = ReportList, headers(
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
    let (reports, broken) = with_files(&api.library, Library::list).await?;
    let list = ReportList {
        data: reports.into_iter().map(report_json).collect(),
        broken: broken.into_iter().map(broken_json).collect(),
    };
    Ok(private_json(list))
}

/// The answer of a report. Each report is described by its header: [`add_reports`].
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
            "There is no report of this name. /v1/reports lists them.",
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

/// Room for an answer until its caller has it: slow callers may hold so much and not more.
fn room(api: &Api, answer: &ReportAnswer) -> Result<OwnedSemaphorePermit, Problem> {
    let batches = answer.batches.iter();
    let bytes: usize = batches.map(RecordBatch::get_array_memory_size).sum();
    // Rounded up: an answer holds a thread, too.
    let size = (bytes / MIB + 1).min(MOST_ANSWERS);
    let size = u32::try_from(size).unwrap_or(u32::MAX);
    let room = Arc::clone(&api.answers).try_acquire_many_owned(size);
    room.map_err(|_| {
        Problem::new(
            Code::Busy,
            format!("{MOST_ANSWERS} MiB of reports wait for their callers, and there is no room for more."),
        )
        .for_longer()
    })
}

/// A report's name and the form asked for; none for a page of JSON.
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
        let detail = format!("There is no form .{extension}; there are .json, .{known}.");
        Problem::new(Code::RouteNotFound, detail)
    })?;
    Ok((name, Some(format)))
}

/// The names of the time zones. The first look asks DuckDB.
async fn zones() -> Result<&'static [String], Problem> {
    let zones = tokio::task::spawn_blocking(time_zones).await;
    Ok(zones.map_err(|error| Problem::internal(error.to_string()))??)
}

/// Takes the report's parameters out of those given.
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
                Err("is a time zone of the IANA's list, such as Europe/Paris".into())
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
        given.reject("from", "is after to");
    }
    Ok(values)
}

/// Why a report has no answer. What its own SQL did wrong is for whoever wrote it.
fn refused(name: &str, error: StoreError) -> Problem {
    match error {
        StoreError::TooLarge { .. } => Problem::new(
            Code::AnswerTooLarge,
            format!(
                "The answer would have more than {MOST_REPORT_ROWS} rows. Ask for a shorter time, one channel, or wider rows; \
                 /v1/messages.parquet downloads messages of any number."
            ),
        ),
        // DuckDB's error too, but not the report's fault.
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
            tracing::error!(cause = %broken, "a report was broken off");
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
