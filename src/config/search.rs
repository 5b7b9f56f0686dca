//! The settings of the full-text search.

use bytesize::ByteSize;

use super::source::{Problems, Source};
use crate::derived::search;

/// The default of `SEARCH_MEMORY`.
const MEMORY: ByteSize = ByteSize::mb(64);

/// The limits of `SEARCH_MEMORY`, which are those of tantivy.
const MIN_MEMORY: ByteSize = ByteSize::mb(16);
const MAX_MEMORY: ByteSize = ByteSize::gb(4);

/// The settings of the full-text search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchSettings {
    /// `SEARCH_INDEX`, default `on`: whether messages are indexed for `/v1/search`; `off` saves disk space and
    /// CPU time.
    pub is_on: bool,
    /// `SEARCH_MEMORY`, default `64MB`: the memory for messages that wait for the next commit of the index, in
    /// bytes. More memory makes the first indexing faster.
    pub memory: u64,
}

impl Default for SearchSettings {
    fn default() -> Self {
        Self {
            is_on: true,
            memory: MEMORY.as_u64(),
        }
    }
}

impl SearchSettings {
    /// Reads only these settings, for `index`.
    ///
    /// # Errors
    /// If a variable is not valid.
    pub fn read_alone(source: &Source) -> Result<Self, super::SettingsError> {
        source.collect(|problems| Self::read(source, problems))
    }

    pub(super) fn read(source: &Source, problems: &mut Problems) -> Option<Self> {
        let is_on = match source.get("SEARCH_INDEX").as_deref() {
            None | Some("on") => Some(true),
            Some("off") => Some(false),
            Some(_) => problems.add("SEARCH_INDEX", "must be `on` or `off`"),
        };
        let memory = match source
            .get("SEARCH_MEMORY")
            .map(|text| text.parse::<ByteSize>())
        {
            None => Some(MEMORY),
            Some(Ok(size)) if (MIN_MEMORY..=MAX_MEMORY).contains(&size) => Some(size),
            Some(_) => problems.add(
                "SEARCH_MEMORY",
                "must be a size from 16MB to 4GB, such as 64MB or 500MB",
            ),
        };
        Some(Self {
            is_on: is_on?,
            memory: memory?.as_u64(),
        })
    }

    /// The same settings in the form that the index follower takes.
    #[must_use]
    pub fn follower(&self) -> search::Settings {
        search::Settings {
            memory: usize::try_from(self.memory).unwrap_or(usize::MAX),
        }
    }
}
