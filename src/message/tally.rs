//! Counts that Discord changes one by one: reactions per emoji, and votes per answer of a poll. A whole payload
//! contains all counts at one time; each later event changes one of them.
//!
//! What is known is the last whole count and the set of single changes that were observed after it. Both parts
//! only grow (a later whole count replaces the changes before it), so the join is commutative, associative and
//! idempotent, and no change is counted twice.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::Observed;
use super::life::either;

/// How long after a page was requested an event may already be included in it: the longest duration of a
/// request plus the longest delay of an event.
const ON_ITS_WAY: TimeDelta = TimeDelta::seconds(90);

/// With more single changes than this the whole count is requested again, because each event rewrites all of
/// them.
const MAX_CHANGES: usize = 200;

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Counted {
    /// The id of a custom emoji or of a poll's answer, or the Unicode emoji itself.
    pub key: String,
    /// The name of a custom emoji, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Count {
    /// What is counted.
    #[serde(flatten)]
    pub of: Counted,
    /// The number.
    pub count: i64,
    /// The number of super reactions among them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub burst: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// All counts at one time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Total {
    observed: Observed,
    /// Whether the later events are exactly those that are not included: true in the order of the gateway, but
    /// not for a page.
    is_exact: bool,
    counts: Vec<Count>,
}

/// One more, one less, or none any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Somebody reacted or voted.
    Added,
    /// Somebody took a reaction or vote back.
    Removed,
    /// All reactions with this emoji were removed.
    Cleared,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Change {
    observed: Observed,
    #[serde(flatten)]
    of: Counted,
    step: Step,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    burst: bool,
    /// The earliest time at which the change can have happened, if it was received much later in a replay.
    #[serde(
        default,
        with = "chrono::serde::ts_microseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    since: Option<DateTime<Utc>>,
}

/// The counts of one message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    whole: Option<Total>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    changes: BTreeSet<Change>,
}

impl Tally {
    /// All counts of a payload. `is_exact`: the payload came from the gateway.
    #[must_use]
    pub fn whole(observed: Observed, is_exact: bool, counts: Vec<Count>) -> Self {
        Self {
            whole: Some(Total {
                observed,
                is_exact,
                counts,
            }),
            changes: BTreeSet::new(),
        }
    }

    /// A single change.
    #[must_use]
    pub fn change(observed: Observed, of: Counted, step: Step, burst: bool) -> Self {
        Self {
            whole: None,
            changes: BTreeSet::from([Change {
                observed,
                of,
                step,
                burst,
                since: None,
            }]),
        }
    }

    /// The same change, received so late that it can have happened at any time since this one.
    #[must_use]
    pub fn replayed_since(mut self, since: Option<DateTime<Utc>>) -> Self {
        let changes = std::mem::take(&mut self.changes);
        self.changes = changes
            .into_iter()
            .map(|change| Change { since, ..change })
            .collect();
        self
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.whole.is_none() && self.changes.is_empty()
    }

