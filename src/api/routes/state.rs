//! What the handlers share.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::known_channels::KnownChannels;
use crate::api::answer::asset::KeptAsset;
use crate::api::answer::stream::DownloadPlaces;
use crate::api::http::origin::Origins;
use crate::audit::AuditLog;
use crate::derived::rows::Rows;
use crate::derived::search::Search;
use crate::derived::snapshot::Snapshots;
use crate::keys::Keyring;
use crate::report::{Library, Stamp};
use crate::status::StatusReceiver;
use crate::store::Reader;

/// The maximum number of concurrent searches; each occupies a core.
pub(crate) const MAX_SEARCHES: usize = 4;

/// The maximum size of all results of reports that wait for their clients at the same time, in MiB.
pub(crate) const MAX_RESULTS_MIB: usize = 256;

/// The dependencies of the API.
pub struct ApiState {
    /// Reads the database.
    pub reader: Reader,
    /// The snapshots of the database.
    pub snapshots: Snapshots,
    /// The full-text search index.
    pub search: Search,
    /// The row store.
    pub rows: Rows,
    /// The status of the service.
    pub status: StatusReceiver,
    /// The keys that callers send.
    pub keyring: Keyring,
    /// The audit log.
    pub audit: AuditLog,
    /// `RATE_LIMIT`: the units that each key may use per minute; none for no limit.
    pub rate_limit: Option<NonZeroU32>,
    /// The reports that are offered.
    pub library: Library,
    /// Which pages and names the service knows.
    pub origins: Origins,
    /// How long an answer may take, its body included; see [`TIMEOUT`](crate::api::TIMEOUT).
    pub timeout: Duration,
}

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
    /// The API keys.
    pub(crate) keyring: Keyring,
    /// The audit log.
    pub(crate) audit: AuditLog,
    pub(crate) known_channels: KnownChannels,
    /// The description with the operator's own reports.
    pub(crate) description: KeptAsset<Stamp>,
    /// When the API started; its uptime counts from here.
    pub(crate) started: Instant,
    pub(crate) downloads: DownloadPlaces,
    /// Permits for concurrent searches.
    pub(crate) searches: Arc<Semaphore>,
    /// Memory for results of reports, in MiB.
    pub(crate) results: Arc<Semaphore>,
}

impl Api {
    pub(crate) fn new(state: ApiState) -> Self {
        let ApiState {
            reader,
            snapshots,
            search,
            rows,
            status,
            keyring,
            audit,
            library,
            rate_limit: _,
            origins: _,
            timeout: _,
        } = state;
        Self {
            reader,
            snapshots,
            search,
            rows,
            status,
            library,
            keyring,
            audit,
            known_channels: KnownChannels::default(),
            description: KeptAsset::default(),
            started: Instant::now(),
            downloads: DownloadPlaces::default(),
            searches: Arc::new(Semaphore::new(MAX_SEARCHES)),
            results: Arc::new(Semaphore::new(MAX_RESULTS_MIB)),
        }
    }
}
