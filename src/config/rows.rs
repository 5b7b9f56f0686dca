//! The settings of the row store.

use std::time::Duration;

use bytesize::ByteSize;

use super::source::{Problems, Source};
use crate::derived::rows;
use crate::store::usable_memory;

/// The default of `ROWS_CACHE` is this part of the memory, within these bounds.
const PART: u64 = 256;
const LEAST: ByteSize = ByteSize::mb(8);
const USUAL: ByteSize = ByteSize::mb(32);

/// How often a row store with redacted content in its files is made anew.
const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// The limits of `ROWS_CACHE`.
const MIN: ByteSize = ByteSize::mb(1);
const MAX: ByteSize = ByteSize::gb(64);

/// The settings of the row store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowsSettings {
    /// `ROWS_CACHE`, default a 256th of the memory, from `8MB` to `32MB`: the memory for rows that were read, in
    /// bytes.
    pub cache: u64,
}

impl Default for RowsSettings {
    fn default() -> Self {
        let part = usable_memory() / PART;
        Self {
            cache: part.clamp(LEAST.as_u64(), USUAL.as_u64()),
        }
    }
}

impl RowsSettings {
    /// Reads only these settings, for `rows`.
    ///
    /// # Errors
    /// If a variable is not valid.
    pub fn read_alone(source: &Source) -> Result<Self, super::SettingsError> {
        source.collect(|problems| Self::read(source, problems))
    }

    pub(super) fn read(source: &Source, problems: &mut Problems) -> Option<Self> {
        match source
            .get("ROWS_CACHE")
            .map(|text| text.parse::<ByteSize>())
        {
            None => Some(Self::default()),
            Some(Ok(size)) if (MIN..=MAX).contains(&size) => Some(Self {
                cache: size.as_u64(),
            }),
            Some(_) => problems.add(
                "ROWS_CACHE",
                "must be a size from 1MB to 64GB, such as 32MB or 1GB",
            ),
        }
    }

    /// The same settings in the form that the follower takes.
    #[must_use]
    pub fn follower(&self) -> rows::Settings {
        rows::Settings {
            cache: self.cache,
            forget_every: FORGET_EVERY,
        }
    }
}
