//! `GET /v1/reports/{name}`: the result of a report in every format, chosen by `Accept` or by an extension of the name.
//! The header of a report's file declares its parameters, which are checked as strictly as those of every other route.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::files::{offered, with_files};
use crate::api::answer::body;
use crate::api::answer::coverage::CoverageJson;
use crate::api::answer::formats::{self, Format, Options, Out};
use crate::api::answer::private::keep_private;
use crate::api::answer::stream::{COVERAGE, REVISION, set_header};
use crate::api::http::audited::Audited;
use crate::api::http::extract::{InPath, PathParameter};
use crate::api::http::parameters::Parameters;
use crate::api::http::permit::Permit;
use crate::api::http::problem::{Code, Problem};
use crate::api::http::values::{read_id, read_time};
use crate::api::routes::state::{Api, MAX_RESULTS_MIB};
use crate::keys::Scope;
use crate::parquet_layout::Order;
use crate::report::{BrokenReport, Kind, Report, Value};
use crate::store::{
    MAX_REPORT_ROWS, ReportAnswer, ReportRequest, StoreError, report_schema, time_zones,
};

/// How long a client may take to read a result, which stays in memory until then.
const MAX_DURATION: Duration = Duration::from_secs(300);

const MIB: usize = 1024 * 1024;

/// Runs a report. Its header describes it in the OpenAPI document: [`add_reports`](super::description::add_reports).
pub(crate) async fn get(
    State(api): State<Arc<Api>>,
    permit: Permit,
    InPath(ReportFile(file)): InPath<ReportFile>,
    headers: HeaderMap,
    mut given: Parameters,
) -> Result<Response, Problem> {
    let (name, format) = named(&file, &headers)?;
    let wanted = name.to_owned();
    let library = offered(&api, &permit);
    let report = with_files(library, move |library| library.find(&wanted)).await?;
    let report = report.map_err(|broken| {
        let BrokenReport { file, reason } = broken;
        Problem::new(Code::ReportBroken, format!("{file}: {reason}"))
    })?;
    let report = report.ok_or_else(not_found)?;
    if report.needs_content {
        permit.require(Scope::Content)?;
    }
    let sight = api.sight(&permit).await?;
    let parameters = parameters(&report, &mut given, zones().await?)?;
    let options = Options::read(format, &mut given);
    given.finish()?;

    let schema = report_schema(&report.columns);
    let request = ReportRequest {
        sql: report.sql.clone(),
        schema: Arc::clone(&schema),
        parameters: parameters.clone(),
        unit: unit(&report, &parameters),
        reach: sight.reach,
        names: !sight.hidden.names,
        reads_history: report.reads_history,
    };
    let answer = api.reader.report(request).await;
    let answer = answer.map_err(|error| refused(&report.name, error))?;
    let room = room(&api, &answer)?;
    let rows = answer.batches.iter().map(RecordBatch::num_rows).sum();
    let mut response = respond(&report, &parameters, answer, &schema, format, options, room)?;
    Audited::rows(&mut response, rows);
    Ok(response)
}

/// The name of a report in the path, with or without the extension of a format.
pub(crate) struct ReportFile(String);

impl PathParameter for ReportFile {
    fn read(segments: Option<&str>) -> Result<Self, Problem> {
        let file = segments.ok_or_else(not_found)?;
        Ok(Self(file.to_owned()))
    }
}

fn not_found() -> Problem {
    let detail = "No report has this name. /v1/reports lists the reports.";
    Problem::new(Code::ReportNotFound, detail)
}

/// Reserves memory for a result until its client has read it, so that slow clients can't use all of it.
fn room(api: &Api, answer: &ReportAnswer) -> Result<OwnedSemaphorePermit, Problem> {
    let batches = answer.batches.iter();
    let bytes: usize = batches.map(RecordBatch::get_array_memory_size).sum();
    // Rounded up, because even an empty result occupies a thread.
    let size = (bytes / MIB + 1).min(MAX_RESULTS_MIB);
    let size = u32::try_from(size).unwrap_or(u32::MAX);
    let room = Arc::clone(&api.results).try_acquire_many_owned(size);
    room.map_err(|_| {
        Problem::new(
            Code::Busy,
            format!(
                "Results of {MAX_RESULTS_MIB} MiB wait for their clients, which is the maximum. Try again later."
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
pub(crate) fn parameters(
    report: &Report,
    given: &mut Parameters,
    zones: &[String],
) -> Result<Vec<(String, Value)>, Problem> {
    let mut values = Vec::new();
    for parameter in &report.parameters {
        let read = |text: &str| match &parameter.kind {
            Kind::Id => read_id(text).map(Value::Integer),
            Kind::Time => read_time(text).map(Value::Time),
            Kind::Zone if !zones.iter().any(|zone| zone == text) => {
                Err("must be an IANA time zone, such as Europe/Paris".into())
            }
            kind => kind.read(text),
        };
        let value = if parameter.is_required {
            given.required(&parameter.name, read)
        } else {
            given.optional(&parameter.name, read)
        };
        values.extend(value.map(|value| (parameter.name.clone(), value)));
    }
    let time = |name: &str| match values.iter().find(|(found, _)| found == name) {
        Some((_, Value::Time(time))) => Some(*time),
        _ => None,
    };
    given.in_order(("from", &time("from")), ("to", &time("to")));
    Ok(values)
}

/// The length of the periods: as it was given, or the report's default.
fn unit(report: &Report, parameters: &[(String, Value)]) -> Option<String> {
    let given = parameters.iter().find(|(name, _)| name == "unit");
    let known = report.parameters.iter().find(|known| known.name == "unit");
    let value = given
        .map(|(_, value)| value)
        .or_else(|| known?.default.as_ref());
    value.map(Value::to_string)
}

/// The error for a report without a result. Errors of its SQL are shown to the caller, who may be its author.
fn refused(name: &str, error: StoreError) -> Problem {
    match error {
        StoreError::TooLarge { .. } => Problem::new(
            Code::AnswerTooLarge,
            format!(
                "The result would have more than {MAX_REPORT_ROWS} rows. Request a shorter time, one channel or longer \
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
    let coverage = CoverageJson::from(answer.coverage);
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
    let (pieces, body) = body::channel((), Some(Instant::now() + MAX_DURATION));
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let content_type = format.map_or("application/json", Format::content_type);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    keep_private(headers);
    set_header(headers, COVERAGE, &coverage);
    set_header(headers, REVISION, &answer.revision.to_string());
    if let Some(format) = format {
        let file = format!(
            "attachment; filename=\"{}.{}\"",
            report.name,
            format.extension()
        );
        set_header(headers, CONTENT_DISPOSITION, &file);
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
