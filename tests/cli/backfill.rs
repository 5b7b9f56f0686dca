//! `guildlake backfill`: reads everything once, and says what it could not read.

use std::path::Path;

use simulator::{Community, Config, Kind, RestFault, RestFaultKind, Simulator};
use tokio::process::Command;

use crate::GUILDLAKE;
use testkit::program::{discord, end};
use testkit::venv::tool;

#[tokio::test]
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

#[tokio::test]
async fn without_a_token_there_is_nothing_to_read_with() {
    let simulator = discord(502).await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = GUILDLAKE.following(folder.path(), &simulator, &["backfill"]);
    command.env_remove("DISCORD_BOT_TOKEN");
    let ended = end(command).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("DISCORD_BOT_TOKEN is not set"));
}

#[tokio::test]
async fn it_refuses_to_record_messages_without_their_text() {
    let config = Config {
        application_flags: 0,
        ..Config::quick().with_community(Community::small(503))
    };
    let simulator = Simulator::start(config).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ended = end(GUILDLAKE.following(folder.path(), &simulator, &["backfill"])).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("Message Content intent"),
        "{}",
        ended.stderr
    );
    assert!(!folder.path().join("data").exists());
}

#[tokio::test]
async fn a_guild_or_channel_that_is_not_there_is_no_success() {
    let simulator = discord(504).await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = GUILDLAKE.following(folder.path(), &simulator, &["backfill"]);
    command.env("DISCORD_GUILD_ID", "123456789012345678");
    let ended = end(command).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains("guild 123456789012345678 can't be read")
    );
    let mut command = GUILDLAKE.following(folder.path(), &simulator, &["backfill"]);
    command.env("DISCORD_CHANNEL_IDS", "123456789012345679");
    let ended = end(command).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("channel 123456789012345679"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn verify_asks_again_for_what_was_refused() {
    let simulator = discord(505).await;
    let folder = tempfile::tempdir().unwrap();
    let channels = simulator.channels().into_iter();
    let mut readable = channels.filter(|channel| {
        channel.visible && channel.history && channel.kind == Kind::Text && channel.messages > 0
    });
    let channel = readable.next().unwrap().id;
    let path = format!("/channels/{channel}/*");
    let forbidden = RestFaultKind::Forbidden { code: 50_001 };
    simulator.faults().rest(RestFault::on(path, forbidden));
    let first = end(GUILDLAKE.following(folder.path(), &simulator, &["backfill"])).await;
    assert!(first.stderr.contains("not readable: "), "{}", first.stderr);
    assert!(
        first
            .stderr
            .contains("Discord refuses the archived threads"),
        "{}",
        first.stderr
    );
    simulator.faults().clear();
    let again =
        end(GUILDLAKE.following(folder.path(), &simulator, &["backfill", "--verify"])).await;
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    let truth = simulator.truth_in(channel);
    let expected = truth.iter().filter(|message| !message.deleted).count();
    let connection = duckdb::Connection::open(folder.path().join("data/guildlake.duckdb")).unwrap();
    let count: i64 = connection
        .query_row(
            "SELECT count(*) FROM discord_messages WHERE channel_id = ?",
            [channel],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(count, i64::try_from(expected).unwrap());
}
