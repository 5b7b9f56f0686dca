//! `guildlake backfill`: what it has read, counted by DuckDB's command line.

use std::path::Path;

use tokio::process::Command;

use crate::GUILDLAKE;
use testkit::program::{discord, end};
use testkit::venv::tool;

#[tokio::test]
#[ignore = "needs `make venv`: run `make test`"]
async fn it_reads_everything_once_and_says_what_it_cannot() {
    let simulator = discord(501).await;
    let folder = tempfile::tempdir().unwrap();
    let first = end(GUILDLAKE.following(folder.path(), &simulator, &["backfill"])).await;
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
    let count: i64 = connection
        .query_row("SELECT count(*) FROM discord_messages", [], |row| {
            row.get(0)
        })
        .unwrap();
    let truth = simulator.truth();
    let expected = truth
        .iter()
        .filter(|truth| !truth.deleted && readable.contains(&truth.channel_id));
    assert_eq!(count, i64::try_from(expected.count()).unwrap());
    drop(connection);
    assert_eq!(messages_by_day(folder.path()).await, count);

    let before = simulator.counters().requests;
    let second = end(GUILDLAKE.following(folder.path(), &simulator, &["backfill"])).await;
    assert_eq!(second.code, Some(0), "{}", second.stderr);
    let asked = simulator.counters().requests - before;
    // The catalog, and of each channel the newest page: the minutes since.
    assert!(asked < 80, "{asked} requests for nothing new");
}

/// The report of that name, run by DuckDB's command line on the folder: the sum of its messages.
async fn messages_by_day(folder: &Path) -> i64 {
    let report = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries/messages_per_day.sql");
    let output = Command::new(tool("duckdb"))
        .args(["-readonly", "-csv", "-noheader", "data/guildlake.duckdb"])
        .current_dir(folder)
        .stdin(std::fs::File::open(report).unwrap())
        .output()
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let rows = String::from_utf8(output.stdout).unwrap();
    rows.lines()
        .map(|row| row.split(',').nth(1).unwrap().parse::<i64>().unwrap())
        .sum()
}
