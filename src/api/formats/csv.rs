//! CSV with a line of names. Strangers write the content and spreadsheets run formulas, so a text that
//! begins like one gets a `'` before it, unless the caller wants it as it is.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::csv::{Writer, WriterBuilder};
use arrow::datatypes::{DataType, Fields, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};

use super::{Broken, Encoder, Options, Out};

/// What a spreadsheet takes for the beginning of a formula; some take the wide forms too.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Times as in JSON: RFC 3339 in UTC, to the microsecond.
const TIME: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";

/// What a clock showed, with no zone.
const CLOCK: &str = "%Y-%m-%dT%H:%M:%S%.f";

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// UTC as an offset: for names of zones the writer would want a table of all zones.
const UTC: &str = "+00:00";

pub(super) struct Table {
    writer: Writer<Out>,
    schema: SchemaRef,
    is_guarded: bool,
}

impl Table {
    pub(super) fn new(schema: &SchemaRef, options: Options, mut out: Out) -> Result<Self, Broken> {
        if options.bom {
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
        // The names come also if no row does.
        writer.write(&RecordBatch::new_empty(Arc::clone(&schema)))?;
        Ok(Self {
            writer,
            schema,
            is_guarded: !options.raw,
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

/// A column of texts in which no formula is left.
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
