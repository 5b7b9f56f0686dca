//! A record of an older guildlake is opened: what its rules did wrong is mended as far as it can be known, and the
//! rest is as it was.

use chrono::{DateTime, TimeDelta, Utc};
use duckdb::{Connection, params};
use guildlake::guild::Sighting;
use guildlake::message::{ChannelId, MessageId};
use guildlake::store::Batch;
use serde_json::json;

use testkit::record::{CHANNEL, GUILD, TestRecord, id, payload};

/// The steps to schema 6, the last before observations had times of their own.
const STEPS: [&str; 6] = [
    include_str!("../../../src/store/schema/migrations/001_record.sql"),
    include_str!("../../../src/store/schema/migrations/002_coverage.sql"),
    include_str!("../../../src/store/schema/migrations/003_unheard.sql"),
    include_str!("../../../src/store/schema/migrations/004_small_runs.sql"),
    include_str!("../../../src/store/schema/migrations/005_epochs.sql"),
    include_str!("../../../src/store/schema/migrations/006_on_its_way.sql"),
];

const QUIET: i64 = CHANNEL.cast_signed() + 1;
const DEAD: i64 = CHANNEL.cast_signed() + 2;

struct OldRow<'a> {
    table: &'a str,
    message: u64,
    channel: i64,
    deleted: Option<(&'a str, DateTime<Utc>, DateTime<Utc>)>,
    raw: String,
    patch: Option<&'a str>,
}

fn insert(connection: &Connection, row: &OldRow<'_>) {
    let id = id(row.message);
    let sql = format!(
        "INSERT INTO {} BY NAME SELECT ?::BIGINT AS message_id, {GUILD}::BIGINT AS guild_id, ?::BIGINT AS channel_id, \
         77 AS author_id, 'ada' AS author_name, 'x' AS content, ?::TIMESTAMPTZ AS created_at, \
         ?::BOOLEAN AS deleted, ?::VARCHAR AS deleted_by, ?::TIMESTAMPTZ AS deleted_after, \
         ?::TIMESTAMPTZ AS deleted_before, 0 AS message_type, 0 AS attachment_count, 0 AS embed_count, \
         ?::TIMESTAMPTZ AS ingested_at, 1 AS revision, 2 AS source, ?::VARCHAR AS patch_json, ?::VARCHAR AS raw_json",
        row.table
    );
    let gone = row.deleted;
    connection
        .execute(
            &sql,
            params![
                id.as_i64(),
                row.channel,
                id.created_at(),
                gone.is_some(),
                gone.map(|it| it.0),
                gone.map(|it| it.1),
                gone.map(|it| it.2),
                id.created_at(),
                row.patch,
                row.raw,
            ],
        )
        .unwrap();
}

/// A record of schema 6, whose channels the old rule took for deleted after the third message.
fn old_record() -> TestRecord {
    let empty = TestRecord::new(1_000);
    let path = empty.settings.path.clone();
    let (settings, folder) = empty.into_folder();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap().path();
        if file.is_file() {
            std::fs::remove_file(file).unwrap();
        }
    }
    let connection = Connection::open(path).unwrap();
    for (step, sql) in (1..).zip(STEPS) {
        connection.execute_batch(sql).unwrap();
        let version = format!("UPDATE record_state SET schema_version = {step}, revision = 1");
        connection.execute_batch(&version).unwrap();
    }
    let ended = id(3).created_at() + TimeDelta::milliseconds(500);
    for channel in [CHANNEL.cast_signed(), QUIET, DEAD] {
        connection
            .execute(
                "INSERT INTO channels BY NAME SELECT ?::BIGINT AS channel_id, ?::BIGINT AS guild_id, 0 AS channel_type, \
                 'c' AS name, ?::TIMESTAMPTZ AS gone_at, ?::TIMESTAMPTZ AS gone_after, 'readable' AS access",
                params![channel, GUILD, ended, ended],
            )
            .unwrap();
    }
    let whole = |n| payload(id(n), "x", 0, 0);
    let row = |n: u64, table, channel| OldRow {
        table,
        message: n,
        channel,
        deleted: Some(("channel", id(n).created_at().min(ended), ended)),
        raw: whole(n),
        patch: None,
    };
    insert(&connection, &row(1, "messages_runs", CHANNEL.cast_signed()));
    insert(
        &connection,
        &row(2, "messages_small_runs", CHANNEL.cast_signed()),
    );
    // Written minutes after the channel's supposed end: the interval is upside down.
    let late = OldRow {
        deleted: Some(("channel", id(300).created_at(), ended)),
        ..row(300, "messages_hot", CHANNEL.cast_signed())
    };
    insert(&connection, &late);
    // Told by Discord, in the same channel.
    let told = ("gateway", id(3).created_at(), id(3).created_at());
    let told = OldRow {
        deleted: Some(told),
        ..row(3, "messages_hot", CHANNEL.cast_signed())
    };
    insert(&connection, &told);
    insert(&connection, &row(4, "messages_runs", QUIET));
    insert(&connection, &row(5, "messages_runs", DEAD));
    let mut reacted: serde_json::Value = serde_json::from_str(&whole(6)).unwrap();
    reacted["reactions"] = json!([{"count": 2, "emoji": {"id": null, "name": "👍"}}]);
    let reacted = OldRow {
        deleted: None,
        raw: reacted.to_string(),
        patch: Some(r#"{"embeds":{"edited_at":null,"value":"[{\"type\":\"link\"}]"}}"#),
        ..row(6, "messages_hot", CHANNEL.cast_signed())
    };
    insert(&connection, &reacted);
    // More reactions than a column holds; and a preview that was hidden again: the old rule did not show it.
    let mut odd: serde_json::Value = serde_json::from_str(&whole(7)).unwrap();
    odd["reactions"] = json!([
        {"count": i64::MAX, "emoji": {"id": null, "name": "x"}},
        {"count": i64::MAX, "emoji": {"id": "9", "name": null}},
    ]);
    odd["flags"] = json!(4);
    let odd = OldRow {
        deleted: None,
        raw: odd.to_string(),
        patch: Some(
            r#"{"embeds":{"edited_at":null,"value":"[{}]"},"content":{"edited_at":null,"value":"\"\\ud800 no\""}}"#,
        ),
        ..row(7, "messages_runs", CHANNEL.cast_signed())
    };
    insert(&connection, &odd);
    let lone = OldRow {
        deleted: None,
        raw: whole(8).replace('x', "\\ud800"),
        ..row(8, "messages_runs", CHANNEL.cast_signed())
    };
    insert(&connection, &lone);
    drop(connection);
    TestRecord::open(settings, folder)
}

