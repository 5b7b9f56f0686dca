//! The bounds of the levels: the smallest and the greatest id of each channel in each level. Readers query only
//! the levels that can hold the rows they want, because planning a query costs more than reading a page.
//!
//! At any moment that a reader can see, the bounds may be too wide, but never too narrow. The writer widens
//! them before the commit that adds rows, and narrows them after a compaction, which it counts. A reader looks
//! at the bounds before its transaction begins and again when it has read. If a level that it left out may hold
//! its rows by then, or if a compaction has moved rows, it queries all levels ([`SeenBounds::anywhere`]).

use std::collections::HashMap;

use duckdb::Connection;
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::message::{ChannelId, IdRange};
use crate::store::StoreError;
use crate::store::schema::levels::LEVELS;

/// A selection of levels, in the order of [`LEVELS`].
pub(crate) type LevelSet = [bool; LEVELS.len()];

/// The bounds of all levels, shared by the writer and all readers.
pub(crate) struct LevelBounds(RwLock<Known>);

#[derive(Default)]
struct Known {
    moves: u64,
    levels: [Level; LEVELS.len()],
}

#[derive(Default, Clone)]
struct Level {
    channels: HashMap<i64, IdBounds>,
    all: Option<IdBounds>,
}

/// The smallest and the greatest id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IdBounds {
    pub(crate) least: i64,
    pub(crate) greatest: i64,
}

/// The bounds at the moment when a reader looked at them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SeenBounds {
    moves: u64,
    levels: [Option<IdBounds>; LEVELS.len()],
}

impl LevelBounds {
    /// Reads the bounds from the record, while nobody writes.
    pub(crate) fn load(connection: &Connection) -> Result<Self, StoreError> {
        let mut known = Known::default();
        for (table, level) in LEVELS.iter().zip(&mut known.levels) {
            *level = Level::load(connection, table)?;
        }
        Ok(Self(RwLock::new(known)))
    }

    /// The present bounds of one channel, or of all channels together.
    pub(crate) fn look(&self, channel: Option<ChannelId>) -> SeenBounds {
        let known = self.read();
        let levels = known.levels.each_ref();
        SeenBounds {
            moves: known.moves,
            levels: levels.map(|level| match channel {
                Some(channel) => level.channels.get(&channel.as_i64()).copied(),
                None => level.all,
            }),
        }
    }

    /// Widens the bounds of level 0 before a commit that adds rows with these channels and ids.
    pub(crate) fn will_arrive(&self, rows: impl Iterator<Item = (i64, i64)>) {
        let mut news = Level::default();
        rows.for_each(|(channel, id)| news.widen(channel, IdBounds::of(id)));
        self.write().levels[0].widen_by(&news);
    }

    /// Widens the bounds of the next level before the commit of a compaction of this level.
    pub(crate) fn will_move(&self, from: usize) {
        let mut known = self.write();
        let source = known.levels[from].clone();
        known.levels[from + 1].widen_by(&source);
    }

    /// Narrows the bounds of this level after a compaction, before any other commit.
    pub(crate) fn moved(&self, connection: &Connection, from: usize) -> Result<(), StoreError> {
        let left = Level::load(connection, LEVELS[from])?;
        let mut known = self.write();
        known.moves += 1;
        known.levels[from] = left;
        Ok(())
    }

    // A panic does not poison these locks, and need not: a thread that panics while it holds one can only leave
    // bounds that are too wide.
    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.0.write()
    }
}

impl Level {
    fn load(connection: &Connection, table: &str) -> Result<Self, StoreError> {
        let mut statement = connection.prepare(&format!(
            "SELECT channel_id, min(message_id), max(message_id) FROM {table} GROUP BY channel_id"
        ))?;
        let mut rows = statement.query([])?;
        let mut level = Self::default();
        while let Some(row) = rows.next()? {
            let (least, greatest) = (row.get(1)?, row.get(2)?);
            level.widen(row.get(0)?, IdBounds { least, greatest });
        }
        Ok(level)
    }

    fn widen(&mut self, channel: i64, ends: IdBounds) {
        let known = self.channels.entry(channel).or_insert(ends);
        *known = known.and(ends);
        self.all = Some(self.all.map_or(ends, |all| all.and(ends)));
    }

    fn widen_by(&mut self, other: &Self) {
        for (&channel, &ends) in &other.channels {
            self.widen(channel, ends);
        }
    }
}

impl IdBounds {
    fn of(id: i64) -> Self {
        Self {
            least: id,
            greatest: id,
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            least: self.least.min(other.least),
            greatest: self.greatest.max(other.greatest),
        }
    }

