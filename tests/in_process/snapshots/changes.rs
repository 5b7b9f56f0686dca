//! The files have what the record has, and only what changed is written.

use std::time::{Duration, SystemTime};

use chrono::{TimeDelta, Utc};
use duckdb::Connection;
use guildlake::message::{ReactionEvent, ReactionKind};
use guildlake::store::{Batch, DeletedContent, Table};

use testkit::snapshots::reading::{everything, names, of_files};
use testkit::snapshots::{GUILDS, Home, Lake, channel, gone, nth, whole};

const MONTHS: [&str; 3] = ["2026-01", "2026-02", "2026-03"];

fn lake() -> Lake {
    let mut lake = Lake::new();
    lake.name_channels();
    for month in MONTHS {
        lake.add_month(month, 60);
    }
    lake
}

/// The files by name that are not the same in both; of coverage each commit moves the end.
fn changed(
    before: &std::collections::BTreeMap<String, String>,
    after: &std::collections::BTreeMap<String, String>,
) -> Vec<String> {
    let is_new = |(name, path): &(&String, &String)| {
        before.get(*name) != Some(*path) && *name != "coverage.parquet"
    };
    after
        .iter()
        .filter(is_new)
        .map(|(name, _)| name.clone())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_are_the_record_after_every_kind_of_change() {
    let (mut lake, first) = lake().take_and_compare().await;
    assert_eq!(first.written, 6 + 4, "six partitions, four tables");
    let before = names(&lake.manifest());
    let (guild, other) = (GUILDS[0], GUILDS[1]);
    let partition = |table: &str, guild: i64, month: &str| {
        format!("{table}/guild_id={guild}/month={month}.parquet")
    };

    lake.commit(vec![whole(guild, 0, nth(guild, "2026-02", 3), "edited", 1)]);
    let (mut lake, _) = lake.take_and_compare().await;
    let after_edit = names(&lake.manifest());
    let expected = [
        partition("messages", guild, "2026-02"),
        partition("versions", guild, "2026-02"),
    ];
    assert_eq!(changed(&before, &after_edit), expected);

    lake.commit(vec![gone(other, 1, nth(other, "2026-01", 4))]);
    let (mut lake, _) = lake.take_and_compare().await;
    let after_delete = names(&lake.manifest());
    assert_eq!(
        changed(&after_edit, &after_delete),
        [partition("messages", other, "2026-01")]
    );

    lake.add_month("2026-04", 3);
    let (lake, _) = lake.take_and_compare().await;
    let after_insert = names(&lake.manifest());
    assert_eq!(
        changed(&after_delete, &after_insert),
        [
            partition("messages", guild, "2026-04"),
            partition("messages", other, "2026-04")
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn when_nothing_changed_nothing_is_written_and_the_time_is_told() {
    let (lake, _) = lake().take_and_compare().await;
    let first = lake.manifest();
    let again = lake.take().await;
    assert_eq!((again.written, again.bytes), (0, 0));
    let second = lake.manifest();
    assert_eq!(first.files, second.files);
    assert_eq!(first.revision, second.revision);
    assert!(second.created_at > first.created_at);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_out_of_the_record_leaves_the_files_and_then_the_disk() {
    let at_once = DeletedContent::RemoveAfter(TimeDelta::zero());
    let mut lake = Lake::open(Home::new(), at_once, std::time::Duration::ZERO);
    lake.add_month("2026-01", 30);
    let (guild, id) = (GUILDS[0], nth(GUILDS[0], "2026-01", 5));
    lake.commit(vec![whole(guild, 2, id, "a secret", 1)]);
    lake.commit(vec![whole(guild, 2, id, "a secret of today", 2)]);
    let (mut lake, _) = lake.take_and_compare().await;
    let with_content = names(&lake.manifest());
    assert_eq!(
        of_files(lake.path(), &lake.manifest(), Table::Versions).rows,
        2
    );

    lake.commit(vec![gone(guild, 2, id)]);
    // What the first took the place of goes once another has.
    for _ in 0..2 {
        lake = lake.take_and_compare().await.0;
    }
    let manifest = lake.manifest();
    assert_eq!(of_files(lake.path(), &manifest, Table::Versions).rows, 0);
    let left = everything(lake.path());
    let secret = with_content
        .iter()
        .filter(|(name, _)| name.contains(&format!("guild_id={guild}")));
    for (_, path) in secret {
        assert!(!left.contains(path), "{path}: its content is still there");
    }
    assert!(
        !left.iter().any(|path| path.starts_with("versions/")),
        "{left:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn old_files_stay_for_their_readers_and_what_is_no_snapshots_stays_for_ever() {
    let (mut lake, _) = lake().take_and_compare().await;
    let first = lake.manifest();
    lake.commit(vec![gone(GUILDS[0], 0, nth(GUILDS[0], "2026-01", 0))]);
    let strangers = [
        "notes.txt",
        "messages/mine.parquet",
        "messages/guild_id=1/month=2026-01/x.parquet",
        "tmp/notes.txt",
    ];
    for name in strangers {
        let path = lake.path().join("snapshots").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "mine").unwrap();
    }
    // What a killed process has left is no stranger.
    std::fs::write(lake.path().join("snapshots/tmp/.tmpAbCdEf"), "").unwrap();
    let (lake, _) = lake.take_and_compare().await;
    testkit::snapshots::reading::check_files(lake.path(), &first);
    assert_eq!(lake.follower.snapshots().catalog().snapshots.len(), 2);

    // The same without a grace time.
    let folder = lake.restart(|_| ()).folder;
    let lake = Lake::open(folder, DeletedContent::Keep, std::time::Duration::ZERO);
    assert_eq!(lake.follower.snapshots().catalog().snapshots.len(), 2);
    lake.take().await;
    let kept = everything(lake.path());
    let named: Vec<_> = lake
        .follower
        .snapshots()
        .catalog()
        .latest()
        .unwrap()
        .files()
        .map(|file| file.path)
        .collect();
    let mut expected: Vec<String> = strangers.iter().map(ToString::to_string).collect();
    expected.extend(named);
    expected.push("manifest.json".to_owned());
    expected.sort();
    assert_eq!(kept, expected);
}

/// From when the newer one was there for readers, which can be long after its reading began.
#[tokio::test(flavor = "multi_thread")]
async fn the_grace_time_counts_from_the_publication() {
    for (ago, kept) in [(0, 3), (2 * 3600, 2)] {
        let lake = lake();
        lake.take().await;
        lake.take().await;
        let copy = lake.manifest().path();
        let lake = lake.restart(|folder| {
            let copy = std::fs::File::open(folder.join("snapshots").join(copy)).unwrap();
            let published = SystemTime::now() - Duration::from_secs(ago);
            copy.set_modified(published).unwrap();
        });
        assert_eq!(lake.follower.snapshots().catalog().snapshots.len(), 2);
        lake.take().await;
        let catalog = lake.follower.snapshots().catalog();
        assert_eq!(catalog.snapshots.len(), kept, "published {ago} s ago");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manifest_is_read_by_simple_sql() {
    let (lake, _) = lake().take_and_compare().await;
    let connection = duckdb::Connection::open_in_memory().unwrap();
    let root = lake.path().join("snapshots");
    connection
        .execute_batch(&format!(
            "SET VARIABLE root = '{}/'; \
             SET VARIABLE files = (SELECT list(getvariable('root') || file.path) FROM ( \
                 SELECT unnest(files) AS file FROM read_json(getvariable('root') || 'manifest.json')) \
                 WHERE file.\"table\" = 'messages');",
            root.display()
        ))
        .unwrap();
    let rows: i64 = connection
        .query_row(
            "SELECT count(*) FROM read_parquet(getvariable('files'), hive_partitioning = true) \
             WHERE guild_id = 1400000000000000001 AND month = '2026-02'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(rows, 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reacted_has_a_file_once_somebody_did() {
    let (mut lake, _) = lake().take_and_compare().await;
    let before = names(&lake.manifest());
    assert!(!before.contains_key("reaction_events.parquet"));
    assert!(
        !everything(lake.path())
            .iter()
            .any(|path| path.starts_with("reaction_events"))
    );
    let first = nth(GUILDS[0], "2026-01", 3);
    let second = nth(GUILDS[0], "2026-01", 6);
    let event = |message: i64, micros: i64, kind: ReactionKind| ReactionEvent {
        happened_at: "2026-03-01T00:00:00Z"
            .parse::<chrono::DateTime<Utc>>()
            .unwrap()
            + TimeDelta::microseconds(micros),
        kind,
        message_id: message.try_into().unwrap(),
        guild_id: GUILDS[0].try_into().unwrap(),
        channel_id: channel(GUILDS[0], 0),
        user_id: (kind != ReactionKind::EmojiCleared).then(|| 7_i64.try_into().unwrap()),
        emoji_id: Some(900),
        emoji_name: Some("wave".to_owned()),
        answer_id: None,
        is_super: false,
    };
    let tell = |lake: &mut Lake, reaction_events: Vec<ReactionEvent>| {
        let batch = Batch {
            reaction_events,
            ..Batch::default()
        };
        lake.record.commit(&batch, Utc::now()).unwrap();
    };
    tell(
        &mut lake,
        vec![
            event(second, 1, ReactionKind::ReactionAdded),
            event(first, 2, ReactionKind::ReactionAdded),
        ],
    );
    let (mut lake, _) = lake.take_and_compare().await;
    let with_two = names(&lake.manifest());
    assert_eq!(changed(&before, &with_two), ["reaction_events.parquet"]);
    let again = lake.take().await;
    assert_eq!((again.written, again.bytes), (0, 0));

    tell(
        &mut lake,
        vec![event(second, 3, ReactionKind::EmojiCleared)],
    );
    let (lake, _) = lake.take_and_compare().await;
    let with_three = names(&lake.manifest());
    assert_eq!(changed(&with_two, &with_three), ["reaction_events.parquet"]);
    // In the order of channel and message that the file says its rows have.
    let path = lake
        .path()
        .join("snapshots")
        .join(&with_three["reaction_events.parquet"]);
    let sql = format!(
        "SELECT string_agg(concat_ws(' ', message_id, event, coalesce(CAST(user_id AS VARCHAR), 'nobody')), ', ' \
                ORDER BY file_row_number) \
         FROM read_parquet('{}', file_row_number = true)",
        path.display()
    );
    let rows: String = Connection::open_in_memory()
        .unwrap()
        .query_row(&sql, [], |row| row.get(0))
        .unwrap();
    assert_eq!(
        rows,
        format!(
            "{first} reaction_added 7, {second} reaction_added 7, {second} emoji_cleared nobody"
        )
    );
}
