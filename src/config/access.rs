//! How much a key may ask, and what is recorded of it.

use std::num::NonZeroU32;
use std::time::Duration;

use bytesize::ByteSize;

use super::source::{Problems, Source};
use super::storage::time;
use crate::audit::AuditSettings;

/// The default of `RATE_LIMIT`.
const DEFAULT_RATE_LIMIT: NonZeroU32 = NonZeroU32::new(6_000).expect("it is not 0");

/// The minimum of `RATE_LIMIT`: two downloads a minute.
const MIN_RATE_LIMIT: u32 = 60;

/// The default of `AUDIT_RETENTION`.
const DEFAULT_RETENTION: Duration = Duration::from_secs(90 * 24 * 3_600);

/// The default of `AUDIT_MAX_SIZE`.
const DEFAULT_MAX_SIZE: ByteSize = ByteSize::gb(1);

/// The minimum of `AUDIT_MAX_SIZE`: two files.
const MIN_MAX_SIZE: ByteSize = ByteSize::mb(20);

/// How much a key may ask, and what is recorded of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessSettings {
    /// `RATE_LIMIT`, default `6000`: the units that each key may use per minute; `off` for no limit. A page takes 1
    /// unit, a search or another query 4, a report 10, a download 30.
    pub rate_limit: Option<NonZeroU32>,
    /// `AUDIT_RETENTION`, default `90d`: how long the audit log keeps its entries; `off` for no audit log.
    /// `AUDIT_MAX_SIZE`, default `1GB`: the size of the audit log beyond which its oldest files are deleted before
    /// their time.
    pub audit: Option<AuditSettings>,
}

impl Default for AccessSettings {
    fn default() -> Self {
        Self {
            rate_limit: Some(DEFAULT_RATE_LIMIT),
            audit: Some(AuditSettings {
                retention: DEFAULT_RETENTION,
                max_bytes: DEFAULT_MAX_SIZE.as_u64(),
            }),
        }
    }
}

impl AccessSettings {
    /// Reads only these settings, for a command that changes keys.
    ///
    /// # Errors
    /// If a variable is not valid.
    pub fn read_alone(source: &Source) -> Result<Self, super::SettingsError> {
        source.collect(|problems| Self::read(source, problems))
    }

    pub(super) fn read(source: &Source, problems: &mut Problems) -> Option<Self> {
        let rate_limit = match source.get("RATE_LIMIT").as_deref() {
            None => Some(Some(DEFAULT_RATE_LIMIT)),
            Some("off") => Some(None),
            Some(text) => {
                let units = text.parse::<NonZeroU32>().ok();
                match units.filter(|units| units.get() >= MIN_RATE_LIMIT) {
                    Some(units) => Some(Some(units)),
                    None => problems.add(
                        "RATE_LIMIT",
                        "must be `off` or a whole number of units per minute from 60 on, such as 6000",
                    ),
                }
            }
        };
        let retention = match source.get("AUDIT_RETENTION").as_deref() {
            None => Some(Some(DEFAULT_RETENTION)),
            Some("off") => Some(None),
            Some(text) => match time(text).and_then(|time| time.to_std().ok()) {
                Some(time) if !time.is_zero() => Some(Some(time)),
                _ => problems.add(
                    "AUDIT_RETENTION",
                    "must be `off` or a duration, such as 90d or 52w",
                ),
            },
        };
        let max_size = match source
            .get("AUDIT_MAX_SIZE")
            .map(|text| text.parse::<ByteSize>())
        {
            None => Some(DEFAULT_MAX_SIZE),
            Some(Ok(size)) if size >= MIN_MAX_SIZE => Some(size),
            Some(_) => problems.add(
                "AUDIT_MAX_SIZE",
                "must be a size of at least 20MB, such as 500MB or 1GB",
            ),
        };
        let (retention, max_size) = (retention?, max_size?);
        Some(Self {
            rate_limit: rate_limit?,
            audit: retention.map(|retention| AuditSettings {
                retention,
                max_bytes: max_size.as_u64(),
            }),
        })
    }
}
