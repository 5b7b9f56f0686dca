//! Moves between the levels go on beside the writer's commits: what is changed meanwhile stays where
//! it was put, and everything else moves.

use std::collections::BTreeMap;

use chrono::Utc;
use duckdb::Connection;
use guildlake::guild::{Channel, ChannelGone};
use guildlake::message::Source;
use guildlake::store::Batch;

use testkit::record::{TestRecord, channel, guild, id, whole};

/// How many rows each level has, and every message's content.
fn levels(connection: &Connection) -> ([i64; 3], BTreeMap<i64, String>) {
    let count = |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    let mut statement = connection
        .prepare("SELECT message_id, content FROM discord_messages")
        .unwrap();
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    let rows: Vec<(i64, String)> = rows.map(Result::unwrap).collect();
    let each: BTreeMap<_, _> = rows.iter().cloned().collect();
    assert_eq!(rows.len(), each.len(), "a message has two rows");
    let counts = ["messages_hot", "messages_small_runs", "messages_runs"].map(count);
    (counts, each)
}

fn commit(record: &mut TestRecord, numbers: impl Iterator<Item = u64>, edit: u32) {
    let text = format!("edit {edit}");
    let messages = numbers.map(|n| whole(id(n), &text, edit, 0, Source::Gateway));
    let batch = Batch {
        messages: messages.collect(),
        ..Batch::default()
    };
    record.record.commit(&batch, Utc::now()).unwrap();
}

#[test]
fn what_is_changed_while_its_level_moves_stays_behind() {
    let mut record = TestRecord::new(100);
    commit(&mut record, 1..101, 0);
    // Beside the first moves rows of theirs are edited: they come to nothing, and are done again.
    for edit in 1..4 {
        record.record.maintain().unwrap();
        commit(&mut record, 1..6, edit);
        record.record.finish_move().unwrap();
    }
    let (mut record, (counts, _)) = record.look(levels);
    assert_eq!(counts, [100, 0, 0]);
    // At last one goes on without the edited ones; ten more came new.
    for edit in 4..8 {
        record.record.maintain().unwrap();
        commit(&mut record, (1..6).chain(101..111), edit);
        record.record.finish_move().unwrap();
    }
    let (mut record, (counts, rows)) = record.look(levels);
    assert_eq!(counts, [15, 95, 0]);
    assert_eq!(rows.len(), 110);
    assert_eq!(rows[&id(3).as_i64()], "edit 7");
    assert_eq!(rows[&id(6).as_i64()], "edit 0");

    // From the small runs on: an edit takes a row back to the beginning.
    for hundred in 2..4 {
        commit(&mut record, hundred * 100..(hundred + 1) * 100, 0);
        record.record.maintain().unwrap();
        record.record.finish_move().unwrap();
    }
    record.record.maintain().unwrap();
    commit(&mut record, 400..402, 2);
    record.record.finish_move().unwrap();
    commit(&mut record, (6..8).chain(200..202), 8);
    let (record, (counts, rows)) = record.look(levels);
    assert_eq!(counts, [6, 0, 306]);
    assert_eq!(rows[&id(7).as_i64()], "edit 8");
    assert_eq!(record.look(levels).1.1, rows);
}

#[test]
fn a_channel_that_ends_while_its_level_moves_ends_the_move() {
    let mut record = TestRecord::new(100);
    let known = Batch {
        channels: vec![Channel {
            id: channel(),
            guild_id: guild(),
            parent_id: None,
            channel_type: 0,
            name: "c".to_owned(),
        }],
        ..Batch::default()
    };
    record.record.commit(&known, Utc::now()).unwrap();
    commit(&mut record, 1..101, 0);
    record.record.maintain().unwrap();
    let gone = ChannelGone {
        id: channel(),
        after: Utc::now(),
        before: Utc::now(),
        asked_at: None,
    };
    let batch = Batch {
        channels_gone: vec![gone],
        ..Batch::default()
    };
    record.record.commit(&batch, Utc::now()).unwrap();
    record.record.finish_move().unwrap();
    let (mut record, (counts, _)) = record.look(levels);
    assert_eq!(counts, [100, 0, 0]);
    // The next one takes them as they are now.
    record.record.maintain().unwrap();
    record.record.finish_move().unwrap();
    let (_, (counts, gone)) = record.look(|connection| {
        let sql = "SELECT count(*) FROM discord_messages WHERE deleted";
        let gone: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
        (levels(connection).0, gone)
    });
    assert_eq!((counts, gone), ([0, 100, 0], 100));
}

#[test]
fn a_record_that_is_closed_while_a_level_moves_loses_nothing() {
    let mut record = TestRecord::new(100);
    commit(&mut record, 1..201, 0);
    record.record.maintain().unwrap();
    assert_eq!(record.look(levels).1.1.len(), 200);
}
