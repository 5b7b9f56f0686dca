//! One page of a channel's messages, in most cases by one query: over the levels that can contain them, in a
//! range of ids as wide as the channel's pace suggests, so that zone maps skip most row groups. The missing
//! rows are read in further ranges in the same transaction, so a page is one read view.

use duckdb::Connection;

use super::pace::{Order, PaceKey};
use super::reader::Reader;
use crate::message::{ChannelId, GuildId, IdRange, MessageId};
use crate::store::StoreError;
use crate::store::file::level_bounds::{IdBounds, LevelBounds, LevelSet, SeenBounds};
use crate::store::schema::levels::LEVELS;
use crate::store::schema::message::{MessageRow, Shape};

/// The first range of ids in a channel of unknown pace: seven days.
const FIRST_SPAN: i64 = (7 * 24 * 3600 * 1000) << 22;

/// The least and the greatest factor by which each next range is wider; four ranges reach across all of
/// Discord's time.
const WIDEN: (i64, i64) = (4, 16);

/// A range may contain this many times a page's rows; if it contains more, only the keys are read first.
const CROWDED: usize = 4;

/// No level.
const NO_LEVEL: LevelSet = [false; LEVELS.len()];

/// The parameters of a page.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// Only rows of this guild.
    pub guild_id: GuildId,
    /// Only rows of this channel or thread.
    pub channel_id: ChannelId,
    /// Only ids of this range, which includes the times and the cursor of the request.
    pub range: IdRange,
    /// The order of the rows.
    pub order: Order,
    /// The maximum number of rows.
    pub limit: usize,
    /// Whether deleted messages are included.
    pub include_deleted: bool,
    /// Whether to read the payloads.
    pub include_raw: bool,
}

/// A page of messages.
pub struct Page {
    /// The last id of the page, if there is a page after it.
    pub next_cursor: Option<MessageId>,
    /// The rows, in the requested order.
    pub rows: Vec<MessageRow>,
}

impl Reader {
    /// Reads a page. Dropping the future interrupts the query.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if no connection comes free in time, or if a query fails.
    pub async fn page(&self, request: PageRequest) -> Result<Page, StoreError> {
        let reader = self.clone();
        self.run(move |connection| {
            let place = PaceKey::of(&request);
            let pace = reader.paces.get(place);
            let seen = reader.level_bounds.look(Some(request.channel_id));
            let mut rows = read(connection, &request, seen, &reader.level_bounds, pace)?;
            let has_more = rows.len() > request.limit;
            rows.truncate(request.limit);
            reader.paces.learn(place, &rows);
            let last = rows.last().map(|row| row.message_id);
            Ok(Page {
                next_cursor: last.filter(|_| has_more),
                rows,
            })
        })
        .await
    }
}

/// Reads the rows of the page, and one more if another page follows, in one read view.
fn read(
    connection: &Connection,
    request: &PageRequest,
    seen: SeenBounds,
    level_bounds: &LevelBounds,
    pace: Option<i64>,
) -> Result<Vec<MessageRow>, StoreError> {
    connection.execute_batch("BEGIN TRANSACTION READ ONLY")?;
    let mut walk = Walk::new(connection, request, seen, seen.ends());
    walk.go(pace)?;
    let later = level_bounds.look(Some(request.channel_id));
    if !walk.missed_nothing(&later) {
        walk = Walk::new(connection, request, SeenBounds::anywhere(), later.ends());
        walk.go(pace)?;
    }
    Ok(walk.rows)
}

/// A walk through a channel's ids, range after range, until the page is full.
struct Walk<'a> {
    connection: &'a Connection,
    request: &'a PageRequest,
    shape: Shape,
    seen: SeenBounds,
    /// The smallest and the greatest id of the channel, as far as the level bounds tell.
    ends: Option<IdBounds>,
    /// The ranges that were queried, each with the levels queried for it.
    asked: Vec<(IdRange, LevelSet)>,
    rows: Vec<MessageRow>,
}

