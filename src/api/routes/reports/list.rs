//! `GET /v1/reports`: the list of reports.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::files::{offered, with_files};
use crate::api::answer::private::private_json;
use crate::api::http::accept::AcceptsJson;
use crate::api::http::extract::NoQuery;
use crate::api::http::permit::Permit;
use crate::api::http::problem::Problem;
use crate::api::http::refusals::Refusals;
use crate::api::routes::state::Api;
use crate::keys::Scope;
use crate::report::{BrokenReport, Kind, Library, Parameter, Report, ReportColumn};

/// The installed reports.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportList {
    /// The reports, ordered by name.
    data: Vec<ReportJson>,
    /// Files of `QUERIES_DIR` that can't be used as reports.
    broken: Vec<BrokenReportJson>,
}

/// A report.
#[derive(Serialize, ToSchema)]
#[schema(as = Report)]
pub(crate) struct ReportJson {
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
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    permit: Permit,
    _: AcceptsJson,
    _: NoQuery,
) -> Result<Response, Problem> {
    let (mut reports, broken) = with_files(offered(&api, &permit), Library::list).await?;
    let has_content = permit.grant.has(Scope::Content);
    reports.retain(|report| has_content || !report.needs_content);
    let list = ReportList {
        data: reports.into_iter().map(report_json).collect(),
        broken: broken.into_iter().map(broken_json).collect(),
    };
    Ok(private_json(list))
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
