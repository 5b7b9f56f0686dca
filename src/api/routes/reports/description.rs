//! Describes each report as a path in the OpenAPI document, from the header of its file.

use serde_json::Value as Json;
use utoipa::openapi::content::Content;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, Object, ObjectBuilder, Ref, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{
    Components, HttpMethod, OpenApi as Document, PathItem, RefOr, Required, Response,
    ResponseBuilder, ResponsesBuilder, Schema,
};

use crate::api::answer::formats::Format;
use crate::api::answer::stream::{COVERAGE, REVISION};
use crate::api::http::refusals::{Refusals, refusal};
use crate::report::{ColumnKind, Kind, Library, Parameter, Report, ReportColumn, Value};
use crate::store::{StoreError, time_zones};

/// The schema that lists the time zones.
const TIME_ZONE: &str = "TimeZone";

/// Adds the installed reports to the description.
pub(crate) fn add_reports(document: &mut Document, library: &Library) -> Result<(), StoreError> {
    let zones = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("A time zone from the IANA time zone database."))
        .enum_values(Some(time_zones()?.iter().map(String::as_str)));
    let components = document.components.get_or_insert_with(Components::new);
    let zones: Schema = zones.into();
    components
        .schemas
        .insert(TIME_ZONE.to_owned(), zones.into());
    let (reports, _) = library.list();
    for report in reports {
        let path = format!("/v1/reports/{}", report.name);
        document.paths.paths.insert(path, path_of(&report));
    }
    Ok(())
}

fn path_of(report: &Report) -> PathItem {
    let forms: Vec<_> = Format::ALL.map(Format::extension).into();
    let description = format!(
        "{}\n\nThe format is chosen with `Accept` or with an extension of the path, such as \
         `/v1/reports/{}.csv` (.json, .{}). As in the downloads, CSV also takes `raw` and `bom`, and Parquet \
         takes `compression`.",
        report.description,
        report.name,
        forms.join(", .")
    );
    let responses = ResponsesBuilder::new()
        .responses_from_into_responses::<Refusals>()
        .response("200", answer(report))
        .response("404", refusal("The report's file does not exist any more."))
        .response(
            "422",
            refusal(
                "The result would have too many rows: request a shorter time or fewer channels.",
            ),
        );
    let operation = OperationBuilder::new()
        .tag("reports")
        .operation_id(Some(format!("report_{}", report.name)))
        .summary(Some(&report.title))
        .description(Some(description))
        .parameters(Some(report.parameters.iter().map(parameter)))
        .responses(responses.build());
    PathItem::new(HttpMethod::Get, operation)
}

fn answer(report: &Report) -> Response {
    let page = ObjectBuilder::new()
        .property("report", ObjectBuilder::new().schema_type(Type::String))
        .property(
            "as_of_revision",
            ObjectBuilder::new().schema_type(Type::Integer),
        )
        .property("coverage", Ref::from_schema_name("Coverage"))
        .property("data", ArrayBuilder::new().items(row(&report.columns)))
        .required("report")
        .required("as_of_revision")
        .required("coverage")
        .required("data");
    let text = |description: &str| {
        HeaderBuilder::new()
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            .description(Some(description))
            .build()
    };
    let mut answer = ResponseBuilder::new()
        .description("The result of the report.")
        .content(
            "application/json",
            Content::new(Some(Schema::from(page.build()))),
        )
        .header(
            COVERAGE.as_str(),
            text("Coverage of the messages that were counted: the `coverage` of the JSON."),
        )
        .header(
            REVISION.as_str(),
            text("Revision of the database that was read: the `as_of_revision` of the JSON."),
        )
        .header("cache-control", text("`private, no-cache`"))
        .header(
            "vary",
            text("The request headers that the response depends on."),
        );
    for format in Format::ALL {
        let body = ObjectBuilder::new().schema_type(Type::String);
        let name = format.media_type().to_string();
        answer = answer.content(name, Content::new(Some(Schema::from(body.build()))));
    }
    answer.build()
}

/// A row as a JSON object.
fn row(columns: &[ReportColumn]) -> Object {
    let mut row = ObjectBuilder::new();
    for column in columns {
        let (kind, format, pattern) = match column.kind {
            ColumnKind::Id => (Type::String, None, Some(r"^[0-9]+$")),
            ColumnKind::Integer => (Type::Integer, Some(KnownFormat::Int64), None),
            ColumnKind::Number => (Type::Number, Some(KnownFormat::Double), None),
            ColumnKind::Boolean => (Type::Boolean, None, None),
            ColumnKind::Text => (Type::String, None, None),
            ColumnKind::Day => (Type::String, Some(KnownFormat::Date), None),
            ColumnKind::Time => (Type::String, Some(KnownFormat::DateTime), None),
            ColumnKind::Timestamp => (
                Type::String,
                None,
                Some(r"^\d{4,}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?$"),
            ),
        };
        let value = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([kind, Type::Null]))
            .format(format.map(SchemaFormat::KnownFormat))
            .pattern(pattern)
            .description(Some(&column.description));
        row = row.property(&column.name, value).required(&column.name);
    }
    row.build()
}

fn parameter(parameter: &Parameter) -> ParameterBuilder {
    let required = match parameter.is_required {
        true => Required::True,
        false => Required::False,
    };
    ParameterBuilder::new()
        .name(&parameter.name)
        .parameter_in(ParameterIn::Query)
        .required(required)
        .description(Some(&parameter.description))
        .schema(Some(schema_of(parameter)))
}

fn schema_of(parameter: &Parameter) -> RefOr<Schema> {
    let default = parameter.default.as_ref().map(|value| match value {
        Value::Integer(number) => Json::from(*number),
        Value::Boolean(yes) => Json::from(*yes),
        other => Json::from(other.to_string()),
    });
    let text = ObjectBuilder::new().schema_type(Type::String);
    let schema = match &parameter.kind {
        Kind::Id => return Ref::from_schema_name("Snowflake").into(),
        Kind::Time => return Ref::from_schema_name("Time").into(),
        Kind::Zone => return Ref::from_schema_name(TIME_ZONE).into(),
        Kind::Day => text.format(Some(SchemaFormat::KnownFormat(KnownFormat::Date))),
        Kind::Integer(low, high) => ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(*low))
            .maximum(Some(*high)),
        Kind::Boolean => ObjectBuilder::new().schema_type(Type::Boolean),
        Kind::Text => text.min_length(Some(1)).pattern(Some(r"^[^\u0000]+$")),
        Kind::OneOf(words) => text.enum_values(Some(words.clone())),
    };
    Schema::from(schema.default(default).build()).into()
}
