//! The comparison of a record with the simulator's truth, for every target that runs the service.

use std::collections::HashMap;
use std::path::Path;

use chrono::{DateTime, Utc};
use duckdb::Connection;
use simulator::{Simulator, TruthMessage};

/// What a record can't know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "each target meets some of them")]
pub(crate) enum Unknowable {
    /// It knows everything that was ever sent.
    Nothing,
    /// Pages of history were lost with the process that asked for them. What was deleted before it
    /// was asked for again, nobody knows.
    LostPages,
    /// Events were lost with a session: what came and went in between, and what happened in a
    /// channel whose history can't be read.
    LostSession,
}

/// Compares the record (of a service that was stopped) with the truth.
pub(crate) fn compare(simulator: &Simulator, database: &Path, unknowable: Unknowable) {
    let connection = Connection::open(database).unwrap();
    let rows = rows_where(&connection, "true");
    let expected = compare_rows(simulator, &simulator.truth(), &rows, unknowable);
    assert!(
        expected > 100,
        "too few messages to prove anything: {expected}"
    );
}

/// The same, one channel after the other, where all of it at once would need too much memory: of a
/// community whose channels all stayed, and a record that knows all that was sent. Answers how many
/// messages it holds.
#[allow(dead_code, reason = "only a long run needs it")]
pub(crate) fn compare_by_channel(simulator: &Simulator, database: &Path) -> usize {
    let connection = Connection::open(database).unwrap();
    let places = simulator.channels().into_iter().chain(simulator.threads());
    let held = places.map(|place| {
        let rows = rows_where(&connection, &format!("channel_id = {}", place.id));
        let truth = simulator.truth_in(place.id);
        compare_rows(simulator, &truth, &rows, Unknowable::Nothing)
    });
    let held = held.sum();
    let all: usize = connection
        .query_row("SELECT count(*) FROM discord_messages", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(all, held, "the record holds messages of no channel");
    assert!(held > 100, "too few messages to prove anything: {held}");
    held
}

/// Compares these rows with these messages; answers how many messages should have a row.
fn compare_rows(
    simulator: &Simulator,
    truth: &[TruthMessage],
    rows: &HashMap<u64, Row>,
    unknowable: Unknowable,
) -> usize {
    let session_was_lost = unknowable == Unknowable::LostSession;
    let readable: HashMap<u64, bool> = simulator
        .channels()
        .into_iter()
        .chain(simulator.threads())
        .map(|channel| (channel.id, channel.visible && channel.history))
        .collect();
    let mut differences = Vec::new();
    let mut expected = 0;
    for truth in truth {
        let is_readable = readable.get(&truth.channel_id).copied().unwrap_or(false);
        match rows.get(&truth.id) {
            None if is_due(truth, is_readable, unknowable) => {
                differences.push(format!("missing: {truth:?}"));
            }
            None => {}
            Some(row) => {
                expected += 1;
                if (is_readable || !session_was_lost)
                    && let Some(difference) = difference(simulator, truth, row)
                {
                    differences.push(difference);
                }
            }
        }
    }
    assert!(
        differences.is_empty(),
        "{} of {expected} differ, the first:\n{}",
        differences.len(),
        differences[..differences.len().min(5)].join("\n")
    );
    assert_eq!(
        rows.len(),
        expected,
        "the record holds messages that never were"
    );
    expected
}

/// Whether a record without this message has lost it.
fn is_due(truth: &TruthMessage, is_readable: bool, unknowable: Unknowable) -> bool {
    let was_sent = match unknowable {
        Unknowable::Nothing => truth.shown,
        Unknowable::LostPages => truth.shown && !truth.deleted,
        Unknowable::LostSession => false,
    };
    was_sent || is_readable && !truth.deleted
}

fn difference(simulator: &Simulator, truth: &TruthMessage, row: &Row) -> Option<String> {
    if row.deleted != truth.deleted {
        return Some(format!("deleted: {} {truth:?}", row.deleted));
    }
    if !simulator.was_sent(truth.id, &row.raw_json) {
        return Some(format!(
            "raw_json was never sent: {} {}",
            truth.id, row.raw_json
        ));
    }
    let edited = truth
        .edited_timestamp
        .as_ref()
        .map(|at| at.parse::<DateTime<Utc>>().unwrap().timestamp_micros());
    let found = (
        row.author_id,
        row.author_name.as_str(),
        row.channel_id,
        row.guild_id,
    );
    let real = (
        truth.author_id,
        truth.author_name.as_str(),
        truth.channel_id,
        truth.guild_id,
    );
    if found != real {
        return Some(format!("{found:?} is {real:?}"));
    }
    // What happened to a message between its last showing and its end, nobody saw.
    let same = row.content == truth.content && row.edited_at == edited;
    if !same && !truth.deleted {
        return Some(format!(
            "{:?} {:?} is {truth:?}",
            row.content, row.edited_at
        ));
    }
    None
}

pub(crate) struct Row {
    pub(crate) guild_id: u64,
    pub(crate) channel_id: u64,
    pub(crate) author_id: u64,
    pub(crate) author_name: String,
    pub(crate) content: String,
    pub(crate) edited_at: Option<i64>,
    pub(crate) deleted: bool,
    pub(crate) deleted_by: Option<String>,
    pub(crate) raw_json: String,
}

/// The record's rows, each id once.
pub(crate) fn rows(database: &Path) -> HashMap<u64, Row> {
    rows_where(&Connection::open(database).unwrap(), "true")
}

fn rows_where(connection: &Connection, condition: &str) -> HashMap<u64, Row> {
    let mut statement = connection
        .prepare(&format!(
            "SELECT message_id, guild_id, channel_id, author_id, author_name, content, \
             epoch_us(edited_at), deleted, deleted_by, raw_json FROM discord_messages WHERE {condition}",
        ))
        .unwrap();
    let found = statement
        .query_map([], |row| {
            Ok((
                row.get::<_, u64>(0)?,
                Row {
                    guild_id: row.get(1)?,
                    channel_id: row.get(2)?,
                    author_id: row.get(3)?,
                    author_name: row.get(4)?,
                    content: row.get(5)?,
                    edited_at: row.get(6)?,
                    deleted: row.get(7)?,
                    deleted_by: row.get(8)?,
                    raw_json: row.get(9)?,
                },
            ))
        })
        .unwrap();
    let mut rows = HashMap::new();
    for row in found {
        let (id, row) = row.unwrap();
        assert!(rows.insert(id, row).is_none(), "{id} is there twice");
    }
    rows
}
