//! A connection for reports, and what was worked out on it and is the same for the next requests: which texts are one
//! query, the coverage and the ends of the requested time at a commit, and the slots of a time zone. It is kept in
//! temporary tables and variables of the connection; `queries/lib/views.sql` reads it by the variables `kept_…`.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use duckdb::Connection;
use parking_lot::Mutex;

use super::completeness::CoverageSummary;
use super::report_request::{ReportRequest, literal};
use crate::report::Value;
use crate::store::StoreError;
use crate::store::file::report_catalog::{self, PART, REACH, SHOWN, WHOLE};

/// The maximum number of rows of all tables that are kept for the next report (some 15 MB): eight years by quarters of an
/// hour, or hundreds by days.
const MAX_KEPT_ROWS: usize = 300_000;

/// The maximum number of kept texts, ends and coverages each; beyond it all are dropped.
const MAX_KEPT_ANSWERS: usize = 100;

/// The parameters that choose the messages' guild, channels and time, and what the caller may see, as a key.
pub(super) struct Place(String);

/// A connection for reports.
pub(crate) struct Session {
    connection: Connection,
    kept: Mutex<Kept>,
}

/// What is kept for the next report.
#[derive(Default)]
struct Kept {
    /// The catalog in use; none if that is not known.
    catalog: Option<&'static str>,
    /// The texts that are one query.
    checked: HashSet<String>,
    /// The variables that are set, with their values as SQL; none if that is not known.
    variables: Option<BTreeMap<String, String>>,
    /// The reach of which the table `kept_part_coverage` has the coverage of that moment; none if it has none.
    covered: Option<String>,
    /// The number of commits of the record at which `ends`, `coverage` and the table `kept_coverage` were read.
    commits: Option<i64>,
    ends: HashMap<String, Ends>,
    /// The range of `wanted_history()`, as queries, by the same key.
    histories: HashMap<String, String>,
    coverage: HashMap<(String, bool), CoverageSummary>,
    /// The tables, from the oldest to the newest.
    tables: VecDeque<Table>,
    /// The number of tables that were made, for their names.
    made: u64,
}

/// The ends of the requested time, as queries.
#[derive(Clone)]
struct Ends {
    end: String,
    range: String,
}

/// A table that depends on nothing but its key.
struct Table {
    key: String,
    name: String,
    rows: usize,
}

impl Borrow<Connection> for Session {
    fn borrow(&self) -> &Connection {
        &self.connection
    }
}

impl Session {
    /// Lets a connection run reports.
    pub(crate) fn new(connection: Connection) -> Result<Self, StoreError> {
        report_catalog::prepare(&connection)?;
        Ok(Self {
            connection,
            kept: Mutex::default(),
        })
    }

    /// Runs `query` in one transaction, in this catalog. What it keeps goes away with a transaction that fails.
    pub(super) fn at_one_moment<T>(
        &self,
        catalog: &'static str,
        query: impl FnOnce(&Connection, &mut KeptHere<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let connection = &self.connection;
        // Until the commit nothing is known to be kept, also after a panic.
        let mut kept = std::mem::take(&mut *self.kept.lock());
        let made = kept.made;
        let tables: Vec<_> = kept.tables.iter().map(|table| table.name.clone()).collect();
        let answer = (|| {
            if kept.catalog != Some(catalog) {
                connection.execute_batch(&format!("USE {catalog}"))?;
                kept.catalog = Some(catalog);
            }
            connection.execute_batch("BEGIN TRANSACTION READ ONLY")?;
            let answer = query(
                connection,
                &mut KeptHere {
                    connection,
                    kept: &mut kept,
                    wanted: BTreeMap::new(),
                },
            )?;
            connection.execute_batch("COMMIT")?;
            Ok(answer)
        })();
        *self.kept.lock() = if answer.is_ok() {
            kept
        } else {
            let _ = connection.execute_batch("ROLLBACK");
            for name in tables {
                let _ = connection.execute_batch(&format!("DROP TABLE IF EXISTS temp.main.{name}"));
            }
            Kept {
                made: made.max(kept.made),
                ..Kept::default()
            }
        };
        answer
    }
}

/// What is kept, within a transaction.
pub(super) struct KeptHere<'a> {
    connection: &'a Connection,
    kept: &'a mut Kept,
    /// The variables that the next query needs, with their values as SQL.
    wanted: BTreeMap<String, String>,
}

