//! The columns of the index: numbers that are read by document.

use std::sync::Arc;

use tantivy::SegmentReader;
use tantivy::columnar::{Cardinality, ColumnValues};
use tantivy::schema::Field;

use super::SearchError;
use super::fields::Fields;

/// The values of a numeric field in a segment.
pub(super) fn column(
    fields: &Fields,
    segment: &SegmentReader,
    field: Field,
) -> Result<Arc<dyn ColumnValues<u64>>, SearchError> {
    let column = segment
        .fast_fields()
        .u64(fields.schema.get_field_name(field))?;
    Ok(match column.get_cardinality() {
        // Every document has one value, so there is nothing to look up between.
        Cardinality::Full => column.values,
        Cardinality::Optional | Cardinality::Multivalued => column.first_or_default_col(0),
    })
}

/// Converts an id of the index.
pub(super) fn known<T: TryFrom<u64>>(id: u64) -> Result<T, SearchError> {
    T::try_from(id).map_err(|_| SearchError::Damaged(format!("{id} is not a valid snowflake")))
}