impl<'a> Walk<'a> {
    fn new(
        connection: &'a Connection,
        request: &'a PageRequest,
        seen: SeenBounds,
        ends: Option<IdBounds>,
    ) -> Self {
        Self {
            connection,
            request,
            shape: Shape {
                place: Some((request.guild_id, request.channel_id)),
                may_be_deleted: request.include_deleted,
                with_raw: request.include_raw,
            },
            seen,
            ends,
            asked: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Reads range after range until the page is full.
    fn go(&mut self, pace: Option<i64>) -> Result<(), StoreError> {
        let wanted = self.request.limit + 1;
        let mut rest = self.request.range;
        let mut width = pace.map_or(FIRST_SPAN, |pace| width_of(pace, wanted));
        while !rest.is_empty() && self.rows.len() < wanted {
            let (part, next) = self.cut(rest, width);
            // The keys are read first if the pace does not tell how many rows to expect, and if the rows are
            // large.
            let by_keys = pace.is_none() || self.request.include_raw;
            if by_keys || !self.read_all(part)? {
                self.read_first(part)?;
            }
            let found = i64::try_from(self.rows.len()).unwrap_or(i64::MAX);
            let missing = wanted.saturating_sub(self.rows.len());
            let (least, most) = (width.saturating_mul(WIDEN.0), width.saturating_mul(WIDEN.1));
            width = match found {
                0 => most,
                _ => width_of(width / found, missing).clamp(least, most),
            };
            rest = next;
        }
        Ok(())
    }

    /// Cuts the next range of this width off; returns the range and the rest.
    fn cut(&self, rest: IdRange, width: i64) -> (IdRange, IdRange) {
        let Some(ends) = self.ends else {
            return (rest, IdRange::EMPTY);
        };
        match self.request.order {
            Order::Descending => {
                let from = rest.high.min(ends.greatest.saturating_add(1));
                let low = from.saturating_sub(width);
                if low <= rest.low.max(ends.least) {
                    return (rest, IdRange::EMPTY);
                }
                (IdRange { low, ..rest }, IdRange { high: low, ..rest })
            }
            Order::Ascending => {
                let high = rest.low.max(ends.least).saturating_add(width);
                if high > rest.high.min(ends.greatest) {
                    return (rest, IdRange::EMPTY);
                }
                (IdRange { high, ..rest }, IdRange { low: high, ..rest })
            }
        }
    }

    /// Reads all rows of a range. Returns `false`, without rows, if there are too many.
    fn read_all(&mut self, part: IdRange) -> Result<bool, StoreError> {
        let which = self.ask(part);
        let most = CROWDED * (self.request.limit + 1);
        let rows = self.select(which, part, most)?;
        let is_all = rows.len() < most;
        if is_all {
            self.rows.extend(rows);
        }
        Ok(is_all)
    }

    /// Reads the first rows of a range, as many as the page still needs.
    fn read_first(&mut self, part: IdRange) -> Result<(), StoreError> {
        let which = self.ask(part);
        if let Some(range) = self.first_keys(which, part)? {
            let rows = self.select(which, range, usize::MAX)?;
            self.rows.extend(rows);
        }
        Ok(())
    }

    fn ask(&mut self, part: IdRange) -> LevelSet {
        let which = self.seen.which(part);
        self.asked.push((part, which));
        which
    }

    /// The range of the first keys, as many as the page still needs.
    fn first_keys(&self, which: LevelSet, range: IdRange) -> Result<Option<IdRange>, StoreError> {
        if which == NO_LEVEL {
            return Ok(None);
        }
        let direction = match self.request.order {
            Order::Ascending => "ASC",
            Order::Descending => "DESC",
        };
        let sql = format!(
            "SELECT min(message_id), max(message_id) FROM \
             (SELECT message_id FROM ({}) ORDER BY message_id {direction} LIMIT {})",
            self.sql("message_id", which, range),
            self.request.limit + 1 - self.rows.len()
        );
        let mut statement = self.connection.prepare(&sql)?;
        let ends: (Option<i64>, Option<i64>) =
            statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(match ends {
            (Some(low), Some(last)) => Some(IdRange::new(low, last.saturating_add(1))),
            _ => None,
        })
    }

    /// The rows of a range, at most `most`, in the requested order.
    fn select(
        &self,
        which: LevelSet,
        range: IdRange,
        most: usize,
    ) -> Result<Vec<MessageRow>, StoreError> {
        if which == NO_LEVEL {
            return Ok(Vec::new());
        }
        let mut sql = self.sql(&self.shape.columns(), which, range);
        if most < usize::MAX {
            sql = format!("{sql} LIMIT {most}");
        }
        let mut statement = self.connection.prepare(&sql)?;
        let mut found = statement.query([])?;
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            rows.push(MessageRow::read(row, self.shape)?);
        }
        // The rows are sorted here, because a query without ORDER BY is cheaper to plan.
        match self.request.order {
            Order::Ascending => rows.sort_unstable_by_key(|row| row.message_id),
            Order::Descending => {
                rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.message_id));
            }
        }
        Ok(rows)
    }

    /// The query for a range. It has literal values, by which DuckDB prunes row groups, and names each table,
    /// because DuckDB plans a query over the view twice as long.
    fn sql(&self, columns: &str, which: LevelSet, range: IdRange) -> String {
        let condition = format!(
            "channel_id = {} AND guild_id = {} AND message_id >= {} AND message_id < {}{}",
            self.request.channel_id.as_i64(),
            self.request.guild_id.as_i64(),
            range.low,
            range.high,
            if self.request.include_deleted {
                ""
            } else {
                " AND NOT deleted"
            }
        );
        let asked = LEVELS.iter().zip(which).filter(|(_, asked)| *asked);
        let selects: Vec<String> = asked
            .map(|(table, _)| format!("SELECT {columns} FROM {table} WHERE {condition}"))
            .collect();
        selects.join(" UNION ALL ")
    }

    /// Whether no level that was left out can have contained rows of the page.
    fn missed_nothing(&self, later: &SeenBounds) -> bool {
        let mut asked = self.asked.iter();
        asked.all(|&(range, which)| self.seen.holds(later, range, which))
    }
}

