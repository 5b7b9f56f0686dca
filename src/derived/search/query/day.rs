//! Days of a time zone as moments, including days on which the clocks of the zone change.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};

/// The years of dates: they include every message, and are far from the limits of the calendar.
pub(super) const YEARS: std::ops::RangeInclusive<i32> = 1970..=2999;

/// The moment, if it is in one of these years. A year before and after them passes too, because a time zone moves
/// the limits by less than a day.
pub(super) fn in_range(moment: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let (first, last) = (*YEARS.start() - 1, *YEARS.end() + 1);
    (first..=last).contains(&moment.year()).then_some(moment)
}

/// The date in a zone.
pub(super) fn local(moment: DateTime<Utc>, zone: Tz) -> Option<NaiveDateTime> {
    Some(in_range(moment)?.with_timezone(&zone).naive_local())
}

/// When the clocks of a zone show this time: the first moment if they show it twice; the moment of the change
/// if they skip it.
pub(super) fn moment(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    let shown = zone.from_local_datetime(&local).earliest();
    let found = shown.or_else(|| GapInfo::new(&local, &zone)?.end)?;
    in_range(found.to_utc())
}

/// When a day begins, which is not always at midnight.
pub(super) fn start(day: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    moment(day.and_hms_opt(0, 0, 0)?, zone)
}

/// The Monday of a day's week.
pub(super) fn monday(day: NaiveDate) -> Option<NaiveDate> {
    day.checked_sub_days(Days::new(day.weekday().num_days_from_monday().into()))
}

/// The first day of a day's month.
pub(super) fn month(day: NaiveDate) -> Option<NaiveDate> {
    day.with_day(1)
}

/// The first day of a day's year.
pub(super) fn year(day: NaiveDate) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(day.year(), 1, 1)
}