    fn meet(self, range: IdRange) -> bool {
        // The range of the greatest possible id is empty, so its last id is its own lower end.
        let last = range.low.max(range.high.saturating_sub(1));
        self.least <= last && self.greatest >= range.low
    }
}

impl SeenBounds {
    /// Bounds that exclude nothing: each level can hold everything.
    pub(crate) fn anywhere() -> Self {
        let ends = IdBounds {
            least: i64::MIN,
            greatest: i64::MAX,
        };
        Self {
            moves: 0,
            levels: [Some(ends); LEVELS.len()],
        }
    }

    /// The levels that may hold ids of this range.
    pub(crate) fn which(&self, range: IdRange) -> LevelSet {
        self.levels
            .map(|ends| ends.is_some_and(|ends| ends.meet(range)))
    }

    /// The smallest and the greatest id in all levels.
    pub(crate) fn ends(&self) -> Option<IdBounds> {
        self.levels.into_iter().flatten().reduce(IdBounds::and)
    }

    /// Whether a transaction that began between this look and `later` sees every row of the range when it
    /// queries only the levels `asked`.
    pub(crate) fn holds(&self, later: &Self, range: IdRange, asked: LevelSet) -> bool {
        let new = later.which(range).into_iter().zip(asked);
        self.moves == later.moves && new.into_iter().all(|(may_hold, asked)| asked || !may_hold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(id: u64) -> ChannelId {
        id.try_into().expect("a snowflake")
    }

    fn empty() -> LevelBounds {
        LevelBounds(RwLock::new(Known::default()))
    }

    #[test]
    fn a_level_is_asked_only_for_what_it_may_hold() {
        let places = empty();
        places.will_arrive([(1, 10), (1, 20), (2, 90)].into_iter());
        let seen = places.look(Some(channel(1)));
        assert_eq!(seen.which(IdRange::new(0, 10)), [false, false, false]);
        assert_eq!(seen.which(IdRange::new(0, 11)), [true, false, false]);
        assert_eq!(seen.which(IdRange::new(20, 30)), [true, false, false]);
        assert_eq!(seen.which(IdRange::new(21, 30)), [false, false, false]);
        assert_eq!(places.look(Some(channel(3))).ends(), None);
        assert_eq!(
            places.look(None).ends(),
            Some(IdBounds {
                least: 10,
                greatest: 90
            })
        );
        assert_eq!(SeenBounds::anywhere().which(IdRange::new(5, 6)), [true; 3]);
        places.will_arrive([(4, i64::MAX)].into_iter());
        let greatest = IdRange::of(i64::MAX.try_into().expect("an id"));
        let seen = places.look(Some(channel(4)));
        assert_eq!(seen.which(greatest), [true, false, false]);
    }

    #[test]
    fn what_comes_between_two_looks_is_noticed_where_it_matters() {
        let places = empty();
        places.will_arrive([(1, 10)].into_iter());
        let before = places.look(Some(channel(1)));
        let (above, around) = (IdRange::new(15, 30), IdRange::new(5, 30));
        let (none, hot) = (before.which(above), before.which(around));
        assert!(before.holds(&places.look(Some(channel(1))), above, none));
        // The rows are in another channel, or in a level that is queried anyway.
        places.will_arrive([(2, 20), (1, 12)].into_iter());
        let later = places.look(Some(channel(1)));
        assert!(before.holds(&later, above, none));
        places.will_arrive([(1, 20)].into_iter());
        let later = places.look(Some(channel(1)));
        assert!(!before.holds(&later, above, none));
        assert!(before.holds(&later, around, hot));
        // The rows are on their way into the next level; whether the compaction is committed does not matter.
        places.will_move(0);
        let later = places.look(Some(channel(1)));
        assert!(!before.holds(&later, around, hot));
        assert!(later.holds(&later, around, later.which(around)));
    }

    #[test]
    fn a_move_that_is_over_is_noticed() {
        let connection = Connection::open_in_memory().expect("a database");
        connection
            .execute_batch("CREATE TABLE messages_hot (channel_id BIGINT, message_id BIGINT)")
            .expect("a table");
        let places = empty();
        places.will_arrive([(1, 10)].into_iter());
        places.will_move(0);
        let before = places.look(Some(channel(1)));
        let all = before.which(IdRange::new(0, 20));
        assert_eq!(all, [true, true, false]);
        places.moved(&connection, 0).expect("a query");
        let later = places.look(Some(channel(1)));
        assert_eq!(later.which(IdRange::new(0, 20)), [false, true, false]);
        assert!(!before.holds(&later, IdRange::new(0, 20), all));
    }
}
