//! The settings, from the environment or from `.env` in the working folder. Each concern has its own struct,
//! and each variable is documented at its field. All problems are reported at once, each with the name of its
//! variable.

mod access;
mod api;
mod discord;
mod rows;
mod search;
mod snapshots;
mod source;
mod storage;

pub use access::AccessSettings;
pub use api::{ApiSettings, KeyPattern, KeyWeakness, pattern, weakness};
pub use discord::{DiscordSettings, Reactions, token_has_the_form};
pub use rows::RowsSettings;
pub use search::SearchSettings;
pub use snapshots::SnapshotSettings;
pub use source::{Problem, SettingsError, Source};
pub use storage::StorageSettings;

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Pretty,
    /// One JSON object per line.
    Json,
}

/// All settings of `serve`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The HTTP API.
    pub api: ApiSettings,
    /// What keys may ask, and what is recorded of it.
    pub access: AccessSettings,
    /// The database.
    pub storage: StorageSettings,
    /// The snapshots.
    pub snapshots: SnapshotSettings,
    /// The full-text search.
    pub search: SearchSettings,
    /// The row store.
    pub rows: RowsSettings,
    /// Discord; none without a token.
    pub discord: Option<DiscordSettings>,
}

impl Settings {
    /// Reads all settings of `serve`.
    ///
    /// # Errors
    /// Every variable that is missing or not valid.
    pub fn read(source: &Source) -> Result<Self, SettingsError> {
        source.collect(|problems| {
            let api = ApiSettings::read(source, problems);
            let access = AccessSettings::read(source, problems);
            let storage = StorageSettings::read(source, problems);
            let snapshots = SnapshotSettings::read(source, problems);
            let search = SearchSettings::read(source, problems);
            let rows = RowsSettings::read(source, problems);
            let discord = DiscordSettings::read(source, problems);
            Some(Self {
                api: api?,
                access: access?,
                storage: storage?,
                snapshots: snapshots?,
                search: search?,
                rows: rows?,
                discord: discord?,
            })
        })
    }
}

impl LogFormat {
    /// Reads `LOG_FORMAT`: `pretty` (the default) or `json`.
    ///
    /// # Errors
    /// If it has another value.
    pub fn read(source: &Source) -> Result<Self, SettingsError> {
        source.collect(|problems| match source.get("LOG_FORMAT").as_deref() {
            None | Some("pretty") => Some(Self::Pretty),
            Some("json") => Some(Self::Json),
            Some(_) => problems.add("LOG_FORMAT", "must be `pretty` or `json`"),
        })
    }
}
