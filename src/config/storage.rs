//! Where and how the database is stored.

use std::path::PathBuf;

use bytesize::ByteSize;
use chrono::TimeDelta;

use super::source::{Problems, Source};
use crate::store::{DeletedContent, StoreSettings};

/// The default of `REPAIR_WINDOW`.
const REPAIR_WINDOW: TimeDelta = TimeDelta::days(7);

/// The minimum of `MEMORY_LIMIT`, below which DuckDB can't work.
const MIN_MEMORY: ByteSize = ByteSize::mb(128);

/// Where and how the database is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageSettings {
    /// `DATABASE_URL`, default `duckdb://./data/guildlake.duckdb`: the path of the DuckDB file.
    pub database: PathBuf,
    /// `DATA_DIR`, default `./data`: the folder of the lock, the snapshots, the search index, the row store and
    /// DuckDB's spill files.
    pub data_dir: PathBuf,
    /// `REPAIR_WINDOW`, default `7d`: how far back the history is read again for missed edits and deletes after
    /// a gateway session was lost.
    pub repair_window: TimeDelta,
    /// `DELETED_CONTENT`, default `keep`: what happens to the content of a deleted message. `keep` keeps it,
    /// `blank` redacts it at once, and `purge:30d` redacts it after that time.
    pub deleted_content: DeletedContent,
    /// `MEMORY_LIMIT`, in bytes, default half of the machine's memory: what DuckDB may use for queries and for
    /// its cache. Larger queries spill to the disk.
    pub memory_limit: Option<u64>,
}

impl StorageSettings {
    /// Everything in one folder, with the default file names.
    #[must_use]
    pub fn in_folder(data_dir: PathBuf) -> Self {
        Self {
            database: data_dir.join("guildlake.duckdb"),
            data_dir,
            repair_window: REPAIR_WINDOW,
            deleted_content: DeletedContent::Keep,
            memory_limit: None,
        }
    }

    /// The same settings in the form that the store takes.
    #[must_use]
    pub fn store(&self) -> StoreSettings {
        let usual = StoreSettings::new(self.database.clone(), self.data_dir.join("tmp"));
        StoreSettings {
            repair_window: self.repair_window,
            deleted_content: self.deleted_content,
            memory_limit: self.memory_limit.unwrap_or(usual.memory_limit),
            ..usual
        }
    }

    /// Reads only these settings, for `backfill` and `doctor`.
    ///
    /// # Errors
    /// If a variable is not valid.
    pub fn read_alone(source: &Source) -> Result<Self, super::SettingsError> {
        source.collect(|problems| Self::read(source, problems))
    }

    pub(super) fn read(source: &Source, problems: &mut Problems) -> Option<Self> {
        let data_dir = PathBuf::from(
            source
                .get("DATA_DIR")
                .unwrap_or_else(|| "./data".to_owned()),
        );
        let url = source
            .get("DATABASE_URL")
            .unwrap_or_else(|| "duckdb://./data/guildlake.duckdb".to_owned());
        let database = match url.split_once("://") {
            Some(("duckdb", "")) => {
                problems.add("DATABASE_URL", "has no file path after duckdb://")
            }
            Some(("duckdb", path)) => Some(PathBuf::from(path)),
            Some(("postgres" | "postgresql", _)) => problems.add(
                "DATABASE_URL",
                "has the scheme postgres://, which is not supported; use duckdb://PATH",
            ),
            // The rest may contain a password, so only the scheme is shown.
            Some((scheme, _)) => problems.add(
                "DATABASE_URL",
                format!("has the unknown scheme {scheme}://; use duckdb://PATH"),
            ),
            None => problems.add("DATABASE_URL", "has no scheme; use duckdb://PATH"),
        };
        let repair_window = match source.get("REPAIR_WINDOW") {
            None => Some(REPAIR_WINDOW),
            Some(text) => match time(&text) {
                Some(time) => Some(time),
                None => problems.add("REPAIR_WINDOW", "must be a duration such as 7d or 36h"),
            },
        };
        let deleted_content = match source.get("DELETED_CONTENT").as_deref() {
            None | Some("keep") => Some(DeletedContent::Keep),
            Some("blank") => Some(DeletedContent::RemoveAfter(TimeDelta::zero())),
            Some(text) => match text.strip_prefix("purge:").and_then(time) {
                Some(time) => Some(DeletedContent::RemoveAfter(time)),
                None => problems.add(
                    "DELETED_CONTENT",
                    "must be `keep`, `blank`, or `purge:` with a duration, such as purge:30d",
                ),
            },
        };
        let memory_limit = match source
            .get("MEMORY_LIMIT")
            .map(|text| text.parse::<ByteSize>())
        {
            None => Some(None),
            Some(Ok(size)) if size >= MIN_MEMORY => Some(Some(size.as_u64())),
            Some(_) => problems.add(
                "MEMORY_LIMIT",
                "must be a size of at least 128MB, such as 512MB or 4GB",
            ),
        };
        Some(Self {
            database: database?,
            data_dir,
            repair_window: repair_window?,
            deleted_content: deleted_content?,
            memory_limit: memory_limit?,
        })
    }
}

/// Parses a duration of at most a hundred years: `7d`, `36h`, `1d 12h`.
pub(super) fn time(text: &str) -> Option<TimeDelta> {
    let time = TimeDelta::from_std(humantime::parse_duration(text).ok()?).ok()?;
    (time <= TimeDelta::days(36_525)).then_some(time)
}
