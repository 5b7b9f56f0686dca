//! Damage is found and repaired from the record; a manifest that is not of this record is set aside.

use guildlake::derived::snapshot::{FORMAT, Manifest, SnapshotError};
use guildlake::store::{DeletedContent, Table};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use testkit::snapshots::reading::{check_files, everything, manifest, path};
use testkit::snapshots::{GUILDS, Lake, gone, nth};

fn lake() -> Lake {
    let mut lake = Lake::new();
    lake.name_channels();
    lake.add_month("2026-01", 60);
    lake.add_month("2026-02", 30);
    lake
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_cut_or_gone_is_written_anew() {
    let (mut lake, _) = lake().take_and_compare().await;
    let mut dice = StdRng::seed_from_u64(11);
    for round in 0..10 {
        let before = lake.manifest();
        let victim = &before.files[dice.random_range(0..before.files.len())];
        let file = path(lake.path(), &victim.path);
        if round % 2 == 0 {
            std::fs::remove_file(&file).unwrap();
        } else {
            let half = std::fs::read(&file).unwrap();
            std::fs::write(&file, &half[..half.len() / 2]).unwrap();
        }
        let outcome;
        (lake, outcome) = lake.take_and_compare().await;
        assert_eq!(outcome.written, 1, "{}", victim.path);
    }
}

/// What the manifest says of itself is changed; the record is as it was.
fn rewrite(folder: &std::path::Path, change: impl FnOnce(&mut Manifest)) {
    let mut changed = manifest(folder);
    change(&mut changed);
    let text = serde_json::to_vec(&changed).unwrap();
    std::fs::write(folder.join("snapshots/manifest.json"), text).unwrap();
}

fn is_set_aside(lake: &Lake) -> bool {
    let aside = everything(lake.path());
    aside
        .iter()
        .any(|it| it.starts_with("manifest.json.aside-"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_is_not_of_this_record_is_set_aside_and_all_is_written_anew() {
    type Change = fn(&mut Manifest);
    let changes: [(&str, Change); 4] = [
        ("another record", |it| it.store_id = "another".to_owned()),
        ("ahead", |it| it.revision += 1_000),
        ("another version", |it| it.format = FORMAT + 1),
        ("leads out", |it| {
            it.files[0].path = "../guildlake.duckdb".to_owned();
        }),
    ];
    for (name, change) in changes {
        let (lake, _) = lake().take_and_compare().await;
        let lake = lake.restart(|folder| rewrite(folder, change));
        assert!(is_set_aside(&lake), "{name}");
        let catalog = lake.follower.snapshots().catalog();
        assert!(catalog.latest().is_none(), "{name}: nobody is shown it");
        let (_, outcome) = lake.take_and_compare().await;
        assert_eq!(outcome.written, 4 + 4, "{name}");
    }
    let (lake, _) = lake().take_and_compare().await;
    let lake = lake.restart(|folder| {
        std::fs::write(folder.join("snapshots/manifest.json"), "{").unwrap();
    });
    assert!(is_set_aside(&lake));
    lake.take_and_compare().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_of_the_tables_writes_all_anew() {
    let (lake, _) = lake().take_and_compare().await;
    let lake = lake.restart(|folder| rewrite(folder, |it| it.schema_version -= 1));
    assert!(!is_set_aside(&lake), "it is served until then");
    let (_, outcome) = lake.take_and_compare().await;
    assert_eq!(outcome.written, 4 + 4);
}

/// Rows that vanish behind the service's back: no revision tells of them, their number does.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_with_another_number_of_rows_is_written_anew() {
    let (lake, _) = lake().take_and_compare().await;
    let lake = lake.restart(|folder| {
        let record = duckdb::Connection::open(folder.join("guildlake.duckdb")).unwrap();
        let id = nth(GUILDS[1], "2026-02", 7);
        for table in ["messages_hot", "messages_small_runs", "messages_runs"] {
            let sql = format!("DELETE FROM {table} WHERE message_id = {id}");
            record.execute_batch(&sql).unwrap();
        }
    });
    let (lake, outcome) = lake.take_and_compare().await;
    assert_eq!(outcome.written, 1);
    // And a partition that is gone is in no manifest.
    let lake = lake.restart(|folder| {
        let record = duckdb::Connection::open(folder.join("guildlake.duckdb")).unwrap();
        for table in ["messages_hot", "messages_small_runs", "messages_runs"] {
            let sql = format!("DELETE FROM {table} WHERE guild_id = {}", GUILDS[1]);
            record.execute_batch(&sql).unwrap();
        }
    });
    let (lake, outcome) = lake.take_and_compare().await;
    assert_eq!(outcome.written, 0);
    let messages = lake.manifest().files;
    let messages = messages.iter().filter(|it| it.table == Table::Messages);
    assert_eq!(messages.count(), 2);
}

/// An id before Discord's first is in no month's range: it is counted, and does not come.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_fewer_rows_than_were_counted_is_never_published() {
    let (lake, _) = lake().take_and_compare().await;
    let before = lake.manifest();
    let lake = lake.restart(|folder| {
        let record = duckdb::Connection::open(folder.join("guildlake.duckdb")).unwrap();
        let sql = "INSERT INTO messages_runs BY NAME \
                   SELECT * REPLACE (-1 AS message_id) FROM discord_messages LIMIT 1";
        record.execute_batch(sql).unwrap();
    });
    let files = everything(lake.path());
    let refused = lake.try_take().await.unwrap_err();
    assert!(
        matches!(
            refused,
            SnapshotError::Miscounted {
                counted: 1,
                written: 0,
                ..
            }
        ),
        "{refused}"
    );
    assert_eq!(lake.manifest(), before);
    assert_eq!(everything(lake.path()), files);
}

/// A log that is lost takes commits with it that a snapshot may have had.
#[tokio::test(flavor = "multi_thread")]
async fn commits_that_the_record_has_lost_are_in_no_snapshot() {
    let mut lake = lake();
    lake.record.checkpoint().unwrap();
    let copy = std::fs::read(lake.path().join("guildlake.duckdb")).unwrap();
    lake.commit(vec![gone(GUILDS[0], 0, nth(GUILDS[0], "2026-01", 0))]);
    lake.add_month("2026-03", 20);
    lake.take().await;
    let lake = lake.restart(|folder| {
        std::fs::write(folder.join("guildlake.duckdb"), copy).unwrap();
        let _ = std::fs::remove_file(folder.join("guildlake.duckdb.wal"));
    });
    assert!(is_set_aside(&lake));
    let (lake, outcome) = lake.take_and_compare().await;
    assert_eq!(outcome.written, 4 + 4);
    check_files(lake.path(), &lake.manifest());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_folder_everything_is_written_anew() {
    let (lake, _) = lake().take_and_compare().await;
    let folder = lake
        .restart(|folder| std::fs::remove_dir_all(folder.join("snapshots")).unwrap())
        .folder;
    let lake = Lake::open(folder, DeletedContent::Keep, std::time::Duration::ZERO);
    let (_, outcome) = lake.take_and_compare().await;
    assert_eq!(outcome.written, 4 + 4);
}