    /// Merges two tallies.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        let whole = either(self.whole, other.whole, Ord::max);
        let since = whole.as_ref().map(|whole| whole.observed);
        let mut changes = self.changes;
        changes.extend(other.changes);
        changes.retain(|change| Some(change.observed) > since);
        Self { whole, changes }
    }

    /// The counts that are not zero: first those of the last whole count in its order, then new ones. None
    /// while only single changes were received, because the counts before them are not known.
    #[must_use]
    pub fn counts(&self) -> Option<Vec<Count>> {
        let mut counts = self.whole.as_ref()?.counts.clone();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        for (place, count) in counts.iter().enumerate() {
            places.insert(count.of.key.clone(), place);
        }
        for change in &self.changes {
            let new = counts.len();
            let place = *places.entry(change.of.key.clone()).or_insert(new);
            if place == new {
                counts.push(Count {
                    of: change.of.clone(),
                    count: 0,
                    burst: 0,
                });
            }
            let count = &mut counts[place];
            let one = match change.step {
                Step::Added => 1,
                Step::Removed => -1,
                Step::Cleared => {
                    (count.count, count.burst) = (0, 0);
                    continue;
                }
            };
            count.count = count.count.saturating_add(one);
            let burst = one * i64::from(change.burst);
            count.burst = count.burst.saturating_add(burst);
        }
        counts.retain(|count| count.count > 0);
        for count in &mut counts {
            count.burst = count.burst.clamp(0, count.count);
        }
        Some(counts)
    }

    /// Whether the counts should be requested again: an event may already be included in the page with the
    /// counts; or the last whole count is older than `heard_since`, since when every change was received; or
    /// there are too many changes to store; or only changes are known.
    #[must_use]
    pub fn is_unsettled(&self, heard_since: Option<DateTime<Utc>>) -> bool {
        let Some(first) = self.changes.first() else {
            return false;
        };
        let Some(whole) = &self.whole else {
            return true;
        };
        let whole_at = whole.observed.at;
        let earliest = self.changes.iter().filter_map(|change| change.since).min();
        let earliest = earliest.map_or(first.observed.at, |at| at.min(first.observed.at));
        self.changes.len() > MAX_CHANGES
            || !whole.is_exact && earliest - whole_at <= ON_ITS_WAY
            || heard_since.is_some_and(|since| whole_at < since)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn observed(second: i64) -> Observed {
        Observed::asked(DateTime::from_timestamp(1_950_000_000 + second, 0).unwrap())
    }

    fn of(key: &str) -> Counted {
        Counted {
            key: key.to_owned(),
            name: None,
        }
    }

    fn count(key: &str, count: i64) -> Count {
        Count {
            of: of(key),
            count,
            burst: 0,
        }
    }

    /// A whole count now and then, else single changes; each second is one observation.
    fn news() -> impl Strategy<Value = Tally> {
        let change = (0_i64..40, 0..3_usize, 0..5_usize).prop_map(|(second, key, step)| {
            let step = [
                Step::Added,
                Step::Added,
                Step::Added,
                Step::Removed,
                Step::Cleared,
            ][step];
            Tally::change(observed(second), of(["a", "b", "c"][key]), step, false)
        });
        let whole = (0_i64..40, 0_i64..4).prop_map(|(second, n)| {
            Tally::whole(
                observed(second),
                n % 2 == 0,
                vec![count("a", n), count("b", 1)],
            )
        });
        prop_oneof![6 => change, 1 => whole]
    }

    proptest! {
        #[test]
        fn the_order_of_arrival_and_repeats_do_not_matter(
            (news, order) in prop::collection::vec(news(), 1..20).prop_flat_map(|news| {
                let order: Vec<usize> = (0..news.len()).chain(0..news.len() / 2).collect();
                (Just(news), Just(order).prop_shuffle())
            })
        ) {
            let in_order = news.iter().cloned().fold(Tally::default(), Tally::join);
            let shuffled = order.iter().map(|n| news[*n].clone()).fold(Tally::default(), Tally::join);
            prop_assert_eq!(&in_order, &shuffled);
            let middle = news.len() / 2;
            let join = |part: &[Tally]| part.iter().cloned().fold(Tally::default(), Tally::join);
            prop_assert_eq!(&in_order, &join(&news[..middle]).join(join(&news[middle..])));
        }
    }

    #[test]
    fn events_change_the_last_whole_count() {
        let whole = Tally::whole(observed(5), true, vec![count("a", 2), count("b", 1)]);
        let add = |second, key| Tally::change(observed(second), of(key), Step::Added, false);
        assert_eq!(
            add(4, "a").counts(),
            None,
            "how many there were before nobody knows"
        );
        let tally = whole.join(add(4, "a")).join(add(6, "c")).join(add(7, "a"));
        let counts = |tally: &Tally| -> Vec<(String, i64)> {
            let counts = tally.counts().unwrap().into_iter();
            counts.map(|count| (count.of.key, count.count)).collect()
        };
        let expected = [("a", 3), ("b", 1), ("c", 1)].map(|(key, n)| (key.to_owned(), n));
        assert_eq!(counts(&tally), expected);
        let tally = tally.join(Tally::change(observed(8), of("a"), Step::Cleared, false));
        assert_eq!(counts(&tally)[0].0, "b");
        assert!(!tally.is_unsettled(None));
        // A page that was requested before the last event does not revert it.
        let page = Tally::whole(observed(7), false, vec![count("a", 3)]);
        let tally = tally.join(page);
        assert_eq!(counts(&tally), []);
        assert!(tally.is_unsettled(None), "the clearing may be in the page");
    }
}
