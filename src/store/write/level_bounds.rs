//! The bounds of the levels: the smallest and the greatest id of each channel in each level. A message is looked up
//! only in the levels that can hold it, because planning a query costs more than reading a row.

use std::collections::HashMap;

use duckdb::Connection;
use parking_lot::Mutex;

use crate::message::{ChannelId, MessageId};
use crate::store::StoreError;
use crate::store::schema::levels::LEVELS;

/// A selection of levels, in the order of [`LEVELS`].
pub(crate) type LevelSet = [bool; LEVELS.len()];

/// The bounds of all levels. They can be too wide, but never too narrow: they are widened before the commit that adds
/// rows, and narrowed after a compaction.
pub(crate) struct LevelBounds(Mutex<[Level; LEVELS.len()]>);

/// The bounds of each channel.
#[derive(Default, Clone)]
struct Level(HashMap<i64, IdBounds>);

/// The smallest and the greatest id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct IdBounds {
    least: i64,
    greatest: i64,
}

impl LevelBounds {
    /// Reads the bounds from the record.
    pub(crate) fn load(connection: &Connection) -> Result<Self, StoreError> {
        let mut levels: [Level; LEVELS.len()] = Default::default();
        for (table, level) in LEVELS.iter().zip(&mut levels) {
            *level = Level::load(connection, table)?;
        }
        Ok(Self(Mutex::new(levels)))
    }

    /// The levels that can hold a message.
    pub(crate) fn which(&self, channel: ChannelId, id: MessageId) -> LevelSet {
        let levels = self.0.lock();
        levels
            .each_ref()
            .map(|level| level.can_hold(channel.as_i64(), id.as_i64()))
    }

    /// Widens the bounds of level 0 before a commit that adds rows with these channels and ids.
    pub(crate) fn will_arrive(&self, rows: impl Iterator<Item = (i64, i64)>) {
        let mut levels = self.0.lock();
        for (channel, id) in rows {
            let ends = IdBounds {
                least: id,
                greatest: id,
            };
            levels[0].widen(channel, ends);
        }
    }

    /// Widens the bounds of the next level before the commit of a compaction of this level.
    pub(crate) fn will_move(&self, from: usize) {
        let mut levels = self.0.lock();
        let source = levels[from].clone();
        for (channel, ends) in source.0 {
            levels[from + 1].widen(channel, ends);
        }
    }

    /// Narrows the bounds of this level after a compaction, before any other commit.
    pub(crate) fn moved(&self, connection: &Connection, from: usize) -> Result<(), StoreError> {
        let left = Level::load(connection, LEVELS[from])?;
        self.0.lock()[from] = left;
        Ok(())
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
        let known = self.0.entry(channel).or_insert(ends);
        known.least = known.least.min(ends.least);
        known.greatest = known.greatest.max(ends.greatest);
    }

    fn can_hold(&self, channel: i64, id: i64) -> bool {
        let known = self.0.get(&channel);
        known.is_some_and(|ends| (ends.least..=ends.greatest).contains(&id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn which(bounds: &LevelBounds, channel: i64, id: i64) -> LevelSet {
        let channel = channel.try_into().expect("an id");
        bounds.which(channel, id.try_into().expect("an id"))
    }

    #[test]
    fn a_level_is_asked_only_for_what_it_can_hold() {
        let bounds = LevelBounds(Mutex::default());
        bounds.will_arrive([(1, 10), (1, 20), (2, 90)].into_iter());
        assert_eq!(which(&bounds, 1, 9), [false, false, false]);
        assert_eq!(which(&bounds, 1, 10), [true, false, false]);
        assert_eq!(which(&bounds, 1, 20), [true, false, false]);
        assert_eq!(which(&bounds, 1, 21), [false, false, false]);
        assert_eq!(which(&bounds, 3, 10), [false, false, false]);
        bounds.will_arrive([(4, i64::MAX)].into_iter());
        assert_eq!(which(&bounds, 4, i64::MAX), [true, false, false]);
    }

    #[test]
    fn rows_on_their_way_into_the_next_level_can_be_in_both() {
        let connection = Connection::open_in_memory().expect("a database");
        connection
            .execute_batch("CREATE TABLE messages_hot (channel_id BIGINT, message_id BIGINT)")
            .expect("a table");
        let bounds = LevelBounds(Mutex::default());
        bounds.will_arrive([(1, 10)].into_iter());
        bounds.will_move(0);
        assert_eq!(which(&bounds, 1, 10), [true, true, false]);
        bounds.moved(&connection, 0).expect("a query");
        assert_eq!(which(&bounds, 1, 10), [false, true, false]);
    }
}
