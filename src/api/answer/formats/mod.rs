//! The download formats: an encoder takes the rows batch by batch, and its output is sent as it is written.

mod arrow_stream;
mod csv;
mod ndjson;
mod parquet_file;

use std::io::{self, Write};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use axum::body::Bytes;
use axum::http::HeaderMap;
use mediatype::MediaType;
use parquet::errors::ParquetError;
use tokio::sync::mpsc;
use utoipa::{IntoParams, ToSchema};

use crate::api::answer::body::{PIECE, Piece};
use crate::api::http::accept::{APPLICATION_JSON, negotiate};
use crate::api::http::parameters::{self, Parameters};
use crate::api::http::problem::Problem;
use crate::parquet_layout::{Compression, Order};
use crate::store::StoreError;

/// Why a download was aborted. The cause goes to the log; the client only sees that the response is incomplete.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("the database failed: {0}")]
    Store(#[from] StoreError),
    #[error("Arrow failed: {0}")]
    Columns(#[from] ArrowError),
    #[error("Parquet failed: {0}")]
    Parquet(#[from] ParquetError),
    #[error("JSON failed: {0}")]
    Json(#[from] serde_json::Error),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the query ended after {sent} of {expected} rows")]
    Incomplete { expected: i64, sent: i64 },
}

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
            Self::Csv => Box::new(csv::Table::new(schema, options, out)?),
            Self::Arrow => Box::new(arrow_stream::Stream::new(schema, out)?),
            Self::Parquet => {
                let compression = options.compression;
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

/// The options of a format.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options {
    /// CSV: formulas are not escaped.
    pub(crate) raw: bool,
    /// CSV: the file begins with a byte order mark, for Excel.
    pub(crate) bom: bool,
    /// Parquet.
    pub(crate) compression: Compression,
}

impl Options {
    /// Reads the parameters that only this format has.
    pub(crate) fn read(format: Option<Format>, given: &mut Parameters) -> Self {
        let mut options = Self::default();
        match format {
            Some(Format::Parquet) => {
                let compression = given.take("compression", |text| match text {
                    "zstd" => Ok(Compression::Zstd),
                    "snappy" => Ok(Compression::Snappy),
                    _ => Err("must be zstd or snappy".into()),
                });
                options.compression = compression.unwrap_or_default();
            }
            Some(Format::Csv) => {
                options.raw = given.take("raw", parameters::boolean).unwrap_or(false);
                options.bom = given.take("bom", parameters::boolean).unwrap_or(false);
            }
            Some(Format::Ndjson | Format::Arrow) | None => {}
        }
        options
    }
}

/// The additional parameters of CSV.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what is read into `Options`")]
pub(crate) struct CsvQuery {
    /// Whether to leave cells that begin like a spreadsheet formula unescaped. Strangers wrote the texts,
    /// and a spreadsheet executes formulas: use it only for programs that don't.
    #[param(value_type = Option<bool>, default = false)]
    raw: Option<bool>,
    /// Whether to begin the file with a byte order mark, by which Excel recognises UTF-8.
    #[param(value_type = Option<bool>, default = false)]
    bom: Option<bool>,
}

/// The additional parameters of Parquet.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what is read into `Options`")]
pub(crate) struct ParquetQuery {
    /// The compression of the file: `zstd` (smaller) or `snappy` (supported by every reader).
    #[param(value_type = Option<CompressionName>, inline)]
    compression: Option<Compression>,
}

/// The values of `compression`.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase", default = "zstd")]
#[expect(dead_code, reason = "describes what `compression` reads")]
enum CompressionName {
    Zstd,
    Snappy,
}

/// Encodes rows in a format.
pub(crate) trait Encoder: Send {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), Broken>;

    /// Writes the end of the file and sends everything.
    fn finish(self: Box<Self>) -> Result<(), Broken>;
}

/// Sends the output piece by piece, from a thread that may block.
pub(crate) struct Out {
    pieces: mpsc::Sender<Piece>,
    text: Vec<u8>,
}

impl Out {
    pub(crate) fn new(pieces: mpsc::Sender<Piece>) -> Self {
        Self {
            pieces,
            text: Vec::with_capacity(PIECE),
        }
    }

    fn hand_on(&mut self) -> io::Result<()> {
        if self.text.is_empty() {
            return Ok(());
        }
        let text = Bytes::from(std::mem::replace(&mut self.text, Vec::with_capacity(PIECE)));
        self.send(Piece::Bytes(text))
    }

    /// Marks the body as complete.
    fn end(mut self) -> io::Result<()> {
        self.hand_on()?;
        self.send(Piece::End)
    }

    fn send(&self, piece: Piece) -> io::Result<()> {
        let sent = self.pieces.blocking_send(piece);
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        if self.text.len() >= PIECE {
            self.hand_on()?;
        }
        Ok(bytes.len())
    }

    /// Incomplete pieces are not sent here, because encoders flush after each batch.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
