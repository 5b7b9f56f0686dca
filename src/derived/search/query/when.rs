//! Dates and times, as values of `before:`, `after:` and `during:`.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, TimeDelta, Utc, Weekday};

use super::day::YEARS;
use super::excerpt::shown;
use super::{Context, Filter, day};

/// The possible forms of a date, in words.
pub(super) const DATES: &str = "a date such as 2024-05-17, 2024-05, 2024, today, yesterday, monday, week, last-month or 7d (seven days ago), or a time such as 2024-05-17T12:00:00Z";

/// A range of time, or a moment.
#[derive(Debug, Clone, Copy)]
enum When {
    /// From the first moment (inclusive) to the second (exclusive).
    Stretch(DateTime<Utc>, DateTime<Utc>),
    /// A moment that was typed as such.
    Point(DateTime<Utc>),
    /// A moment that lies this long ago.
    Ago(DateTime<Utc>),
}

impl When {
    fn start(self) -> DateTime<Utc> {
        match self {
            Self::Stretch(moment, _) | Self::Point(moment) | Self::Ago(moment) => moment,
        }
    }

    fn end(self) -> DateTime<Utc> {
        match self {
            Self::Stretch(_, moment) | Self::Point(moment) | Self::Ago(moment) => moment,
        }
    }
}

/// Before the beginning of the date.
pub(super) fn before(text: &str, context: &Context) -> Result<Filter, String> {
    let to = Some(read(text, context)?.start());
    Ok(Filter::Written { from: None, to })
}

/// After the end of the date; a moment includes itself.
pub(super) fn after(text: &str, context: &Context) -> Result<Filter, String> {
    let from = Some(read(text, context)?.end());
    Ok(Filter::Written { from, to: None })
}

/// During the date, or from the beginning of the first date to the end of the second.
pub(super) fn during(text: &str, context: &Context) -> Result<Filter, String> {
    let (from, to) = match text.split_once("..") {
        Some((first, last)) if first.is_empty() || last.is_empty() => {
            return Err(
                "A range needs two dates, such as 2024-05-01..2024-05-07: type before: or after: for a single date."
                    .to_owned(),
            );
        }
        Some((first, last)) => {
            let from = read(first, context)?.start();
            let to = read(last, context)?.end();
            (from, Some(to))
        }
        None => match read(text, context)? {
            When::Stretch(from, to) => (from, Some(to)),
            // The range has no end, because Discord's clock may be a little ahead of this one.
            When::Ago(from) => (from, None),
            When::Point(_) => {
                return Err(format!(
                    "{} is a single moment: type before: or after:, or during: with two moments and .. between them.",
                    shown(text)
                ));
            }
        },
    };
    if to.is_some_and(|to| to <= from) {
        return Err(format!(
            "{} ends before it begins: type the earlier date first.",
            shown(text)
        ));
    }
    let from = Some(from);
    Ok(Filter::Written { from, to })
}

fn read(text: &str, context: &Context) -> Result<When, String> {
    let word = text.to_ascii_lowercase();
    if let Some(length) = length(&word) {
        return ago(length, context).map(When::Ago).ok_or_else(out_of_range);
    }
    if let Some(named) = named(&word) {
        let stretch = stretch(named, context);
        return stretch.ok_or_else(out_of_range);
    }
    if word.contains(':') {
        return point(text);
    }
    let (first, next) = written(&word)?;
    let moment = |day| day::start(day, context.zone).ok_or_else(out_of_range);
    Ok(When::Stretch(moment(first)?, moment(next)?))
}

fn out_of_range() -> String {
    let (first, last) = (YEARS.start(), YEARS.end());
    format!("Dates go from {first} to {last}.")
}

/// Parses a moment with its offset from UTC.
fn point(text: &str) -> Result<When, String> {
    let moment = DateTime::parse_from_rfc3339(text).map_err(|_| {
        let text = shown(text);
        format!("{text} is not a time: type it as 2024-05-17T12:00:00Z or 2024-05-17T12:00:00+02:00 (in a URL, + is %2B).")
    })?;
    let moment = day::in_range(moment.to_utc());
    moment.map(When::Point).ok_or_else(out_of_range)
}

