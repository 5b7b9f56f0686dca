//! One JSON object per line, as in a page of JSON: ids and times are strings, and a payload is an object.

use std::fmt::Display;
use std::io::Write;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Field, Float64Type, Int32Type, Int64Type, SchemaRef, TimeUnit,
    TimestampMicrosecondType,
};
use arrow::error::ArrowError;
use chrono::{DateTime, SecondsFormat};
use serde_json::value::RawValue;

use super::encoder::{Broken, Encoder, Out};
use crate::store::{JSON, SNOWFLAKE, UNIT};

pub(crate) struct Lines {
    /// The text before each value: `{"message_id":`, `,"guild_id":`.
    names: Vec<String>,
    /// The text between two objects, after each object, and at the end.
    between: &'static [u8],
    after: &'static [u8],
    end: &'static [u8],
    is_first: bool,
    out: Out,
}

impl Lines {
    pub(crate) fn new(schema: &SchemaRef, out: Out) -> Self {
        let names = schema.fields().iter().enumerate().map(|(n, field)| {
            let before = if n == 0 { '{' } else { ',' };
            format!(
                "{before}{}:",
                serde_json::Value::from(field.name().as_str())
            )
        });
        Self {
            names: names.collect(),
            between: b"",
            after: b"\n",
            end: b"",
            is_first: true,
            out,
        }
    }

    /// Writes the objects as the list at the end of a page: `{…,"data":[` … `]}`.
    pub(crate) fn in_page(schema: &SchemaRef, head: &str, mut out: Out) -> Result<Self, Broken> {
        out.write_all(head.as_bytes())?;
        Ok(Self {
            between: b",",
            after: b"",
            end: b"]}",
            ..Self::new(schema, out)
        })
    }
}

impl Encoder for Lines {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), Broken> {
        let schema = rows.schema();
        for row in 0..rows.num_rows() {
            if !std::mem::replace(&mut self.is_first, false) {
                self.out.write_all(self.between)?;
            }
            let columns = rows.columns().iter().zip(schema.fields());
            for (name, (column, field)) in self.names.iter().zip(columns) {
                self.out.write_all(name.as_bytes())?;
                value(&mut self.out, column, field, row)?;
            }
            self.out.write_all(b"}")?;
            self.out.write_all(self.after)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), Broken> {
        self.out.write_all(self.end)?;
        Ok(self.out.end()?)
    }
}

fn value(out: &mut Out, column: &ArrayRef, field: &Field, row: usize) -> Result<(), Broken> {
    if column.is_null(row) {
        return Ok(out.write_all(b"null")?);
    }
    let unit = field.metadata().get(UNIT).map(String::as_str);
    match column.data_type() {
        DataType::Int64 => {
            let number = column.as_primitive::<Int64Type>().value(row);
            if unit == Some(SNOWFLAKE) {
                write!(out, "\"{number}\"")?;
            } else {
                write!(out, "{number}")?;
            }
        }
        DataType::Int32 => write!(out, "{}", column.as_primitive::<Int32Type>().value(row))?,
        DataType::Float64 => {
            let number = column.as_primitive::<Float64Type>().value(row);
            serde_json::to_writer(out, &number)?;
        }
        DataType::Boolean => write!(out, "{}", column.as_boolean().value(row))?,
        DataType::Utf8 => {
            let text = column.as_string::<i32>().value(row);
            if unit == Some(JSON) {
                // A payload that is not valid JSON would make the whole response invalid.
                let payload: &RawValue = serde_json::from_str(text)?;
                one_line(out, payload.get())?;
            } else {
                serde_json::to_writer(out, text)?;
            }
        }
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
            let micros = column.as_primitive::<TimestampMicrosecondType>().value(row);
            let time = DateTime::from_timestamp_micros(micros);
            text_or_null(
                out,
                time.map(|time| time.to_rfc3339_opts(SecondsFormat::Micros, true)),
            )?;
        }
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            let time = column
                .as_primitive::<TimestampMicrosecondType>()
                .value_as_datetime(row);
            text_or_null(out, time.map(|time| time.format("%Y-%m-%dT%H:%M:%S%.f")))?;
        }
        DataType::Date32 => {
            let day = column.as_primitive::<Date32Type>().value_as_date(row);
            text_or_null(out, day)?;
        }
        other => {
            let reason = format!(
                "column {} has the type {other}, which can't be written as JSON",
                field.name()
            );
            return Err(ArrowError::NotYetImplemented(reason).into());
        }
    }
    Ok(())
}

/// Writes a time or a day, which need no escaping; null if it is outside of the calendar.
fn text_or_null(out: &mut Out, text: Option<impl Display>) -> Result<(), Broken> {
    match text {
        Some(text) => write!(out, "\"{text}\"")?,
        None => out.write_all(b"null")?,
    }
    Ok(())
}

/// Removes line ends, which have no meaning between JSON tokens and can't occur inside of a string.
fn one_line(out: &mut Out, json: &str) -> Result<(), Broken> {
    for part in json.split(['\n', '\r']) {
        out.write_all(part.as_bytes())?;
    }
    Ok(())
}
