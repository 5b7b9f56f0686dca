//! Where the record is kept.

use std::path::PathBuf;

use super::source::{Problems, Source};

/// The record's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageSettings {
    /// `DATABASE_URL`, default `duckdb://./data/guildlake.duckdb`: the DuckDB file.
    pub database: PathBuf,
    /// `DATA_DIR`, default `./data`: the lock, and what DuckDB spills.
    pub data_dir: PathBuf,
}

impl StorageSettings {
    /// Everything in one folder, as the defaults have it.
    #[must_use]
    pub fn in_folder(data_dir: PathBuf) -> Self {
        Self {
            database: data_dir.join("guildlake.duckdb"),
            data_dir,
        }
    }

    /// Reads what `backfill` and `doctor` need of the record.
    ///
    /// # Errors
    /// What is wrong.
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
            Some(("duckdb", "")) => problems.add("DATABASE_URL", "names no file after duckdb://"),
            Some(("duckdb", path)) => Some(PathBuf::from(path)),
            Some(("postgres" | "postgresql", _)) => problems.add(
                "DATABASE_URL",
                "is of the scheme postgres://, which comes later; use duckdb://PATH",
            ),
            // The rest may hold a password: only the scheme is told.
            Some((scheme, _)) => problems.add(
                "DATABASE_URL",
                format!("is of the unknown scheme {scheme}://; use duckdb://PATH"),
            ),
            None => problems.add("DATABASE_URL", "has no scheme; use duckdb://PATH"),
        };
        Some(Self {
            database: database?,
            data_dir,
        })
    }
}
