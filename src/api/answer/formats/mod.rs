//! The download formats.

mod arrow_stream;
mod csv;
mod encoder;
mod ndjson;
mod parquet_file;

use arrow::datatypes::SchemaRef;
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use mediatype::MediaType;
use utoipa::openapi::path::Parameter;
use utoipa::openapi::{Content, ResponseBuilder};
use utoipa::{IntoParams, PartialSchema};

pub(crate) use self::encoder::{Broken, Encoder, Out};

use self::csv::CsvOptions;
use self::parquet_file::ParquetOptions;
use crate::api::http::accept::{APPLICATION_JSON, negotiate};
use crate::api::http::parameters::{Parameters, QueryParameters};
use crate::api::http::problem::Problem;
use crate::parquet_layout::Order;

/// A download format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Ndjson,
    Csv,
    Arrow,
    Parquet,
}

impl Format {
    pub(crate) const ALL: [Self; 4] = [Self::Ndjson, Self::Csv, Self::Arrow, Self::Parquet];

    /// The file extension without the dot.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Arrow => "arrow",
            Self::Parquet => "parquet",
        }
    }

    /// The name of the format, with an article where it needs one.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Ndjson => "NDJSON",
            Self::Csv => "CSV",
            Self::Arrow => "an Arrow stream",
            Self::Parquet => "Parquet",
        }
    }

    /// The OpenAPI description of a response in this format.
    pub(crate) fn response(self, description: &str) -> ResponseBuilder {
        let body = match self {
            Self::Ndjson | Self::Csv => String::schema(),
            Self::Arrow | Self::Parquet => Vec::<u8>::schema(),
        };
        ResponseBuilder::new()
            .description(description)
            .content(self.media_type().to_string(), Content::new(Some(body)))
    }

    pub(crate) fn media_type(self) -> MediaType<'static> {
        let text = self.content_type();
        MediaType::parse(text.split(';').next().unwrap_or(text))
            .expect("the types of our own formats are valid")
    }

    /// The format that `Accept` selects; none for a page of JSON.
    pub(crate) fn negotiated(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut available = vec![APPLICATION_JSON];
        available.extend(Self::ALL.map(Self::media_type));
        let chosen = negotiate(headers, &available)?;
        Ok(Self::ALL.into_iter().find(|it| it.media_type() == chosen))
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Arrow => "application/vnd.apache.arrow.stream",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// The encoder for rows of this schema in this order. The metadata of the schema goes into the file if the
    /// format supports it.
    pub(crate) fn encoder(
        self,
        schema: &SchemaRef,
        order: Order,
        options: Options,
        out: Out,
    ) -> Result<Box<dyn Encoder>, Broken> {
        Ok(match self {
            Self::Ndjson => Box::new(ndjson::Lines::new(schema, out)),
            Self::Csv => Box::new(csv::Table::new(schema, options.csv, out)?),
            Self::Arrow => Box::new(arrow_stream::Stream::new(schema, out)?),
            Self::Parquet => {
                let compression = options.parquet.compression();
                Box::new(parquet_file::File::new(schema, compression, order, out)?)
            }
        })
    }
}

/// The encoder for JSON: `head`, which ends where the list of rows begins, the rows, and the end of both.
pub(crate) fn json_page(
    schema: &SchemaRef,
    head: &str,
    out: Out,
) -> Result<Box<dyn Encoder>, Broken> {
    Ok(Box::new(ndjson::Lines::in_page(schema, head, out)?))
}

/// The parameters that only one format has.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options {
    csv: CsvOptions,
    parquet: ParquetOptions,
}

impl Options {
    /// Reads the parameters of this format.
    pub(crate) fn read(format: Option<Format>, given: &mut Parameters) -> Self {
        let mut options = Self::default();
        match format {
            Some(Format::Csv) => options.csv = CsvOptions::read(given).unwrap_or_default(),
            Some(Format::Parquet) => {
                options.parquet = ParquetOptions::read(given).unwrap_or_default();
            }
            Some(Format::Ndjson | Format::Arrow) | None => {}
        }
        options
    }

    /// The OpenAPI description of the parameters of this format.
    pub(crate) fn describe(format: Format) -> Vec<Parameter> {
        match format {
            Format::Csv => CsvOptions::into_params(|| None),
            Format::Parquet => ParquetOptions::into_params(|| None),
            Format::Ndjson | Format::Arrow => Vec::new(),
        }
    }
}

/// The format that `Accept` selects; none for a page of JSON.
pub(crate) struct Accepted(pub(crate) Option<Format>);

impl<S: Sync> FromRequestParts<S> for Accepted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Format::negotiated(&parts.headers).map(Self)
    }
}
