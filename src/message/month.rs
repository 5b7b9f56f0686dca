//! A calendar month in UTC, by which message files are partitioned.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Serialize};

use super::IdRange;

/// A month in UTC: `2026-03`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Month {
    first_day: NaiveDate,
}

/// The error for a text that is not a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a month must have the form 2026-03")]
pub struct NoMonth;

impl Month {
    /// The ids of the messages that were written in the month.
    #[must_use]
    pub fn range(self) -> IdRange {
        let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
        let next: Option<DateTime<Utc>> = self
            .first_day
            .checked_add_months(Months::new(1))
            .map(midnight);
        IdRange::between(Some(midnight(self.first_day)), next)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:04}-{:02}",
            self.first_day.year(),
            self.first_day.month()
        )
    }
}

impl FromStr for Month {
    type Err = NoMonth;

    fn from_str(text: &str) -> Result<Self, NoMonth> {
        let month = NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d");
        let month = month.map(|first_day| Self { first_day });
        // chrono also accepts 2026-3.
        month
            .ok()
            .filter(|month| month.to_string() == text)
            .ok_or(NoMonth)
    }
}

impl TryFrom<String> for Month {
    type Error = NoMonth;

    fn try_from(text: String) -> Result<Self, NoMonth> {
        text.parse()
    }
}

impl From<Month> for String {
    fn from(month: Month) -> Self {
        month.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::MessageId;

    #[test]
    fn a_month_has_one_spelling() {
        let month: Month = "2026-03".parse().unwrap();
        assert_eq!(month.to_string(), "2026-03");
        for text in [
            "2026-3",
            "2026-13",
            "2026-00",
            "2026-03-01",
            "26-03",
            "+2026-03",
            "",
        ] {
            assert_eq!(text.parse::<Month>(), Err(NoMonth), "{text}");
        }
    }

    #[test]
    fn months_meet_without_overlap() {
        let march = "2026-03".parse::<Month>().unwrap().range();
        let april = "2026-04".parse::<Month>().unwrap().range();
        assert_eq!(march.high, april.low);
        let first = MessageId::try_from(march.low).unwrap();
        assert_eq!(first.created_at().to_rfc3339(), "2026-03-01T00:00:00+00:00");
    }
}
