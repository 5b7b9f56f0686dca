//! `guildlake backfill`: reads everything once, and says what it could not read.

use crate::program::{discord, end, following};

#[tokio::test]
async fn it_reads_everything_once_and_says_what_it_cannot() {
    let simulator = discord(501).await;
    let folder = tempfile::tempdir().unwrap();
    let first = end(following(folder.path(), &simulator, &["backfill"])).await;
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    assert_eq!(first.stdout, "", "talk goes to stderr");
    assert!(first.stderr.contains("messages read"));
    assert!(first.stderr.contains("no_history"), "{}", first.stderr);

    let readable: Vec<u64> = simulator
        .channels()
        .into_iter()
        .chain(simulator.threads())
        .filter(|channel| channel.visible && channel.history)
        .map(|channel| channel.id)
        .collect();
    let connection = duckdb::Connection::open(folder.path().join("data/guildlake.duckdb")).unwrap();
    let count = || -> i64 {
        connection
            .query_row("SELECT count(*) FROM discord_messages", [], |row| {
                row.get(0)
            })
            .unwrap()
    };
    let truth = simulator.truth();
    let expected = truth
        .iter()
        .filter(|truth| !truth.deleted && readable.contains(&truth.channel_id));
    assert_eq!(count(), i64::try_from(expected.count()).unwrap());
    drop(connection);

    let before = simulator.counters().requests;
    let second = end(following(folder.path(), &simulator, &["backfill"])).await;
    assert_eq!(second.code, Some(0), "{}", second.stderr);
    let asked = simulator.counters().requests - before;
    // The catalog, and of each channel the newest page: the minutes since.
    assert!(asked < 80, "{asked} requests for nothing new");
}

#[tokio::test]
async fn without_a_token_there_is_nothing_to_read_with() {
    let simulator = discord(502).await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = following(folder.path(), &simulator, &["backfill"]);
    command.env_remove("DISCORD_BOT_TOKEN");
    let ended = end(command).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("DISCORD_BOT_TOKEN is not set"));
}
