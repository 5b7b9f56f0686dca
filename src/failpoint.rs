//! Places where a test can order a fault: an error, a panic, or the end of the process. In a build
//! without the feature `failpoints` they are nothing. `FAILPOINTS=commit_written=9*off->return(kill)`
//! ends the process at the tenth commit; the other orders are `return(error)` and `panic`.

use crate::store::StoreError;

/// The steps of a commit, of a move into a run, of a checkpoint, of a snapshot and of the search index,
/// in their order.
pub const STEPS: [&str; 25] = [
    "commit_begun",
    "commit_written",
    "commit_durable",
    "commit_testified",
    "commit_acknowledged",
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
];

/// Reaches a step.
///
/// # Errors
/// If a test ordered one here.
#[cfg(feature = "failpoints")]
pub(crate) fn reach(step: &'static str) -> Result<(), StoreError> {
    debug_assert!(STEPS.contains(&step), "{step} is in no list");
    fail::fail_point!(step, |order| {
        if order.as_deref() == Some("kill") {
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
        Err(StoreError::Damaged(format!(
            "a test ordered an error at {step}"
        )))
    });
    Ok(())
}

/// Reaches a step.
#[cfg(not(feature = "failpoints"))]
#[expect(clippy::unnecessary_wraps, reason = "with the feature it can fail")]
#[inline]
pub(crate) fn reach(_step: &'static str) -> Result<(), StoreError> {
    Ok(())
}
