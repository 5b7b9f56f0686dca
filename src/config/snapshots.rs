//! When snapshots are taken, and how long old ones are kept.

use chrono::TimeDelta;

use super::source::{Problems, Source};
use super::storage::time;
use crate::derived::snapshot;

/// The default of `SNAPSHOT_INTERVAL` and `SNAPSHOT_GRACE`.
const HOUR: TimeDelta = TimeDelta::hours(1);

/// The default of `SNAPSHOT_FLOOR`.
const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// The minimum of `SNAPSHOT_INTERVAL`: more frequent snapshots only keep the disk busy.
const SHORTEST: TimeDelta = TimeDelta::minutes(1);

/// When snapshots are taken, and how long old ones are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotSettings {
    /// `SNAPSHOT_INTERVAL`, default `1h`: the time between two snapshots; `off` takes snapshots only on
    /// request.
    pub interval: Option<TimeDelta>,
    /// `SNAPSHOT_GRACE`, default `1h`: how long the files of an older snapshot are kept after a new snapshot
    /// replaced it, for clients that still read them.
    pub grace: TimeDelta,
    /// `SNAPSHOT_FLOOR`, default `1m`: how long after a snapshot `POST /v1/snapshots` takes no new one. Each
    /// snapshot is kept for the grace time, so a client that requests snapshots in a loop would fill the disk.
    pub floor: TimeDelta,
}

impl Default for SnapshotSettings {
    fn default() -> Self {
        Self {
            interval: Some(HOUR),
            grace: HOUR,
            floor: MINUTE,
        }
    }
}

impl SnapshotSettings {
    /// Reads only these settings, for `snapshot`.
    ///
    /// # Errors
    /// If a variable is not valid.
    pub fn read_alone(source: &Source) -> Result<Self, super::SettingsError> {
        source.collect(|problems| Self::read(source, problems))
    }

    pub(super) fn read(source: &Source, problems: &mut Problems) -> Option<Self> {
        let interval = match source.get("SNAPSHOT_INTERVAL").as_deref() {
            None => Some(Some(HOUR)),
            Some("off") => Some(None),
            Some(text) => match time(text).filter(|time| *time >= SHORTEST) {
                Some(time) => Some(Some(time)),
                None => problems.add(
                    "SNAPSHOT_INTERVAL",
                    "must be `off` or a duration of at least 1m, such as 15m or 1h",
                ),
            },
        };
        let length = |name: &'static str, default: TimeDelta, problems: &mut Problems| match source
            .get(name)
        {
            None => Some(default),
            Some(text) => match time(&text) {
                Some(time) => Some(time),
                None => problems.add(name, "must be a duration such as 10m or 1h"),
            },
        };
        let grace = length("SNAPSHOT_GRACE", HOUR, problems);
        let floor = length("SNAPSHOT_FLOOR", MINUTE, problems);
        Some(Self {
            interval: interval?,
            grace: grace?,
            floor: floor?,
        })
    }

    /// The same settings in the form that the snapshot follower takes.
    #[must_use]
    pub fn follower(&self) -> snapshot::Settings {
        snapshot::Settings {
            interval: self.interval.and_then(|time| time.to_std().ok()),
            grace: self.grace.to_std().unwrap_or_default(),
            floor: self.floor.to_std().unwrap_or_default(),
        }
    }
}
