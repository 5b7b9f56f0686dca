//! The settings of the record.

use std::path::PathBuf;

use chrono::DateTime;
use chrono::TimeDelta;
use chrono::Utc;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use crate::store::schema::levels::ROW_GROUP;

/// The maximum number of row groups in level 1 before a compaction, and the memory in bytes that sorting one
/// takes.
const RUN_GROUPS: usize = 4;
const GROUP_MEMORY: u64 = 256 * 1024 * 1024;

/// The settings of the record.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// The DuckDB file.
    pub path: PathBuf,
    /// The folder to which DuckDB spills what does not fit in memory.
    pub temp_folder: PathBuf,
    /// DuckDB's memory limit in bytes.
    pub memory_limit: u64,
    /// The number of DuckDB's threads; none for one per core.
    pub threads: Option<u32>,
    /// The maximum number of concurrent queries.
    pub readers: u32,
    /// The number of rows in level 0 that starts a compaction into level 1.
    pub hot_rows: usize,
    /// The number of rows in level 1 that starts a compaction into level 2.
    pub small_run_rows: usize,
    /// The repair window: how far back history is read again after a lost gateway session.
    pub repair_window: TimeDelta,
    /// What happens to the content of a deleted message.
    pub deleted_content: DeletedContent,
}

impl StoreSettings {
    /// The defaults for a file.
    #[must_use]
    pub fn new(path: PathBuf, temp_folder: PathBuf) -> Self {
        Self {
            path,
            temp_folder,
            // The other half is for the service itself, the page cache and other programs.
            memory_limit: usable_memory() / 2,
            threads: None,
            readers: 16,
            hot_rows: ROW_GROUP,
            small_run_rows: RUN_GROUPS * ROW_GROUP,
            repair_window: TimeDelta::days(7),
            deleted_content: DeletedContent::Keep,
        }
    }

    /// The maximum numbers of rows in level 0 and in level 1: no more than the memory limit allows to sort.
    pub(crate) fn level_limits(&self) -> [usize; 2] {
        let groups = usize::try_from(self.memory_limit / GROUP_MEMORY).unwrap_or(RUN_GROUPS);
        let hot = if groups > 1 { ROW_GROUP } else { ROW_GROUP / 4 };
        let small_runs = groups.clamp(1, RUN_GROUPS) * ROW_GROUP;
        [self.hot_rows.min(hot), self.small_run_rows.min(small_runs)]
    }
}

/// The memory that this process may use, in bytes: the limit of its container, else the machine's memory.
#[must_use]
pub fn usable_memory() -> u64 {
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(memory);
    system
        .cgroup_limits()
        .map_or(system.total_memory(), |limits| limits.total_memory)
}

/// What happens to the content of deleted messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletedContent {
    /// The content stays.
    Keep,
    /// The content is redacted when this time has passed since the delete was noticed; zero means in the same
    /// commit.
    RemoveAfter(TimeDelta),
}

impl DeletedContent {
    /// Whether the commit that stores a delete also redacts the content.
    pub(crate) fn removes_at_once(self) -> bool {
        self == Self::RemoveAfter(TimeDelta::zero())
    }

    /// The content of messages whose delete was noticed at this time or earlier is due to be redacted.
    pub(crate) fn due_before(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Keep => None,
            Self::RemoveAfter(time) => Some(now - time),
        }
    }
}
