//! `guildlake backfill`: reads everything once, and says what it could not read.

use simulator::{Community, Config, Kind, RestFault, RestFaultKind, Simulator};

use crate::GUILDLAKE;
use testkit::program::{discord, end};

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
