//! Failpoints: places where a test can order a fault, that is, an error, a panic, or the end of the process.
//! Without the feature `failpoints` they do nothing. `FAILPOINTS=commit_written=9*off->return(kill)` kills the
//! process at the tenth commit. The other orders are `return(error)`, `panic` and, in a transaction,
//! `return(lost)`: a statement of the transaction fails, and its error is ignored.

use duckdb::Connection;

/// The error that a test ordered at a step.
#[derive(Debug, thiserror::Error)]
#[error("a test ordered an error at {0}")]
pub struct OrderedError(&'static str);

/// The steps of a migration, of recording lost commits, of a commit, of a redaction, of a compaction, of a
/// checkpoint, of a snapshot, of the search index and of the row store, in this order.
pub const STEPS: [&str; 32] = [
    "migration_written",
    "loss_written",
    "commit_begun",
    "commit_written",
    "commit_durable",
    "commit_testified",
    "commit_acknowledged",
    "content_written",
    "move_begun",
    "move_copied",
    "move_written",
    "move_durable",
    "checkpoint_begun",
    "checkpoint_saved",
    "checkpoint_done",
    "snapshot_begun",
    "snapshot_file_written",
    "snapshot_file_named",
    "snapshot_files_durable",
    "snapshot_manifest_kept",
    "snapshot_manifest_written",
    "snapshot_manifest_named",
    "snapshot_published",
    "snapshot_swept",
    "search_filled",
    "search_taken",
    "search_written",
    "search_durable",
    "rows_filled",
    "rows_read",
    "rows_handed",
    "rows_written",
];

/// Reaches a step.
///
/// # Errors
/// If a test ordered an error here.
#[cfg(feature = "failpoints")]
pub(crate) fn reach(step: &'static str) -> Result<(), OrderedError> {
    match ordered(step).as_deref() {
        None => Ok(()),
        Some("kill") => kill(),
        Some(_) => Err(OrderedError(step)),
    }
}

/// Reaches a step in a transaction.
///
/// # Errors
/// If a test ordered an error here, other than `lost`.
#[cfg(feature = "failpoints")]
pub(crate) fn reach_within(
    connection: &Connection,
    step: &'static str,
) -> Result<(), OrderedError> {
    match ordered(step).as_deref() {
        None => Ok(()),
        Some("kill") => kill(),
        Some("lost") => {
            let failed =
                connection.execute_batch("SELECT error('a test ordered it') FROM range(1)");
            assert!(failed.is_err(), "DuckDB did not fail as it was ordered");
            Ok(())
        }
        Some(_) => Err(OrderedError(step)),
    }
}

/// The order of a test for this step, unless it is a panic.
#[cfg(feature = "failpoints")]
fn ordered(step: &'static str) -> Option<String> {
    debug_assert!(STEPS.contains(&step), "{step} is in no list");
    fail::fail_point!(step, |order| Some(order.unwrap_or_default()));
    None
}

#[cfg(feature = "failpoints")]
fn kill() -> ! {
    let this = sysinfo::Pid::from_u32(std::process::id());
    let mut system = sysinfo::System::new();
    system.refresh_processes(sysinfo::ProcessesToUpdate::Some(&[this]), true);
    if let Some(process) = system.process(this) {
        process.kill_with(sysinfo::Signal::Kill);
    }
    loop {
        std::thread::park();
    }
}

/// Reaches a step.
#[cfg(not(feature = "failpoints"))]
#[expect(clippy::unnecessary_wraps, reason = "with the feature it can fail")]
#[inline]
pub(crate) fn reach(_step: &'static str) -> Result<(), OrderedError> {
    Ok(())
}

/// Reaches a step in a transaction.
#[cfg(not(feature = "failpoints"))]
#[expect(clippy::unnecessary_wraps, reason = "with the feature it can fail")]
#[inline]
pub(crate) fn reach_within(_: &Connection, _step: &'static str) -> Result<(), OrderedError> {
    Ok(())
}
