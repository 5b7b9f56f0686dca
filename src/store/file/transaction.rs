//! The end of a transaction that writes: every COMMIT of the record is executed here.

use duckdb::Connection;

use crate::failpoint;
use crate::store::StoreError;

/// Commits the open transaction, whose last step is `step`. If a statement of the transaction has failed or was
/// interrupted, DuckDB's COMMIT rolls back and reports success. DuckDB then refuses every other statement, so a
/// statement without effect runs first.
///
/// # Errors
/// If nothing was committed. The transaction may still have to be rolled back.
pub(crate) fn commit(connection: &Connection, step: &'static str) -> Result<(), StoreError> {
    failpoint::reach_within(connection, step)?;
    connection.execute_batch("SELECT 1")?;
    connection.execute_batch("COMMIT")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    const STEP: &str = "commit_written";

    /// The number of rows after a transaction that inserts one row and runs `more`.
    fn rows_after(more: impl FnOnce(&Connection)) -> (Result<(), StoreError>, i64) {
        let connection = Connection::open_in_memory().expect("a database");
        let run = |sql: &str| connection.execute_batch(sql).expect("a statement");
        run(
            "CREATE TABLE rows (n BIGINT PRIMARY KEY); BEGIN TRANSACTION; INSERT INTO rows VALUES (1)",
        );
        more(&connection);
        let committed = commit(&connection, STEP);
        // The ROLLBACK fails if no transaction is open.
        let _ = connection.execute_batch("ROLLBACK");
        let count = connection.query_row("SELECT count(*) FROM rows", [], |row| row.get(0));
        (committed, count.expect("a count"))
    }

    #[test]
    fn what_went_well_is_committed() {
        let (committed, rows) = rows_after(|_| ());
        assert!(committed.is_ok() && rows == 1, "{committed:?}");
    }

    #[test]
    fn a_statement_that_failed_ends_in_no_commit() {
        let failing = [
            "SELECT error('x') FROM range(3)",
            "SELECT CAST(text AS INTEGER) FROM (VALUES ('x')) AS t(text)",
            "INSERT INTO rows VALUES (1)",
        ];
        for sql in failing {
            let (committed, rows) = rows_after(|connection| {
                assert!(connection.execute_batch(sql).is_err(), "{sql}");
            });
            assert!(committed.is_err(), "{sql}: {rows} rows are there");
            assert_eq!(rows, 0, "{sql}");
        }
    }

    #[test]
    fn an_appender_whose_rows_are_refused_ends_in_no_commit() {
        let (committed, rows) = rows_after(|connection| {
            let mut appender = connection.appender("rows").expect("an appender");
            appender.append_row([1_i64]).expect("a row that waits");
            // Dropping the appender flushes the row. DuckDB refuses it, and the drop reports no error.
            drop(appender);
        });
        assert!(committed.is_err(), "{rows} rows are there");
        assert_eq!(rows, 0);
    }

    #[test]
    fn a_statement_that_was_interrupted_ends_in_no_commit() {
        let (committed, rows) = rows_after(|connection| {
            let (handle, ended) = (connection.interrupt_handle(), AtomicBool::new(false));
            thread::scope(|scope| {
                scope.spawn(|| {
                    // An interrupt that comes before its query has begun is lost.
                    while !ended.load(Ordering::SeqCst) {
                        handle.interrupt();
                        thread::yield_now();
                    }
                });
                let endless =
                    "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b";
                let interrupted = connection.execute_batch(endless);
                ended.store(true, Ordering::SeqCst);
                assert!(interrupted.is_err());
            });
        });
        assert!(committed.is_err(), "{rows} rows are there");
        assert_eq!(rows, 0);
    }
}
