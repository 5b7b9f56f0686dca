//! The columns whose values a key may not see. They are null in every form of an answer.

use std::sync::Arc;

use arrow::array::{RecordBatch, new_null_array};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;

use crate::store::Column;

/// The columns whose values are null, whatever the row has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Hidden {
    /// The text of a message and its payload.
    pub(crate) content: bool,
    /// The names of authors; the payload contains them.
    pub(crate) names: bool,
}

impl Hidden {
    /// Whether the payload may not be seen.
    pub(crate) fn hides_payload(self) -> bool {
        self.content || self.names
    }

    /// Whether a column may not be seen.
    pub(crate) fn hides(self, column: Column) -> bool {
        match column.name {
            "content" => self.content,
            "author_name" => self.names,
            _ => column.is_payload() && self.hides_payload(),
        }
    }

    /// The schema of rows as [`Hidden::cut`] leaves them: a hidden column can be null.
    pub(crate) fn schema(self, schema: &SchemaRef) -> SchemaRef {
        if self == Self::default() {
            return Arc::clone(schema);
        }
        let fields = schema.fields().iter().map(|field| {
            if self.hides_named(field.name()) {
                Arc::new(field.as_ref().clone().with_nullable(true))
            } else {
                Arc::clone(field)
            }
        });
        let fields: Vec<_> = fields.collect();
        Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
    }

    /// Rows without the values of hidden columns.
    pub(crate) fn cut(self, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let columns = rows.schema_ref().fields().iter().zip(rows.columns());
        let columns = columns.map(|(field, column)| {
            if self.hides_named(field.name()) {
                new_null_array(field.data_type(), rows.num_rows())
            } else {
                Arc::clone(column)
            }
        });
        RecordBatch::try_new(self.schema(rows.schema_ref()), columns.collect())
    }

    fn hides_named(self, name: &str) -> bool {
        Column::named(name).is_some_and(|column| self.hides(column))
    }
}
