//! CSV with a header line. Strangers write the content and spreadsheets execute formulas, so a text that begins
//! like a formula gets a leading `'`, unless the client turns that off.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::csv::{Writer, WriterBuilder};
use arrow::datatypes::{DataType, Fields, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};

use super::encoder::{Broken, Encoder, Out};
use crate::api::http::query::query;
use crate::api::http::syntax::boolean;

/// The characters with which spreadsheets recognise a formula; some also accept the full-width forms.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Times as in JSON: RFC 3339 in UTC, with microseconds.
const TIME: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";

/// Local times, without a zone.
const CLOCK: &str = "%Y-%m-%dT%H:%M:%S%.f";

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// UTC as an offset, because the writer would need a table of all zones for names of zones.
const UTC: &str = "+00:00";

query! {
    /// The parameters that only CSV has.
    #[derive(Debug, Clone, Copy, Default)]
    pub(crate) struct CsvOptions {
        /// Whether to leave cells that begin like a spreadsheet formula unescaped. Strangers wrote the texts,
        /// and a spreadsheet executes formulas: use it only for programs that don't.
        optional raw: bool = boolean(), default false;
        /// Whether to begin the file with a byte order mark, by which Excel recognises UTF-8.
        optional bom: bool = boolean(), default false;
    }
}

pub(crate) struct Table {
    writer: Writer<Out>,
    schema: SchemaRef,
    is_guarded: bool,
}

impl Table {
    pub(crate) fn new(
        schema: &SchemaRef,
        options: CsvOptions,
        mut out: Out,
    ) -> Result<Self, Broken> {
        if options.bom() {
            out.write_all(BYTE_ORDER_MARK.as_bytes())?;
        }
        let mut writer = WriterBuilder::new()
            .with_header(true)
            .with_timestamp_tz_format(TIME.to_owned())
            .with_timestamp_format(CLOCK.to_owned())
            .build(out);
        let fields = schema.fields().iter().map(|field| match field.data_type() {
            DataType::Timestamp(unit, Some(_)) => {
                let time = DataType::Timestamp(*unit, Some(UTC.into()));
                Arc::new(field.as_ref().clone().with_data_type(time))
            }
            _ => Arc::clone(field),
        });
        let schema = Arc::new(Schema::new(fields.collect::<Fields>()));
        // The header line is written even if there are no rows.
        writer.write(&RecordBatch::new_empty(Arc::clone(&schema)))?;
        Ok(Self {
            writer,
            schema,
            is_guarded: !options.raw(),
        })
    }
}

impl Encoder for Table {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), Broken> {
        let columns = rows
            .columns()
            .iter()
            .map(|column| match column.data_type() {
                DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
                    let times = column.as_primitive::<TimestampMicrosecondType>();
                    Arc::new(times.clone().with_timezone(UTC))
                }
                DataType::Utf8 if self.is_guarded => guarded(column),
                _ => Arc::clone(column),
            });
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), columns.collect())?;
        Ok(self.writer.write(&rows)?)
    }

    fn finish(self: Box<Self>) -> Result<(), Broken> {
        Ok(self.writer.into_inner().end()?)
    }
}

/// A text column with all formulas escaped.
fn guarded(column: &ArrayRef) -> ArrayRef {
    let texts = column.as_string::<i32>();
    if !texts.iter().flatten().any(|text| text.starts_with(FORMULA)) {
        return Arc::clone(column);
    }
    let guarded = texts.iter().map(|text| {
        text.map(|text| {
            if text.starts_with(FORMULA) {
                format!("'{text}")
            } else {
                text.to_owned()
            }
        })
    });
    Arc::new(guarded.collect::<StringArray>())
}