/// The first day of a date in digits, and the first day after it.
fn written(word: &str) -> Result<(NaiveDate, NaiveDate), String> {
    let is_number = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    let parts: Vec<&str> = word.split('-').collect();
    if parts.len() > 3 || !parts.iter().all(|part| is_number(part)) {
        return Err(format!("{} is not a date: type {DATES}.", shown(word)));
    }
    let year = parts[0].parse().ok().filter(|year| YEARS.contains(year));
    let Some(year) = year.filter(|_| parts[0].len() == 4) else {
        return Err(format!(
            "{} A date is 2024-05-17, 2024-05 or 2024.",
            out_of_range()
        ));
    };
    let unknown = || {
        let word = shown(word);
        format!("{word} is not in the calendar: type a date such as 2024-05-17.")
    };
    let part = |at: usize| match parts.get(at) {
        None => Ok(1),
        Some(part) if part.len() == 2 => part.parse().map_err(|_| unknown()),
        Some(_) => Err(unknown()),
    };
    let first = NaiveDate::from_ymd_opt(year, part(1)?, part(2)?).ok_or_else(unknown)?;
    let next = match parts.len() {
        1 => first.checked_add_months(Months::new(12)),
        2 => first.checked_add_months(Months::new(1)),
        _ => first.succ_opt(),
    };
    Ok((first, next.ok_or_else(out_of_range)?))
}

/// A range of time with a name.
#[derive(Debug, Clone, Copy)]
enum Named {
    Today,
    Yesterday,
    /// The last such day that has begun, which can be today.
    Weekday(Weekday),
    Week,
    Month,
    Year,
    LastWeek,
    LastMonth,
    LastYear,
}

fn named(word: &str) -> Option<Named> {
    let named = match word {
        "today" => Named::Today,
        "yesterday" => Named::Yesterday,
        "week" => Named::Week,
        "month" => Named::Month,
        "year" => Named::Year,
        "last-week" => Named::LastWeek,
        "last-month" => Named::LastMonth,
        "last-year" => Named::LastYear,
        _ => Named::Weekday(word.parse().ok()?),
    };
    Some(named)
}

fn stretch(named: Named, context: &Context) -> Option<When> {
    let today = day::local(context.now, context.zone)?.date();
    let week = Days::new(7);
    let (first, next) = match named {
        Named::Today => (today, today.succ_opt()?),
        Named::Yesterday => (today.pred_opt()?, today),
        Named::Weekday(weekday) => {
            let since = today.weekday().days_since(weekday);
            let day = today.checked_sub_days(Days::new(since.into()))?;
            (day, day.succ_opt()?)
        }
        Named::Week => {
            let monday = day::monday(today)?;
            (monday, monday.checked_add_days(week)?)
        }
        Named::LastWeek => {
            let monday = day::monday(today)?;
            (monday.checked_sub_days(week)?, monday)
        }
        Named::Month => {
            let first = day::month(today)?;
            (first, first.checked_add_months(Months::new(1))?)
        }
        Named::LastMonth => {
            let first = day::month(today)?;
            (first.checked_sub_months(Months::new(1))?, first)
        }
        Named::Year => {
            let first = day::year(today)?;
            (first, first.checked_add_months(Months::new(12))?)
        }
        Named::LastYear => {
            let first = day::year(today)?;
            (first.checked_sub_months(Months::new(12))?, first)
        }
    };
    let zone = context.zone;
    Some(When::Stretch(
        day::start(first, zone)?,
        day::start(next, zone)?,
    ))
}

/// The digits of a length such as `7d`, and their unit.
fn length(word: &str) -> Option<(&str, Unit)> {
    let letters = word.find(|it: char| !it.is_ascii_digit())?;
    let (digits, unit) = word.split_at(letters);
    let unit = match unit {
        "m" => Unit::Minutes,
        "h" => Unit::Hours,
        "d" => Unit::Days(1),
        "w" => Unit::Days(7),
        "mo" => Unit::Months(1),
        "y" => Unit::Months(12),
        _ => return None,
    };
    (!digits.is_empty()).then_some((digits, unit))
}

#[derive(Debug, Clone, Copy)]
enum Unit {
    Minutes,
    Hours,
    Days(u32),
    Months(u32),
}

/// The moment this long ago. Days, weeks, months and years lead to the same time of the day, even if the clocks
/// were changed in between.
fn ago((digits, unit): (&str, Unit), context: &Context) -> Option<DateTime<Utc>> {
    let count: u32 = digits.parse().ok()?;
    let zone = context.zone;
    match unit {
        Unit::Minutes => minutes_ago(count.into(), context),
        Unit::Hours => minutes_ago(i64::from(count) * 60, context),
        Unit::Days(each) => {
            let days = Days::new(count.checked_mul(each)?.into());
            let local = day::local(context.now, zone)?.checked_sub_days(days)?;
            day::moment(local, zone)
        }
        Unit::Months(each) => {
            let months = Months::new(count.checked_mul(each)?);
            let local = day::local(context.now, zone)?.checked_sub_months(months)?;
            day::moment(local, zone)
        }
    }
}

fn minutes_ago(minutes: i64, context: &Context) -> Option<DateTime<Utc>> {
    let length = TimeDelta::try_minutes(minutes)?;
    day::in_range(context.now.checked_sub_signed(length)?)
}
