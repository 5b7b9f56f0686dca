//! The parameter `columns` of the downloads: the columns of a message that are returned.

use crate::api::http::parameters::Reason;
use crate::api::http::syntax::{Syntax, list_of, syntax};
use crate::store::{COLUMNS, Column};

/// A list of columns, separated by commas.
pub(crate) fn columns() -> impl Syntax<Vec<Column>> {
    syntax(read, || list_of(COLUMNS.iter().map(|column| column.name)))
}

fn read(text: &str) -> Result<Vec<Column>, Reason> {
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
