//! The rows of Arrow batches as cells.

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int8Array, Int32Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Int8Type, Int32Type, Int64Type, TimestampMicrosecondType};
use chrono::DateTime;

use super::columns::{Column, Kind};
use super::message::Cell;

/// A column of a batch whose schema is that of [`Column::field`].
pub(crate) enum CellColumn<'a> {
    Id(&'a Int64Array),
    Wide(&'a Int64Array),
    Number(&'a Int32Array),
    Small(&'a Int8Array),
    Boolean(&'a BooleanArray),
    Text(&'a StringArray),
    Time(&'a TimestampMicrosecondArray),
}

impl<'a> CellColumn<'a> {
    /// The columns of a batch.
    pub(crate) fn of(columns: &[Column], batch: &'a RecordBatch) -> Vec<Self> {
        let arrays = columns.iter().zip(batch.columns());
        arrays
            .map(|(column, array)| Self::new(column.kind, array))
            .collect()
    }

    fn new(kind: Kind, array: &'a ArrayRef) -> Self {
        match kind {
            Kind::Snowflake => Self::Id(array.as_primitive::<Int64Type>()),
            Kind::Revision => Self::Wide(array.as_primitive::<Int64Type>()),
            Kind::Count => Self::Number(array.as_primitive::<Int32Type>()),
            Kind::Small => Self::Small(array.as_primitive::<Int8Type>()),
            Kind::Boolean => Self::Boolean(array.as_boolean()),
            Kind::Text | Kind::Json | Kind::Details => Self::Text(array.as_string()),
            Kind::Time => Self::Time(array.as_primitive::<TimestampMicrosecondType>()),
        }
    }

    fn array(&self) -> &'a dyn Array {
        match *self {
            Self::Id(array) | Self::Wide(array) => array,
            Self::Number(array) => array,
            Self::Small(array) => array,
            Self::Boolean(array) => array,
            Self::Text(array) => array,
            Self::Time(array) => array,
        }
    }

    /// The value of a row.
    pub(crate) fn cell(&self, row: usize) -> Cell<'a> {
        if self.array().is_null(row) {
            return Cell::Null;
        }
        match *self {
            Self::Id(ids) => Cell::Id(ids.value(row)),
            Self::Wide(numbers) => Cell::Number(numbers.value(row)),
            Self::Number(numbers) => Cell::Number(numbers.value(row).into()),
            Self::Small(numbers) => Cell::Number(numbers.value(row).into()),
            Self::Boolean(values) => Cell::Boolean(values.value(row)),
            Self::Text(texts) => Cell::Text(texts.value(row)),
            Self::Time(times) => {
                DateTime::from_timestamp_micros(times.value(row)).map_or(Cell::Null, Cell::Time)
            }
        }
    }
}
