//! Ids as Discord's snowflakes: newtypes over serenity's model types, limited to the range of a BIGINT, so that
//! an id that can't be stored can't be constructed. A snowflake contains its time: 42 bits of milliseconds
//! since 2015-01-01T00:00:00Z, followed by 22 other bits.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serenity::model::id as model;

/// Discord's epoch, 2015-01-01T00:00:00Z, in milliseconds since 1970.
/// Source: <https://discord.com/developers/docs/reference#snowflakes>
const DISCORD_EPOCH_MS: i64 = 1_420_070_400_000;

/// An id outside `1..=i64::MAX`, which is neither a snowflake nor a BIGINT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id must be a whole number from 1 to 9223372036854775807")]
pub struct IdOutOfRange;

macro_rules! snowflake_newtype {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "model::GenericId", into = "model::GenericId")]
        pub struct $name(model::$name);

        impl $name {
            /// The id in the database.
            #[must_use]
            pub fn as_i64(self) -> i64 {
                self.0.get().cast_signed()
            }

            /// The time at which Discord created this id, in milliseconds.
            #[must_use]
            pub fn created_at(self) -> DateTime<Utc> {
                time_of(self.as_i64())
            }
        }

        impl TryFrom<u64> for $name {
            type Error = IdOutOfRange;
            fn try_from(id: u64) -> Result<Self, IdOutOfRange> {
                if id == 0 || i64::try_from(id).is_err() {
                    return Err(IdOutOfRange);
                }
                Ok(Self(model::$name::new(id)))
            }
        }

        impl TryFrom<i64> for $name {
            type Error = IdOutOfRange;
            fn try_from(id: i64) -> Result<Self, IdOutOfRange> {
                u64::try_from(id).map_err(|_| IdOutOfRange)?.try_into()
            }
        }

        impl TryFrom<model::GenericId> for $name {
            type Error = IdOutOfRange;
            fn try_from(id: model::GenericId) -> Result<Self, IdOutOfRange> {
                id.get().try_into()
            }
        }

        impl From<$name> for model::GenericId {
            fn from(id: $name) -> Self {
                Self::new(id.0.get())
            }
        }

        impl FromStr for $name {
            type Err = IdOutOfRange;
            /// Digits only: `u64`'s own parser would take a leading `+`.
            fn from_str(text: &str) -> Result<Self, IdOutOfRange> {
                if !text.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(IdOutOfRange);
                }
                text.parse::<u64>().map_err(|_| IdOutOfRange)?.try_into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.get().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0.get())
            }
        }
    )*};
}

snowflake_newtype! {
    /// A message.
    MessageId
    /// A channel or a thread; Discord draws both from one sequence.
    ChannelId
    /// A guild ("server").
    GuildId
    /// A user, a bot or a webhook.
    UserId
}

/// The lowest snowflake that Discord could create at `time`; 0 before Discord's epoch, and `i64::MAX` after the
/// last millisecond that a snowflake can contain.
///
/// A time between two milliseconds counts as the later one: no id that was created before `time` is greater
/// than or equal to the result.
#[must_use]
pub fn snowflake_at(time: DateTime<Utc>) -> i64 {
    let whole_ms = time.timestamp_millis();
    let ceil_ms = whole_ms + i64::from(!time.timestamp_subsec_nanos().is_multiple_of(1_000_000));
    let since_epoch = ceil_ms.saturating_sub(DISCORD_EPOCH_MS).max(0);
    since_epoch.checked_mul(1 << 22).unwrap_or(i64::MAX)
}

/// The time in an id, in milliseconds; for an invalid id the nearest one.
#[must_use]
pub fn snowflake_time(id: i64) -> DateTime<Utc> {
    time_of(id.max(0))
}

fn time_of(snowflake: i64) -> DateTime<Utc> {
    let ms = (snowflake >> 22) + DISCORD_EPOCH_MS;
    DateTime::from_timestamp_millis(ms).expect("41 bits of milliseconds after 2015 is a time")
}

/// A half-open range of message ids: `low <= id < high`. It is empty if `low >= high`. The ends are bare numbers,
/// because neither 0, the beginning of [`IdRange::ALL`], nor the id after the greatest one is an id.
///
/// `rangemap` needs [`Range<i64>`] for the ranges in its maps and sets. Outside of these, a range of ids is always
/// this type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRange {
    /// The first id inside the range.
    pub low: i64,
    /// The first id after the range.
    pub high: i64,
}

impl IdRange {
    /// All possible ids.
    pub const ALL: Self = Self::new(0, i64::MAX);

    /// No id.
    pub const EMPTY: Self = Self::new(0, 0);

    /// The ids from `low` (inclusive) to `high` (exclusive).
    #[must_use]
    pub const fn new(low: i64, high: i64) -> Self {
        Self { low, high }
    }

    /// The ids of the messages written from one time (inclusive) to another (exclusive).
    #[must_use]
    pub fn between(from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> Self {
        Self {
            low: from.map_or(Self::ALL.low, snowflake_at),
            high: to.map_or(Self::ALL.high, snowflake_at),
        }
    }

    /// A single message.
    #[must_use]
    pub fn of(id: MessageId) -> Self {
        Self::new(id.as_i64(), id.as_i64().saturating_add(1))
    }

    /// Whether the range is empty.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.low >= self.high
    }

    /// Whether the id is in the range.
    #[must_use]
    pub fn contains(self, id: MessageId) -> bool {
        (self.low..self.high).contains(&id.as_i64())
    }

    /// The ids that both ranges contain.
    #[must_use]
    pub fn overlap(self, other: Self) -> Self {
        Self::new(self.low.max(other.low), self.high.min(other.high))
    }
}

impl From<IdRange> for Range<i64> {
    fn from(range: IdRange) -> Self {
        range.low..range.high
    }
}

impl From<Range<i64>> for IdRange {
    fn from(range: Range<i64>) -> Self {
        Self::new(range.start, range.end)
    }
}

impl From<&Range<i64>> for IdRange {
    fn from(range: &Range<i64>) -> Self {
        Self::new(range.start, range.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_ids_contains_its_beginning_and_not_its_end() {
        let id = |id: i64| MessageId::try_from(id).unwrap();
        let range = IdRange::new(10, 20);
        let inside = [9, 10, 19, 20].map(|it| range.contains(id(it)));
        assert_eq!(inside, [false, true, true, false]);
        assert_eq!(IdRange::of(id(10)), IdRange::new(10, 11));
        assert_eq!(IdRange::from(Range::from(range)), range);
        assert_eq!(range.overlap(IdRange::ALL), range);
        assert_eq!(range.overlap(IdRange::new(15, 30)), IdRange::new(15, 20));
        for apart in [IdRange::EMPTY, IdRange::new(20, 30), IdRange::new(30, 40)] {
            assert!(range.overlap(apart).is_empty() && apart.overlap(range).is_empty());
        }
    }
}
