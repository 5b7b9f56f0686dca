//! Snowflakes and the simulator's clock.
//! An id holds its time in milliseconds since 2015; several ids share a millisecond. The clock can be moved on by a
//! test, and never yields an id that is not greater than the last one.

use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, TimeZone, Utc};

/// Discord's epoch, 2015-01-01T00:00:00Z, in Unix milliseconds.
pub const DISCORD_EPOCH_MS: u64 = 1_420_070_400_000;

/// The smallest id of a millisecond, given in Unix time.
#[must_use]
pub fn snowflake_at(unix_ms: u64) -> u64 {
    // worker 1, process 0: constant, so that ids ascend inside a millisecond too.
    (unix_ms.saturating_sub(DISCORD_EPOCH_MS) << 22) | (1 << 17)
}

/// The Unix milliseconds an id holds.
#[must_use]
pub fn unix_ms(snowflake: u64) -> u64 {
    (snowflake >> 22) + DISCORD_EPOCH_MS
}

/// A time as Discord writes it: `2021-07-19T13:34:18.123000+00:00`.
#[must_use]
pub fn timestamp(unix_ms: u64) -> String {
    let time = datetime(unix_ms);
    if unix_ms.is_multiple_of(1000) {
        return time.to_rfc3339_opts(SecondsFormat::Secs, false);
    }
    time.to_rfc3339_opts(SecondsFormat::Micros, false)
}

pub(crate) fn datetime(unix_ms: u64) -> DateTime<Utc> {
    Utc.timestamp_millis_opt(i64::try_from(unix_ms).unwrap_or(0))
        .single()
        .unwrap_or_default()
}

/// Gives times and ids.
#[derive(Debug)]
pub(crate) struct Clock {
    anchor_ms: u64,
    started: Instant,
    offset: Duration,
    last: u64,
}

impl Clock {
    pub(crate) fn new(anchor: DateTime<Utc>) -> Self {
        Self {
            anchor_ms: u64::try_from(anchor.timestamp_millis()).unwrap_or(DISCORD_EPOCH_MS),
            started: Instant::now(),
            offset: Duration::ZERO,
            last: 0,
        }
    }

    /// When the history ended and the live time began, in Unix milliseconds.
    pub(crate) fn anchor_ms(&self) -> u64 {
        self.anchor_ms
    }

    pub(crate) fn now_ms(&self) -> u64 {
        let passed = self.started.elapsed() + self.offset;
        self.anchor_ms + u64::try_from(passed.as_millis()).unwrap_or(u64::MAX / 2)
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.offset += by;
    }

    /// The next id of now.
    pub(crate) fn next_id(&mut self) -> u64 {
        let now = self.now_ms();
        self.id_at(now)
    }

    /// The next id of a given time, or of the last id's time when that is later.
    pub(crate) fn id_at(&mut self, ms: u64) -> u64 {
        let wanted = snowflake_at(ms);
        self.last = if wanted > self.last {
            wanted
        } else {
            next(self.last)
        };
        self.last
    }
}

/// The next id: the increment counts to 4095, then the next millisecond begins.
fn next(id: u64) -> u64 {
    if id & 0xfff == 0xfff {
        snowflake_at(unix_ms(id) + 1)
    } else {
        id + 1
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, next, snowflake_at, timestamp, unix_ms};

    #[test]
    fn ids_hold_their_time_and_only_ascend() {
        // The example of Discord's documentation.
        assert_eq!(unix_ms(175_928_847_299_117_063), 1_462_015_105_796);
        assert_eq!(
            timestamp(1_462_015_105_796),
            "2016-04-30T11:18:25.796000+00:00"
        );
        assert_eq!(timestamp(1_462_015_105_000), "2016-04-30T11:18:25+00:00");
        let mut clock = Clock::new(chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(20_000));
        let ids: Vec<u64> = (0..10_000)
            .map(|_| clock.id_at(1_700_000_000_000))
            .collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        assert_eq!(
            unix_ms(ids[0]),
            unix_ms(ids[4000]),
            "several share a millisecond"
        );
        assert!(unix_ms(ids[9999]) > unix_ms(ids[0]), "4096 at most");
        assert_eq!(
            next(snowflake_at(1_700_000_000_000) | 0xfff),
            snowflake_at(1_700_000_000_001)
        );
    }
}
