//! Dates: what each one spans, with days of a time zone.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::*;

fn at(now: &str, zone: Tz) -> Context {
    let now = now.parse().unwrap();
    Context { now, zone }
}

/// The canonical text of a query, or the reason of its mistake.
fn read(text: &str, context: &Context) -> String {
    match parse(text, context) {
        Ok(clause) => clause.map_or_else(String::new, |it| it.to_string()),
        Err(mistake) => mistake.reason,
    }
}

fn during(value: &str, context: &Context) -> String {
    let text = read(&format!("during:{value}"), context);
    match text.strip_prefix("during:") {
        Some(span) => span.to_owned(),
        None => text,
    }
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[test]
fn before_ends_where_a_date_begins_and_after_begins_where_it_ends() {
    for (typed, meant) in [
        ("before:2024-05-17", "before:2024-05-16T22:00:00Z"),
        ("after:2024-05-17", "after:2024-05-17T22:00:00Z"),
        (
            "during:2024-05-17",
            "during:2024-05-16T22:00:00Z..2024-05-17T22:00:00Z",
        ),
        (
            "on: 2024-05-17",
            "during:2024-05-16T22:00:00Z..2024-05-17T22:00:00Z",
        ),
        ("before:2024-05", "before:2024-04-30T22:00:00Z"),
        ("after:2024-12", "after:2024-12-31T23:00:00Z"),
        ("before:2024", "before:2023-12-31T23:00:00Z"),
        ("after:2024", "after:2024-12-31T23:00:00Z"),
        // A moment is not before itself, and not excluded by `after`.
        ("before:2024-05-17T12:00:00Z", "before:2024-05-17T12:00:00Z"),
        (
            "after:2024-05-17T12:00:00+02:00",
            "after:2024-05-17T10:00:00Z",
        ),
        (
            "after:\"2024-05-17 12:00:00.5Z\"",
            "after:2024-05-17T12:00:00.500Z",
        ),
        // A range goes from the beginning of its first date to the end of its last.
        (
            "during:2024-05-01..2024-05-07",
            "during:2024-04-30T22:00:00Z..2024-05-07T22:00:00Z",
        ),
        (
            "during:2023..2024-02",
            "during:2022-12-31T23:00:00Z..2024-02-29T23:00:00Z",
        ),
        (
            "during:7d..yesterday",
            "during:2024-07-10T12:30:00Z..2024-07-16T22:00:00Z",
        ),
    ] {
        assert_eq!(read(typed, &context()), meant, "{typed}");
    }
}

#[test]
fn dates_that_now_decides() {
    for (typed, meant) in [
        ("today", "2024-07-16T22:00:00Z..2024-07-17T22:00:00Z"),
        ("Yesterday", "2024-07-15T22:00:00Z..2024-07-16T22:00:00Z"),
        ("wednesday", "2024-07-16T22:00:00Z..2024-07-17T22:00:00Z"),
        ("tue", "2024-07-15T22:00:00Z..2024-07-16T22:00:00Z"),
        ("thursday", "2024-07-10T22:00:00Z..2024-07-11T22:00:00Z"),
        ("week", "2024-07-14T22:00:00Z..2024-07-21T22:00:00Z"),
        ("last-week", "2024-07-07T22:00:00Z..2024-07-14T22:00:00Z"),
        ("month", "2024-06-30T22:00:00Z..2024-07-31T22:00:00Z"),
        ("last-month", "2024-05-31T22:00:00Z..2024-06-30T22:00:00Z"),
        ("year", "2023-12-31T23:00:00Z..2024-12-31T23:00:00Z"),
        ("last-year", "2022-12-31T23:00:00Z..2023-12-31T23:00:00Z"),
        // A length of time stands for the time since then.
        ("30m", "after:2024-07-17T12:00:00Z"),
        ("12h", "after:2024-07-17T00:30:00Z"),
        ("7d", "after:2024-07-10T12:30:00Z"),
        ("2W", "after:2024-07-03T12:30:00Z"),
        ("5mo", "after:2024-02-17T13:30:00Z"),
        ("1y", "after:2023-07-17T12:30:00Z"),
    ] {
        assert_eq!(during(typed, &context()), meant, "{typed}");
    }
    assert_eq!(read("before:7d", &context()), "before:2024-07-10T12:30:00Z");
    assert_eq!(read("after:7d", &context()), "after:2024-07-10T12:30:00Z");
    // A Monday begins its week, and a Sunday ends it.
    for now in ["2024-07-15T00:00:00Z", "2024-07-21T23:59:59Z"] {
        let context = at(now, Tz::UTC);
        assert_eq!(
            during("week", &context),
            "2024-07-15T00:00:00Z..2024-07-22T00:00:00Z"
        );
    }
}

#[test]
fn days_are_those_of_the_zone() {
    // 23:30 in UTC is tomorrow in Paris, and still today in New York.
    let now = "2024-07-17T23:30:00Z";
    for (zone, meant) in [
        (Tz::UTC, "2024-07-17T00:00:00Z..2024-07-18T00:00:00Z"),
        (
            Tz::Europe__Paris,
            "2024-07-17T22:00:00Z..2024-07-18T22:00:00Z",
        ),
        (
            Tz::America__New_York,
            "2024-07-17T04:00:00Z..2024-07-18T04:00:00Z",
        ),
        (
            Tz::Asia__Kathmandu,
            "2024-07-17T18:15:00Z..2024-07-18T18:15:00Z",
        ),
    ] {
        assert_eq!(during("today", &at(now, zone)), meant);
    }
}

#[test]
fn a_day_on_which_clocks_change_is_longer_or_shorter() {
    for (typed, meant) in [
        ("2024-03-31", "2024-03-30T23:00:00Z..2024-03-31T22:00:00Z"),
        ("2024-10-27", "2024-10-26T22:00:00Z..2024-10-27T23:00:00Z"),
    ] {
        assert_eq!(during(typed, &context()), meant);
    }
    // One day ago the clocks showed the same time; 24 hours ago they did not.
    let monday = at("2024-04-01T00:30:00Z", Tz::Europe__Paris);
    assert_eq!(during("1d", &monday), "after:2024-03-31T01:00:00Z");
    assert_eq!(during("24h", &monday), "after:2024-03-31T00:30:00Z");
    let monday = at("2024-10-28T12:00:00Z", Tz::Europe__Paris);
    assert_eq!(during("2d", &monday), "after:2024-10-26T11:00:00Z");
    // In Beirut that day began at one o'clock, in Havana midnight came twice, and Samoa had no 30th of
    // December.
    let beirut = at("2024-01-01T00:00:00Z", Tz::Asia__Beirut);
    assert_eq!(
        during("2024-03-31", &beirut),
        "2024-03-30T22:00:00Z..2024-03-31T21:00:00Z"
    );
    let havana = at("2024-01-01T00:00:00Z", Tz::America__Havana);
    assert_eq!(
        during("2023-11-05", &havana),
        "2023-11-05T04:00:00Z..2023-11-06T05:00:00Z"
    );
    let apia = at("2024-01-01T00:00:00Z", Tz::Pacific__Apia);
    assert_eq!(
        during("2011-12-29", &apia),
        "2011-12-29T10:00:00Z..2011-12-30T10:00:00Z"
    );
    assert!(during("2011-12-30", &apia).contains("ends before it begins"));
}

#[test]
fn leap_days_and_ends_of_months() {
    let context = |now| at(now, Tz::UTC);
    let leap = context("2024-02-29T12:00:00Z");
    assert_eq!(
        during("2024-02-29", &leap),
        "2024-02-29T00:00:00Z..2024-03-01T00:00:00Z"
    );
    assert_eq!(during("1y", &leap), "after:2023-02-28T12:00:00Z");
    assert_eq!(during("4y", &leap), "after:2020-02-29T12:00:00Z");
    assert_eq!(
        during("last-year", &leap),
        "2023-01-01T00:00:00Z..2024-01-01T00:00:00Z"
    );
    let end_of_march = context("2023-03-31T12:00:00Z");
    assert_eq!(during("1mo", &end_of_march), "after:2023-02-28T12:00:00Z");
    assert_eq!(
        during("last-month", &end_of_march),
        "2023-02-01T00:00:00Z..2023-03-01T00:00:00Z"
    );
}

#[test]
fn wrong_dates() {
    const RANGE: &str = "Dates go from 1970 to 2999.";
    for (value, reason) in [
        ("99999", RANGE),
        ("1969", RANGE),
        ("3000", RANGE),
        ("0000-01-01", RANGE),
        ("20240517", RANGE),
        ("99999999999999999999", RANGE),
        ("9999y", RANGE),
        ("4294967295mo", RANGE),
        ("4294967295w", RANGE),
        ("4294967296m", RANGE),
        ("4294967295h", RANGE),
        ("99999999999999999999999999d", RANGE),
        ("9999-01-01T00:00:00Z", RANGE),
        (
            "2023-02-29",
            "2023-02-29 is not in the calendar: type a date such as",
        ),
        ("2024-13", "2024-13 is not in the calendar"),
        ("2024-5-7", "2024-5-7 is not in the calendar"),
        (
            "2024-05-17T12:00:00",
            "2024-05-17T12:00:00 is not a time: type it as",
        ),
        (
            "\"2024-05-17T12:00:00 02:00\"",
            "2024-05-17T12:00:00 02:00 is not a time",
        ),
        ("2024-05-17T25:00:00Z", "2024-05-17T25:00:00Z is not a time"),
        (
            "2024-05-17-01",
            "2024-05-17-01 is not a date: type a date such as",
        ),
        ("17/05/2024", "17/05/2024 is not a date"),
        ("tomorrow", "tomorrow is not a date"),
        ("7", RANGE),
        ("7x", "7x is not a date"),
        ("-7d", "-7d is not a date"),
        ("2024-..2025", "2024- is not a date"),
        ("..", "A range needs two dates"),
        ("2024..", "A range needs two dates"),
        ("2024..2023", "2024..2023 ends before it begins"),
        (
            "2024-05-17T12:00:00Z",
            "2024-05-17T12:00:00Z is a single moment",
        ),
    ] {
        let text = read(&format!("during:{value}"), &context());
        assert!(text.starts_with(reason), "{value}: {text}");
    }
    // The clock itself is outside of the range of dates.
    for now in [DateTime::<Utc>::MAX_UTC, DateTime::<Utc>::MIN_UTC] {
        for zone in [Tz::Pacific__Kiritimati, Tz::Pacific__Pago_Pago] {
            for value in ["today", "last-year", "week", "1d", "1h", "6mo", "9y"] {
                assert_eq!(during(value, &Context { now, zone }), RANGE);
            }
        }
    }
}

#[test]
fn the_tree_holds_moments() {
    let clause = parse("during:2024-02-29", &context()).unwrap();
    let written = Filter::Written {
        from: Some(time("2024-02-28T23:00:00Z")),
        to: Some(time("2024-02-29T23:00:00Z")),
    };
    let term = Term {
        at: 0..17,
        sought: Sought::Filter(written),
    };
    assert_eq!(clause, Some(Clause::Term(term)));
}
