//! The folders' names say what is in the files. Some readers take a partition's columns from the names, some
//! from the files, and some give one for the other without a word: so both have to say the same.

use std::collections::BTreeSet;

use duckdb::Connection;
use guildlake::store::Table;

use testkit::snapshots::reading;
use testkit::snapshots::{GUILDS, Lake};

#[tokio::test]
async fn the_names_of_folders_are_the_values_in_their_files() {
    let mut lake = Lake::new();
    lake.name_channels();
    lake.add_month("2025-12", 30);
    lake.add_month("2026-01", 30);
    let outcome = lake.take().await;
    let manifest = lake.manifest();
    let connection = Connection::open_in_memory().unwrap();
    let mut guilds = BTreeSet::new();
    for file in &manifest.files {
        let path = reading::path(lake.path(), &file.path);
        let guild_and_month = || -> Vec<(i64, String)> {
            let sql = format!(
                "SELECT DISTINCT guild_id, strftime(timezone('UTC', created_at), '%Y-%m') \
                 FROM read_parquet('{}', hive_partitioning = false)",
                path.display()
            );
            let mut statement = connection.prepare(&sql).unwrap();
            let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
            found.unwrap().map(Result::unwrap).collect()
        };
        if file.table != Table::Messages {
            continue;
        }
        let found = guild_and_month();
        let [(guild, month)] = &found[..] else {
            panic!("{}: {found:?}", file.path);
        };
        let folder = format!("messages/guild_id={guild}/month={month}/");
        assert!(file.path.starts_with(&folder), "{}: {folder}", file.path);
        assert_eq!(file.guild_id.unwrap().as_i64(), *guild);
        guilds.insert(*guild);
    }
    assert_eq!(guilds, BTreeSet::from(GUILDS), "{outcome:?}");
}
