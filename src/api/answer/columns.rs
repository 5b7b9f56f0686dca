//! The parameter `columns` of the downloads: the columns of a message that are returned.

use std::borrow::Cow;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::store::{COLUMNS, Column};

/// The OpenAPI schema of a list of columns.
pub(crate) struct ColumnList;

impl ToSchema for ColumnList {}

impl PartialSchema for ColumnList {
    fn schema() -> RefOr<Schema> {
        let names = COLUMNS.iter().map(|column| column.name);
        let name = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(names));
        let list = ArrayBuilder::new().items(name).unique_items(true);
        Schema::from(list.min_items(Some(1)).build()).into()
    }
}

/// Reads a list of columns.
pub(crate) fn columns(text: &str) -> Result<Vec<Column>, Cow<'static, str>> {
    let mut columns = Vec::new();
    for name in text.split(',') {
        let Some(column) = Column::named(name) else {
            let known: Vec<_> = COLUMNS.iter().map(|column| column.name).collect();
            let known = known.join(", ");
            return Err(format!(
                "must be a list of columns; {name:?} is unknown, the columns are {known}"
            )
            .into());
        };
        if columns.contains(&column) {
            return Err(format!("contains {} twice", column.name).into());
        }
        columns.push(column);
    }
    Ok(columns)
}
