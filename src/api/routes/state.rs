//! What the handlers share.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Semaphore;

use crate::api::answer::asset::KeptAsset;
use crate::api::answer::stream::DownloadPermits;
use crate::derived::rows::Rows;
use crate::derived::search::Search;
use crate::derived::snapshot::Snapshots;
use crate::report::{Library, Stamp};
use crate::status::StatusReceiver;
use crate::store::Reader;

/// The maximum number of concurrent searches; each occupies a core.
pub(crate) const MAX_SEARCHES: usize = 4;

/// The maximum size of all results of reports that wait for their clients at the same time, in MiB.
pub(crate) const MAX_RESULTS_MIB: usize = 256;

/// What the handlers share.
pub(crate) struct Api {
    /// Reads the database.
    pub(crate) reader: Reader,
    /// The snapshots of the database.
    pub(crate) snapshots: Snapshots,
    /// The full-text search index.
    pub(crate) search: Search,
    /// The row store.
    pub(crate) rows: Rows,
    /// The status of the service.
    pub(crate) status: StatusReceiver,
    /// The reports that are offered.
    pub(crate) library: Library,
    /// The description with the operator's own reports.
    pub(crate) description: KeptAsset<Stamp>,
    /// When the API started; its uptime counts from here.
    pub(crate) started: Instant,
    pub(crate) downloads: DownloadPermits,
    /// Permits for concurrent searches.
    pub(crate) searches: Arc<Semaphore>,
    /// Memory for results of reports, in MiB.
    pub(crate) results: Arc<Semaphore>,
}

impl Api {
    pub(crate) fn new(
        reader: Reader,
        snapshots: Snapshots,
        search: Search,
        rows: Rows,
        status: StatusReceiver,
        library: Library,
    ) -> Self {
        Self {
            reader,
            snapshots,
            search,
            rows,
            status,
            library,
            description: KeptAsset::default(),
            started: Instant::now(),
            downloads: DownloadPermits::new(),
            searches: Arc::new(Semaphore::new(MAX_SEARCHES)),
            results: Arc::new(Semaphore::new(MAX_RESULTS_MIB)),
        }
    }
}