/// The width of a range that probably contains this number of rows at this pace.
fn width_of(pace: i64, rows: usize) -> i64 {
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    // Half as much again is added, because missing rows take another query, and surplus rows only some time to
    // read.
    (pace.saturating_mul(rows) / 2).saturating_mul(3).max(1)
}

impl PaceKey {
    fn of(request: &PageRequest) -> Self {
        Self {
            channel: request.channel_id,
            end: (request.range == IdRange::ALL).then_some(request.order),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::message::search;
    use super::*;
    use crate::message::{Message, Observed, Source};
    use crate::store::{Batch, Record, StoreSettings};

    const GUILD: u64 = 1_400_000_000_000_000_001;
    const CHANNEL: u64 = 1_400_000_000_000_000_100;

    fn id(n: u64) -> u64 {
        CHANNEL + ((1000 * n) << 22)
    }

    fn commit(record: &mut Record, numbers: impl Iterator<Item = u64>) {
        let guild = GuildId::try_from(GUILD).expect("an id");
        let messages = numbers.map(|n| {
            let payload = serde_json::json!({
                "id": id(n).to_string(), "channel_id": CHANNEL.to_string(), "type": 0,
                "author": {"id": "1", "username": "ada"}, "content": "x", "embeds": [],
                "timestamp": "2025-01-01T00:00:00+00:00", "edited_timestamp": null,
                "attachments": [],
            });
            let observed = Observed::asked(chrono::DateTime::UNIX_EPOCH);
            let payload = payload.to_string();
            Message::read(guild, Source::Gateway, observed, &payload).expect("a message")
        });
        let batch = Batch {
            messages: messages.collect(),
            ..Batch::default()
        };
        record.commit(&batch, chrono::Utc::now()).expect("a commit");
    }

    fn move_rows(record: &mut Record) {
        record.maintain().expect("a move");
        record.finish_move().expect("a move");
    }

    /// Commits and compactions between the look at the level bounds and the beginning of the transaction.
    #[tokio::test]
    async fn a_look_that_is_too_old_leaves_no_row_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, temp) = (folder.path().join("r.duckdb"), folder.path().join("tmp"));
        let mut settings = StoreSettings::new(path, temp);
        settings.hot_rows = 10;
        settings.small_run_rows = 20;
        let (mut record, reader) = Record::open(&settings).expect("a record");
        let places = Arc::clone(&reader.level_bounds);
        let channel = ChannelId::try_from(CHANNEL).expect("an id");
        let look = || (places.look(Some(channel)), places.look(None));

        let mut looks = vec![look()];
        for ten in 0..4 {
            commit(&mut record, ten * 10 + 1..ten * 10 + 11);
            looks.push(look());
            move_rows(&mut record);
            looks.push(look());
        }
        // Level 1 is full, so its rows move into level 2; and one more message is written.
        move_rows(&mut record);
        commit(&mut record, 41..42);
        looks.push(look());
        for (seen, seen_by_all) in looks {
            let (places, newest) = (Arc::clone(&places), id(41));
            let read = reader.run(move |connection| {
                let request = PageRequest {
                    guild_id: GuildId::try_from(GUILD).expect("an id"),
                    channel_id: channel,
                    range: IdRange::ALL,
                    order: Order::Descending,
                    limit: 100,
                    include_deleted: false,
                    include_raw: false,
                };
                let page = read(connection, &request, seen, &places, Some(1))?;
                connection.execute_batch("ROLLBACK")?;
                let mut found = Vec::new();
                for n in [1, 15, 40, 41] {
                    let id = MessageId::try_from(id(n)).expect("an id");
                    connection.execute_batch("BEGIN TRANSACTION READ ONLY")?;
                    found.push(search(connection, id, seen_by_all, &places)?);
                    connection.execute_batch("ROLLBACK")?;
                }
                Ok((page, found))
            });
            let (page, found) = read.await.expect("a page");
            assert_eq!(page.len(), 41, "{seen:?}");
            assert_eq!(page[0].message_id.as_i64(), newest.cast_signed());
            assert!(found.iter().all(Option::is_some), "{seen_by_all:?}");
        }
    }
}
