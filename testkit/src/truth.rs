//! The comparison of a record with the simulator's truth, for every target that runs the service.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use chrono::{DateTime, Utc};
use duckdb::Connection;
use serde_json::Value;
use simulator::{Simulator, TruthMessage, unix_ms};

/// What a record can't know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknowable {
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
pub fn compare(simulator: &Simulator, database: &Path, unknowable: Unknowable) {
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
pub fn compare_by_channel(simulator: &Simulator, database: &Path) -> usize {
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
    let began = rows.values().map(|row| row.ingested_at).min();
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
                // What stood on an older message nobody told, where history can't be read.
                let written = i64::try_from(unix_ms(truth.id)).unwrap() * 1000;
                let tells_counts = is_readable || began.is_some_and(|began| written > began);
                if (is_readable || !session_was_lost)
                    && let Some(difference) = difference(simulator, truth, row, tells_counts)
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

fn difference(
    simulator: &Simulator,
    truth: &TruthMessage,
    row: &Row,
    tells_counts: bool,
) -> Option<String> {
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
    let found = (row.author_id, row.channel_id, row.guild_id);
    let real = (truth.author_id, truth.channel_id, truth.guild_id);
    if found != real {
        return Some(format!("{found:?} is {real:?}"));
    }
    // What happened to a message between its last showing and its end, nobody saw.
    if truth.deleted {
        return None;
    }
    if row.content != truth.content || row.edited_at != edited {
        return Some(format!(
            "{:?} {:?} is {truth:?}",
            row.content, row.edited_at
        ));
    }
    let (mut found, real) = (Outside::of_row(row), Outside::of_truth(truth));
    if !tells_counts {
        found.reactions.clone_from(&real.reactions);
        found.votes.clone_from(&real.votes);
    }
    (found != real).then(|| format!("{found:?} is {real:?}\n  {truth:?}\n  of {}", row.raw_json))
}

/// What changes on a message without being an edit of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outside {
    pub author_name: String,
    pub pinned: bool,
    pub flags: u64,
    pub embeds: usize,
    /// By emoji: how many, and how many of them are super reactions; none if that is not known.
    pub reactions: Option<BTreeMap<String, (u64, u64)>>,
    /// By answer; none without a poll, or if that is not known.
    pub votes: Option<BTreeMap<u64, u64>>,
}

impl Outside {
    pub fn of_row(row: &Row) -> Self {
        let payload: Value = serde_json::from_str(&row.raw_json).unwrap();
        let changed: Value = row
            .patch_json
            .as_deref()
            .map_or(Value::Null, |patch| serde_json::from_str(patch).unwrap());
        // A field that changed stands in its place.
        let shown = |field: &str| changed.get(field).or_else(|| payload.get(field)).cloned();
        let list = |text: &Option<String>| {
            let list = text.as_deref().map(serde_json::from_str::<Value>);
            list.map(Result::unwrap)
        };
        let reactions = reactions(list(&row.reactions).as_ref());
        let sum = |counts: &BTreeMap<String, (u64, u64)>| counts.values().map(|it| it.0).sum();
        let sum: Option<u64> = reactions.as_ref().map(sum);
        assert_eq!(row.reaction_count, sum, "of {reactions:?}");
        Self {
            author_name: row.author_name.clone(),
            pinned: shown("pinned").and_then(|it| it.as_bool()).unwrap_or(false),
            flags: shown("flags").and_then(|it| it.as_u64()).unwrap_or(0),
            embeds: row.embed_count,
            reactions,
            votes: votes(list(&row.poll_votes).as_ref()),
        }
    }

    pub fn of_truth(truth: &TruthMessage) -> Self {
        let reactions = truth.reactions.iter().map(|reaction| {
            let emoji = &reaction.emoji;
            let key = emoji
                .id
                .map_or_else(|| emoji.name.clone(), |id| id.to_string());
            let counts = (u64::from(reaction.count), u64::from(reaction.burst));
            (key, counts)
        });
        let votes = truth.poll.as_ref().map(|poll| {
            let votes = poll.votes.iter().filter(|(_, count)| **count > 0);
            let votes = votes.map(|(id, count)| (u64::from(*id), u64::from(*count)));
            votes.collect()
        });
        Self {
            author_name: truth.author_name.clone(),
            pinned: truth.pinned,
            flags: truth.flags,
            embeds: truth.embed_count,
            reactions: Some(reactions.collect()),
            votes,
        }
    }
}

/// The reactions of a row, by emoji.
pub fn reactions(list: Option<&Value>) -> Option<BTreeMap<String, (u64, u64)>> {
    counts(list, |reaction| {
        let key = reaction["emoji_id"].as_str();
        let key = key.or(reaction["emoji_name"].as_str()).unwrap().to_owned();
        let super_count = reaction["super_count"].as_u64().unwrap();
        (key, (reaction["count"].as_u64().unwrap(), super_count))
    })
}

/// The votes of a row, by answer.
pub fn votes(list: Option<&Value>) -> Option<BTreeMap<u64, u64>> {
    counts(list, |answer| {
        let id = answer["answer_id"].as_u64().unwrap();
        (id, answer["count"].as_u64().unwrap())
    })
}

/// The items of a JSON list, each once.
fn counts<K: Ord, V>(
    list: Option<&Value>,
    read: impl Fn(&Value) -> (K, V),
) -> Option<BTreeMap<K, V>> {
    let list = list?.as_array()?;
    let counts: BTreeMap<K, V> = list.iter().map(read).collect();
    assert_eq!(counts.len(), list.len(), "it is there twice: {list:?}");
    Some(counts)
}

pub struct Row {
    pub guild_id: u64,
    pub channel_id: u64,
    pub author_id: u64,
    pub author_name: String,
    pub content: String,
    pub edited_at: Option<i64>,
    pub deleted: bool,
    pub deleted_by: Option<String>,
    pub ingested_at: i64,
    pub embed_count: usize,
    pub reaction_count: Option<u64>,
    pub reactions: Option<String>,
    pub poll_votes: Option<String>,
    pub patch_json: Option<String>,
    pub raw_json: String,
}

/// The record's rows, each id once.
pub fn rows(database: &Path) -> HashMap<u64, Row> {
    rows_where(&Connection::open(database).unwrap(), "true")
}

fn rows_where(connection: &Connection, condition: &str) -> HashMap<u64, Row> {
    let mut statement = connection
        .prepare(&format!(
            "SELECT message_id, guild_id, channel_id, author_id, author_name, content, \
             epoch_us(edited_at), deleted, deleted_by, embed_count, reaction_count, reactions, poll_votes, \
             patch_json, raw_json, epoch_us(ingested_at) FROM discord_messages WHERE {condition}",
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
                    embed_count: row.get(9)?,
                    reaction_count: row.get(10)?,
                    reactions: row.get(11)?,
                    poll_votes: row.get(12)?,
                    patch_json: row.get(13)?,
                    raw_json: row.get(14)?,
                    ingested_at: row.get(15)?,
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
