//! When snapshots are taken, and how long old ones stay.

use chrono::TimeDelta;

use super::source::{Problems, Source};
use super::storage::time;
use crate::derived::snapshot;

/// The time from one snapshot to the next, and that for which an old one's files stay.
const HOUR: TimeDelta = TimeDelta::hours(1);

/// The least time between one snapshot and the next that a caller asks for.
const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// Snapshots more often than this only keep the disk busy.
const SHORTEST: TimeDelta = TimeDelta::minutes(1);

/// When snapshots are taken, and how long old ones stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotSettings {
    /// `SNAPSHOT_INTERVAL`, default `1h`: the time from one snapshot to the next; `off` to take them only
    /// when they are asked for.
    pub interval: Option<TimeDelta>,
    /// `SNAPSHOT_GRACE`, default `1h`: how long the files of an older snapshot stay after another took
    /// its place, for those who read them.
    pub grace: TimeDelta,
    /// `SNAPSHOT_FLOOR`, default `1m`: how long after a snapshot none is taken for a caller of
    /// `POST /v1/snapshots`. Each stays for the grace time, so that one who asks in a loop would fill the disk.
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
    /// Reads what `snapshot` needs.
    ///
    /// # Errors
    /// What is wrong.
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

    /// The same for the follower.
    #[must_use]
    pub fn follower(&self) -> snapshot::Settings {
        snapshot::Settings {
            interval: self.interval.and_then(|time| time.to_std().ok()),
            grace: self.grace.to_std().unwrap_or_default(),
            floor: self.floor.to_std().unwrap_or_default(),
        }
    }
}
