//! Runs reports. Their views and macros are in the in-memory catalog `reports`, so that none of them is written
//! into the DuckDB file.

use std::sync::OnceLock;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::SchemaRef;
use chrono::{DateTime, Utc};
use duckdb::Connection;

use super::completeness::CoverageSummary;
use super::reader::Reader;
use super::report_request::ReportRequest;
use crate::store::StoreError;
use crate::store::file::report_catalog::{PART, WHOLE};
use crate::store::schema::columns::shape;

/// The maximum number of rows of a report; for more there are downloads.
pub const MAX_REPORT_ROWS: usize = 250_000;

/// The maximum size of a result in bytes, because the whole result is in memory until it is sent.
const MAX_REPORT_BYTES: usize = 64 * 1024 * 1024;

/// Functions with side effects that DuckDB allows in a query.
const REFUSED: [&str; 6] = [
    "checkpoint",
    "force_checkpoint",
    "enable_logging",
    "disable_logging",
    "enable_profiling",
    "truncate_duckdb_logs",
];

/// The result of a report.
#[derive(Debug, Clone)]
pub struct ReportAnswer {
    /// The rows, in their order.
    pub batches: Vec<RecordBatch>,
    /// The coverage of what was requested.
    pub coverage: CoverageSummary,
    /// The record's revision at the moment of the read.
    pub revision: i64,
}

impl Reader {
    /// Runs a report in one read view.
    ///
    /// # Errors
    /// [`StoreError::NoReport`] if the file is not one query with these columns, [`StoreError::TooLarge`] if
    /// the result has more than [`MAX_REPORT_ROWS`] rows or too many bytes, [`StoreError::Sql`] if the query
    /// fails.
    pub async fn report(&self, request: ReportRequest) -> Result<ReportAnswer, StoreError> {
        self.run_report(move |session| {
            let catalog = match request.part() {
                Some(_) => PART,
                None => WHOLE,
            };
            session.at_one_moment(catalog, |connection, kept| {
                kept.check(&request.sql, check)?;
                let (revision, commits, heard_until) =
                    connection.query_row("FROM record_now", [], |row| {
                        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                    })?;
                let place = kept.begin(commits, &request)?;
                let coverage = kept.coverage(&place, request.reads_history, |connection| {
                    coverage(connection, request.reads_history, heard_until)
                })?;
                kept.prepare(&place, &request)?;
                kept.set_variables()?;
                Ok(ReportAnswer {
                    coverage,
                    batches: rows(connection, &request.sql, &request.schema)?,
                    revision,
                })
            })
        })
        .await
    }
}

/// The names of the time zones that DuckDB knows, sorted.
///
/// # Errors
/// If DuckDB can't list them.
pub fn time_zones() -> Result<&'static [String], StoreError> {
    static NAMES: OnceLock<Vec<String>> = OnceLock::new();
    if let Some(names) = NAMES.get() {
        return Ok(names);
    }
    let connection = Connection::open_in_memory()?;
    let mut statement =
        connection.prepare("SELECT DISTINCT name FROM pg_timezone_names() ORDER BY name")?;
    let names = statement.query_map([], |row| row.get(0))?;
    let names = names.collect::<Result<_, _>>()?;
    Ok(NAMES.get_or_init(|| names))
}

/// Refuses everything but exactly one query. Other statements could change something, and DuckDB executes all
/// statements but the last already when a text is prepared.
fn check(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    let (tree, statements, error, position): (
        String,
        Option<usize>,
        Option<String>,
        Option<usize>,
    ) = connection.query_row(
        "SELECT CAST(tree AS VARCHAR), json_array_length(tree, '$.statements'), \
         tree->>'$.error_message', CAST(tree->>'$.position' AS BIGINT) \
         FROM (SELECT json_serialize_sql(CAST(? AS VARCHAR)) AS tree)",
        [sql],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
    )?;
    let calls = |name: &&&str| tree.contains(&format!("\"function_name\":\"{name}\""));
    if let Some(name) = REFUSED.iter().find(calls) {
        return Err(StoreError::NoReport(format!(
            "the statement {name} does more than a query"
        )));
    }
    match (statements, error) {
        (Some(1), None) => Ok(()),
        (_, Some(error)) if error.starts_with("Only SELECT") => Err(StoreError::NoReport(
            "it is not a query: a report is one SELECT (a PIVOT stands in FROM (PIVOT …), with its IN (…))"
                .to_owned(),
        )),
        (_, Some(error)) => {
            let line = position.and_then(|at| sql.get(..at));
            let line = line.map_or(1, |before| before.lines().count().max(1));
            Err(StoreError::NoReport(format!("line {line}: {error}")))
        }
        (count, None) => Err(StoreError::NoReport(format!(
            "a report must be a single query, but the file contains {}",
            count.unwrap_or(0)
        ))),
    }
}

fn coverage(
    connection: &Connection,
    reads_history: bool,
    heard_until: Option<DateTime<Utc>>,
) -> Result<CoverageSummary, StoreError> {
    let sql = format!(
        "SELECT complete, changes_complete, channels, incomplete_channels, gaps \
         FROM wanted_coverage(whole_history := {reads_history})"
    );
    Ok(connection.query_row(&sql, [], |row| {
        Ok(CoverageSummary {
            is_complete: row.get(0)?,
            has_all_changes: row.get(1)?,
            channels: row.get(2)?,
            incomplete_channels: row.get(3)?,
            gaps: row.get(4)?,
            heard_until,
        })
    })?)
}

fn rows(
    connection: &Connection,
    sql: &str,
    schema: &SchemaRef,
) -> Result<Vec<RecordBatch>, StoreError> {
    let mut statement = connection.prepare(sql)?;
    // This call runs the query. The iterator that it returns is not used, because it panics on an error in the
    // middle.
    drop(statement.stream_arrow([])?);
    let names = statement.column_names();
    let told: Vec<_> = schema.fields().iter().map(|field| field.name()).collect();
    if !names.iter().eq(told.iter().copied()) {
        return Err(StoreError::NoReport(format!(
            "the query returns the columns {}, but the header declares others",
            names.join(", ")
        )));
    }
    let mut batches = Vec::new();
    let (mut count, mut bytes) = (0, 0);
    while let Some(rows) = statement.step()? {
        count += rows.len();
        let batch = shape(&rows, schema)?;
        bytes += batch.get_array_memory_size();
        if count > MAX_REPORT_ROWS || bytes > MAX_REPORT_BYTES {
            return Err(StoreError::TooLarge {
                most: MAX_REPORT_ROWS,
            });
        }
        batches.push(batch);
    }
    Ok(batches)
}
