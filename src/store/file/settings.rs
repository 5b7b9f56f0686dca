//! How the record is kept.

use std::path::PathBuf;

use chrono::DateTime;
use chrono::TimeDelta;
use chrono::Utc;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use crate::store::schema::levels::ROW_GROUP;

/// Row groups of a large run, and bytes of memory that sorting one takes.
const RUN_GROUPS: usize = 4;
const GROUP_MEMORY: u64 = 256 * 1024 * 1024;

/// How the record is kept.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// The DuckDB file.
    pub path: PathBuf,
    /// Where DuckDB spills what does not fit in memory.
    pub temp_folder: PathBuf,
    /// DuckDB's memory limit in bytes.
    pub memory_limit: u64,
    /// Threads of DuckDB; none for all cores.
    pub threads: Option<u32>,
    /// Queries that may run at once.
    pub readers: u32,
    /// Rows in the hot table that start a move into a small run.
    pub hot_rows: usize,
    /// Rows in small runs that start a move into a large one.
    pub small_run_rows: usize,
    /// How far back history is read again when a session of the socket was lost.
    pub repair_window: TimeDelta,
    /// What a delete does to the content of a message.
    pub deleted_content: DeletedContent,
}

impl StoreSettings {
    /// The defaults for a file.
    #[must_use]
    pub fn new(path: PathBuf, temp_folder: PathBuf) -> Self {
        let memory_limit = half_the_memory();
        Self {
            path,
            temp_folder,
            memory_limit,
            threads: None,
            readers: 8,
            hot_rows: ROW_GROUP,
            small_run_rows: RUN_GROUPS * ROW_GROUP,
            repair_window: TimeDelta::days(7),
            deleted_content: DeletedContent::Keep,
        }
    }

    /// How many rows may be hot, and in small runs: as many as can be sorted in the memory there is.
    pub(crate) fn level_limits(&self) -> [usize; 2] {
        let groups = usize::try_from(self.memory_limit / GROUP_MEMORY).unwrap_or(RUN_GROUPS);
        let hot = if groups > 1 { ROW_GROUP } else { ROW_GROUP / 4 };
        let small_runs = groups.clamp(1, RUN_GROUPS) * ROW_GROUP;
        [self.hot_rows.min(hot), self.small_run_rows.min(small_runs)]
    }
}

/// Half of what this process may use (its container's limit, else the machine's memory), so that
/// DuckDB leaves room for the service, the page cache and others.
fn half_the_memory() -> u64 {
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(memory);
    let total = system
        .cgroup_limits()
        .map_or(system.total_memory(), |limits| limits.total_memory);
    total / 2
}

/// What happens to the content of deleted messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletedContent {
    /// It stays.
    Keep,
    /// It is taken out so long after the delete was noticed; zero is at once.
    RemoveAfter(TimeDelta),
}

impl DeletedContent {
    /// Whether a delete takes the content with it in the same commit.
    pub(crate) fn removes_at_once(self) -> bool {
        self == Self::RemoveAfter(TimeDelta::zero())
    }

    /// The deletes whose time has come were noticed at this time or before.
    pub(crate) fn due_before(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Keep => None,
            Self::RemoveAfter(time) => Some(now - time),
        }
    }
}
