//! Discord's time. Ids contain Discord's time, so everything that is compared with ids has to come from this
//! clock: a machine whose clock is wrong or jumps would otherwise claim to have received what it has not.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};

/// How far the machine's clock may differ from Discord's and still be used: Discord sends its time in whole
/// seconds.
const TOLERANCE: TimeDelta = TimeDelta::seconds(2);

/// A clock that nobody sets and that continues while the machine sleeps, which `Instant` does not on Linux.
#[cfg(target_os = "linux")]
const STEADY: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const STEADY: ClockId = ClockId::Monotonic;

/// Discord's time, as far as responses have shown it. Clones share the same clock.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    sighting: Arc<Mutex<Option<Sighting>>>,
    /// The last time that was given to an observation, in microseconds since 1970.
    last_stamp: Arc<Mutex<i64>>,
}

/// Discord's time at a moment of the machine's steady clock.
#[derive(Debug, Clone, Copy)]
struct Sighting {
    time: DateTime<Utc>,
    at: Duration,
}

impl Clock {
    /// The present time: the machine's, unless Discord's differs from it.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        let machine = Utc::now();
        match self.discord() {
            Some(discord) if (machine - discord).abs() > TOLERANCE => discord,
            _ => machine,
        }
    }

    /// The time for a new observation: the present time, but always later than all times given before, so that
    /// a clock that is set back does not change the order of observations.
    #[must_use]
    pub fn stamp(&self) -> DateTime<Utc> {
        let now = self.now().timestamp_micros();
        let mut last = self.last_stamp.lock();
        *last = now.max(*last + 1);
        DateTime::from_timestamp_micros(*last).unwrap_or_default()
    }

    /// Continues after the last observation time of an earlier process.
    pub fn stamp_after(&self, time: DateTime<Utc>) {
        let mut last = self.last_stamp.lock();
        *last = time.timestamp_micros().max(*last);
    }

    /// How far the machine's clock is ahead of Discord's; none until a response has shown Discord's time.
    #[must_use]
    pub fn skew(&self) -> Option<TimeDelta> {
        self.discord().map(|discord| Utc::now() - discord)
    }

    /// Takes Discord's time from a response. It has whole seconds only, so a time that agrees with the known
    /// one changes nothing; otherwise the clock would go back and forth.
    pub fn saw(&self, time: DateTime<Utc>) {
        let agrees = |known| time <= known && known < time + TOLERANCE;
        if !self.discord().is_some_and(agrees) {
            let at = steady();
            *self.lock() = Some(Sighting { time, at });
        }
    }

    fn discord(&self) -> Option<DateTime<Utc>> {
        let sighting = (*self.lock())?;
        let passed = TimeDelta::from_std(steady().checked_sub(sighting.at)?).ok()?;
        Some(sighting.time + passed)
    }

    fn lock(&self) -> parking_lot::MutexGuard<'_, Option<Sighting>> {
        self.sighting.lock()
    }
}

/// The time since some moment in the past.
fn steady() -> Duration {
    let time = clock_gettime(STEADY);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observations_have_rising_times_whatever_the_clock_does() {
        let clock = Clock::default();
        clock.saw(Utc::now() + TimeDelta::days(1));
        let ahead = clock.stamp();
        // The machine's clock was wrong, or is set back.
        clock.saw(Utc::now());
        let times: Vec<_> = (0..1000).map(|_| clock.stamp()).collect();
        assert!(times.is_sorted_by(|one, next| one < next));
        assert!(ahead < times[0]);
        let next_run = Clock::default();
        next_run.stamp_after(times[999]);
        assert!(times[999] < next_run.stamp());
    }

    #[test]
    fn a_clock_that_is_wrong_gives_way_to_discords() {
        let clock = Clock::default();
        assert!((clock.now() - Utc::now()).abs() < TimeDelta::seconds(1));
        let tomorrow = Utc::now() + TimeDelta::days(1);
        clock.saw(tomorrow);
        assert!((clock.now() - tomorrow).abs() < TimeDelta::seconds(1));
        assert!(
            clock
                .skew()
                .is_some_and(|skew| skew < TimeDelta::hours(-23))
        );
        // Discord's time has whole seconds, which must not set the clock back.
        let before = clock.now();
        clock.saw(before - TimeDelta::milliseconds(900));
        assert!(clock.now() >= before);
        // A difference of one second because of rounding is no disagreement either.
        clock.saw(Utc::now() - TimeDelta::seconds(1));
        assert!((clock.now() - Utc::now()).abs() < TimeDelta::milliseconds(500));
    }
}