/// How each message went, by its number.
fn ends(connection: &Connection) -> Vec<(i64, Option<String>)> {
    let mut statement = connection
        .prepare("SELECT message_id, deleted_by FROM discord_messages ORDER BY message_id")
        .unwrap();
    let number = |id: i64| ((id >> 22) - (CHANNEL.cast_signed() >> 22)) / 1000;
    let rows = statement.query_map([], |row| Ok((number(row.get(0)?), row.get(1)?)));
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn what_the_old_rule_did_wrong_is_mended_at_the_opening() {
    let record = old_record();
    assert_eq!(record.record.revision(), 2, "who keeps a copy learns of it");
    let (record, (found, upside_down, reactions, patch, most, hidden)) = record.look(|connection| {
        let one = |sql: &str| {
            connection
                .query_row(sql, [], |row| row.get::<_, i64>(0))
                .unwrap()
        };
        let text = |sql: &str| {
            connection
                .query_row(sql, [], |row| row.get::<_, String>(0))
                .unwrap()
        };
        (
            ends(connection),
            one("SELECT count(*) FROM discord_messages WHERE deleted_after > deleted_before"),
            text("SELECT reactions FROM discord_messages WHERE reaction_count = 2"),
            text("SELECT string_agg(patch_json) FROM discord_messages WHERE patch_json IS NOT NULL"),
            one("SELECT max(reaction_count) FROM discord_messages"),
            one("SELECT count(*) FROM messages_runs WHERE state_json IS NOT NULL"),
        )
    });
    let by = |by: &str| Some(by.to_owned());
    // The first channel lives, since something was written in it. Of the others nobody knows yet.
    assert_eq!(
        found,
        [
            (1, None),
            (2, None),
            (3, by("gateway")),
            (4, by("channel")),
            (5, by("channel")),
            (6, None),
            (7, None),
            (8, None),
            (300, None),
        ]
    );
    assert_eq!(upside_down, 0);
    assert_eq!(
        reactions,
        r#"[{"count":2,"emoji_id":null,"emoji_name":"👍","super_count":0}]"#
    );
    assert_eq!(patch, r#"{"embeds":[{"type":"link"}]}"#);
    assert_eq!((most, hidden), (i64::from(i32::MAX), 0));

    // A list shows that the second one lives too.
    let mut record = record;
    let batch = Batch {
        sightings: vec![Sighting {
            id: ChannelId::try_from(QUIET).unwrap(),
            at: Utc::now() + TimeDelta::days(10_000),
        }],
        ..Batch::default()
    };
    record.record.commit(&batch, Utc::now()).unwrap();
    let (_, found) = record.look(ends);
    assert_eq!(found[3], (4, None));
    assert_eq!(found[4], (5, by("channel")));
}

#[tokio::test]
async fn a_payload_that_won_by_its_text_loses_to_the_next_observation() {
    let mut record = old_record();
    let of = |rows: Vec<guildlake::store::MessageRow>, n: u64| -> guildlake::store::MessageRow {
        let wanted: MessageId = id(n);
        rows.into_iter()
            .find(|row| row.message_id == wanted)
            .unwrap()
    };
    let before = of(record.rows().await, 6);
    let page = payload(id(6), "x", 0, 0);
    let observed = guildlake::message::Observed::asked(Utc::now());
    let message = guildlake::message::Message::read(
        testkit::record::guild(),
        guildlake::message::Source::Rest,
        observed,
        &page,
    );
    record.commit(vec![message.unwrap()]);
    let after = of(record.rows().await, 6);
    assert_ne!(before.raw_json, after.raw_json);
    assert_eq!(after.raw_json.as_deref(), Some(page.as_str()));
    assert_eq!(
        (before.reaction_count, after.reaction_count),
        (Some(2), Some(0))
    );
    assert_eq!(after.embed_count, 0, "the patch is older than the page");
}
