//! When people write: evenings more than mornings, weekends differently, hardly anybody at four at night.
//! A time is a day drawn evenly and an hour drawn by that weekday's weights.

use chrono::{Datelike, TimeDelta};
use rand::Rng;
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;

use crate::snowflake::datetime;

const WEEKDAY: [u32; 24] = [
    6, 3, 2, 1, 1, 2, 5, 12, 18, 22, 24, 24, 28, 24, 22, 22, 24, 28, 34, 40, 44, 40, 26, 12,
];
const WEEKEND: [u32; 24] = [
    16, 12, 8, 4, 2, 1, 2, 4, 8, 14, 20, 24, 28, 30, 32, 32, 30, 30, 34, 40, 46, 48, 40, 26,
];
/// Monday to Sunday: how much is said on that day.
const DAYS: [u32; 7] = [90, 85, 88, 95, 110, 130, 120];

/// Draws times inside a window by the rhythm of the week.
#[derive(Debug)]
pub(crate) struct Rhythm {
    weekday: WeightedIndex<u32>,
    weekend: WeightedIndex<u32>,
}

impl Rhythm {
    pub(crate) fn new() -> Self {
        let table =
            |hours: [u32; 24]| WeightedIndex::new(hours).expect("the weights above are positive");
        Self {
            weekday: table(WEEKDAY),
            weekend: table(WEEKEND),
        }
    }

    /// A time in `from..to` (Unix milliseconds).
    pub(crate) fn draw(&self, rng: &mut impl Rng, from: u64, to: u64) -> u64 {
        // A day and an hour that fall outside the window are drawn again; a narrow window takes any time in it.
        for _ in 0..24 {
            let day = datetime(rng.random_range(from..to.max(from + 1)));
            let weekday = day.weekday().num_days_from_monday() as usize;
            if rng.random_range(0..130) >= DAYS[weekday] {
                continue;
            }
            let hours = if weekday >= 5 {
                &self.weekend
            } else {
                &self.weekday
            };
            let hour = i64::try_from(hours.sample(rng)).unwrap_or(0);
            let midnight = day.date_naive().and_time(chrono::NaiveTime::MIN).and_utc();
            let time = midnight
                + TimeDelta::hours(hour)
                + TimeDelta::milliseconds(rng.random_range(0..3_600_000));
            let ms = u64::try_from(time.timestamp_millis()).unwrap_or(from);
            if (from..to).contains(&ms) {
                return ms;
            }
        }
        rng.random_range(from..to.max(from + 1))
    }
}