impl KeptHere<'_> {
    /// Checks a text by `check`, unless it passed before.
    pub(super) fn check(
        &mut self,
        sql: &str,
        check: impl FnOnce(&Connection, &str) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if self.kept.checked.contains(sql) {
            return Ok(());
        }
        check(self.connection, sql)?;
        make_room(self.kept.checked.len(), || self.kept.checked.clear());
        self.kept.checked.insert(sql.to_owned());
        Ok(())
    }

    /// Sets the variables that are wanted, as far as they are not set, and resets all others: those of the
    /// connection's last report still exist.
    pub(super) fn set_variables(&mut self) -> Result<(), StoreError> {
        // Should one of them fail, it is not known which are set.
        let set = match self.kept.variables.take() {
            Some(set) => set,
            None => self.variables()?,
        };
        let wanted = &self.wanted;
        let mut sql = String::new();
        for name in set.keys().filter(|name| !wanted.contains_key(*name)) {
            sql += &format!("RESET VARIABLE \"{name}\";");
        }
        for (name, value) in wanted
            .iter()
            .filter(|(name, value)| set.get(*name) != Some(value))
        {
            sql += &format!("SET VARIABLE \"{name}\" = {value};");
        }
        if !sql.is_empty() {
            self.connection.execute_batch(&sql)?;
        }
        self.kept.variables = Some(wanted.clone());
        Ok(())
    }

    /// The names of the variables that are set, without their values.
    fn variables(&self) -> Result<BTreeMap<String, String>, StoreError> {
        let mut statement = self
            .connection
            .prepare("SELECT name FROM duckdb_variables()")?;
        let names = statement.query_map([], |row| Ok((row.get(0)?, String::new())))?;
        Ok(names.collect::<Result<_, _>>()?)
    }

    /// Makes the coverage of this commit ready, as the table that the view `coverage` reads.
    pub(super) fn begin(
        &mut self,
        commits: i64,
        request: &ReportRequest,
    ) -> Result<Place, StoreError> {
        let parameters = request.parameters.iter();
        self.wanted = parameters
            .map(|(name, value)| (name.clone(), literal(value)))
            .collect();
        let part = request.part();
        if let Some((reach, shown)) = &part {
            for (name, value) in [(REACH, reach.as_str()), (SHOWN, *shown)] {
                let value = literal(&Value::Text(value.to_owned()));
                self.wanted.insert(name.to_owned(), value);
            }
        }
        if self.kept.commits != Some(commits) {
            self.set_variables()?;
            self.kept.commits = None;
            self.kept.covered = None;
            self.kept.ends.clear();
            self.kept.histories.clear();
            self.kept.coverage.clear();
            self.connection.execute_batch(&format!(
                "CREATE OR REPLACE TEMP TABLE kept_coverage AS FROM {WHOLE}.main.coverage"
            ))?;
            self.kept.commits = Some(commits);
        }
        if let Some((reach, _)) = &part {
            if self.kept.covered.as_ref() != Some(reach) {
                self.set_variables()?;
                self.kept.covered = None;
                self.connection.execute_batch(&format!(
                    "CREATE OR REPLACE TEMP TABLE kept_part_coverage AS FROM {PART}.main.coverage"
                ))?;
                self.kept.covered = Some(reach.clone());
            }
            self.want("coverage", "FROM temp.main.kept_part_coverage");
        } else {
            self.want("coverage", "FROM temp.main.kept_coverage");
        }
        let place = ["guild_id", "channel_id", "from", "to"].map(|name| text(request, name));
        let reach = part.map(|(reach, _)| reach).unwrap_or_default();
        Ok(Place(format!("{} {reach}", place.join(" "))))
    }

    /// The coverage of the request, by `read` if it was not asked for at this commit.
    pub(super) fn coverage(
        &mut self,
        place: &Place,
        reads_history: bool,
        read: impl FnOnce(&Connection) -> Result<CoverageSummary, StoreError>,
    ) -> Result<CoverageSummary, StoreError> {
        let key = (place.0.clone(), reads_history);
        if let Some(known) = self.kept.coverage.get(&key) {
            return Ok(*known);
        }
        self.set_variables()?;
        let found = read(self.connection)?;
        make_room(self.kept.coverage.len(), || self.kept.coverage.clear());
        self.kept.coverage.insert(key, found);
        Ok(found)
    }

    /// Sets the variables of what the report's text asks for, and works out what is not kept yet.
    pub(super) fn prepare(
        &mut self,
        place: &Place,
        request: &ReportRequest,
    ) -> Result<(), StoreError> {
        let asks = |name: &str| request.sql.contains(name);
        let unit = request.unit.as_deref().unwrap_or_default();
        let has_unit = ["hour", "day", "week", "month"].contains(&unit);
        let (slots, history) = (
            has_unit && (asks("wanted_slots(") || asks("wanted_periods(")),
            has_unit && unit != "hour" && asks("history_slots("),
        );
        let asks_for_ends = slots
            || history
            || [
                "wanted_end(",
                "wanted_range(",
                "wanted_quarters",
                "wanted_threads(",
                "wanted_clock(",
                "wanted_lengths(",
            ]
            .into_iter()
            .any(asks);
        if !asks_for_ends {
            return Ok(());
        }
        self.drop_oldest()?;
        let ends = self.ends(place)?;
        let zone = text(request, "time_zone");
        // Of the periods: where weeks begin matters too.
        let by = format!("{zone} {}", text(request, "week_start"));
        if slots {
            let of = format!("{by} {}", ends.range);
            self.table(
                &format!("slots_{unit}"),
                &of,
                &format!("FROM wanted_slots('{unit}')"),
            )?;
            self.table(
                &format!("periods_{unit}"),
                &of,
                &format!("FROM find_periods('{unit}')"),
            )?;
        }
        if history {
            let range = self.history(place)?;
            self.table(
                &format!("history_{unit}"),
                &format!("{by} {range}"),
                &format!("FROM day_slots(({range}), '{unit}')"),
            )?;
        }
        let of = format!("{zone} {}", ends.range);
        if asks("wanted_clock(") {
            self.table("clock", &of, "FROM find_clock()")?;
        }
        if asks("wanted_lengths(") {
            self.table("lengths", &of, "FROM find_lengths()")?;
        }
        Ok(())
    }

    /// Sets the variables of the ends of the requested time.
    fn ends(&mut self, place: &Place) -> Result<Ends, StoreError> {
        if let Some(ends) = self.kept.ends.get(&place.0).cloned() {
            self.want("end", &ends.end);
            self.want("range", &ends.range);
            return Ok(ends);
        }
        self.set_variables()?;
        let end: Option<i64> = self
            .connection
            .query_row("FROM find_end()", [], |row| row.get(0))?;
        let end = end.map_or_else(|| "NULL".to_owned(), |end| end.to_string());
        let end = format!("SELECT CAST({end} AS BIGINT) AS last_id");
        self.want("end", &end);
        let range = self.bounds("find_range()")?;
        self.want("range", &range);
        let ends = Ends { end, range };
        make_room(self.kept.ends.len(), || self.kept.ends.clear());
        self.kept.ends.insert(place.0.clone(), ends.clone());
        Ok(ends)
    }

    /// The range of `wanted_history()`.
    fn history(&mut self, place: &Place) -> Result<String, StoreError> {
        if let Some(range) = self.kept.histories.get(&place.0) {
            return Ok(range.clone());
        }
        let range = self.bounds("history_range()")?;
        make_room(self.kept.histories.len(), || self.kept.histories.clear());
        self.kept.histories.insert(place.0.clone(), range.clone());
        Ok(range)
    }

    /// The query of the bounds that a macro finds, of which it has one row or none.
    fn bounds(&mut self, of: &str) -> Result<String, StoreError> {
        self.set_variables()?;
        let sql = format!("SELECT CAST(any_value(bounds) AS VARCHAR), count(*) FROM {of}");
        let (bounds, rows): (Option<String>, i64) = self
            .connection
            .query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let bounds = bounds.unwrap_or_else(|| "NULL".to_owned());
        Ok(format!(
            "SELECT CAST({bounds} AS BIGINT[]) AS bounds WHERE {}",
            rows > 0
        ))
    }

    /// Lets the variable `kept_` + `name` say where the answer of `query` is. It depends on nothing but the name and
    /// `of`.
    fn table(&mut self, name: &str, of: &str, query: &str) -> Result<(), StoreError> {
        let tables = &mut self.kept.tables;
        let key = format!("{name} {of}");
        let place = tables.iter().position(|table| table.key == key);
        let table = if let Some(table) = place.and_then(|place| tables.remove(place)) {
            table
        } else {
            self.set_variables()?;
            self.kept.made += 1;
            let name = format!("kept_{}", self.kept.made);
            let rows = self.connection.execute(
                &format!("CREATE OR REPLACE TEMP TABLE {name} AS {query}"),
                [],
            )?;
            Table { key, name, rows }
        };
        let from = format!("FROM temp.main.{}", table.name);
        self.kept.tables.push_back(table);
        self.want(name, &from);
        Ok(())
    }

    /// Drops the tables that were not used for longest, until the others are small enough. Before a report asks for its
    /// tables, since it may need more than are kept.
    fn drop_oldest(&mut self) -> Result<(), StoreError> {
        let rows = |tables: &VecDeque<Table>| tables.iter().map(|table| table.rows).sum::<usize>();
        while rows(&self.kept.tables) > MAX_KEPT_ROWS
            && let Some(oldest) = self.kept.tables.pop_front()
        {
            let sql = format!("DROP TABLE temp.main.{}", oldest.name);
            self.connection.execute_batch(&sql)?;
        }
        Ok(())
    }

    /// Lets the variable `kept_` + `name` be this query.
    fn want(&mut self, name: &str, query: &str) {
        let query = literal(&Value::Text(query.to_owned()));
        self.wanted.insert(format!("kept_{name}"), query);
    }
}

/// The parameter of a request as text; empty if it is not given.
fn text(request: &ReportRequest, name: &str) -> String {
    let mut parameters = request.parameters.iter();
    let found = parameters.find(|(known, _)| known == name);
    found.map(|(_, value)| literal(value)).unwrap_or_default()
}

fn make_room(count: usize, clear: impl FnOnce()) {
    if count >= MAX_KEPT_ANSWERS {
        clear();
    }
}
