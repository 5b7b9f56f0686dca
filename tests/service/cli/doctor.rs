//! `guildlake doctor`: a line per check, with the fix.

use std::collections::HashMap;

use serde_json::Value;
use simulator::{Community, Config, GatewayFault, RestFault, RestFaultKind, Simulator};

use crate::GUILDLAKE;
use testkit::program::{Ended, end};

fn verdicts(ended: &Ended) -> HashMap<String, Value> {
    let checks = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    checks
        .map(|check| (check["name"].as_str().unwrap().to_owned(), check))
        .collect()
}

#[tokio::test]
async fn all_is_well_but_for_what_the_bot_may_not_read() {
    // A hidden channel is in no list: there is nothing to say of it.
    let config = Config {
        obfuscation: false,
        ..Config::quick().with_community(Community::small(601))
    };
    let simulator = Simulator::start(config).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ended = end(GUILDLAKE.following(folder.path(), &simulator, &["doctor", "--json"])).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    let verdicts = verdicts(&ended);
    for name in [
        "key",
        "port",
        "data folder",
        "disk",
        "Discord",
        "intents",
        "sessions",
        "socket",
        "message",
        "guild",
        "clock",
    ] {
        assert_eq!(verdicts[name]["verdict"], "ok", "{}", verdicts[name]);
    }
    // Asking costs no session, nor is one begun.
    let counters = simulator.counters();
    assert_eq!((counters.connections, counters.identifies), (1, 0));
    assert!(ended.stdout.contains("Read Message History is missing"));
    assert!(ended.stdout.contains("is not visible to the bot"));

    let ended = end(GUILDLAKE.following(folder.path(), &simulator, &["doctor"])).await;
    assert!(
        ended.stdout.contains("✓ intents") && ended.stdout.contains("fix: "),
        "{}",
        ended.stdout
    );
}

#[tokio::test]
async fn a_missing_intent_and_a_wrong_token_fail_with_their_fix() {
    let config = Config {
        application_flags: 0,
        ..Config::quick().with_community(Community::small(602))
    };
    let simulator = Simulator::start(config).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ended = end(GUILDLAKE.following(folder.path(), &simulator, &["doctor", "--json"])).await;
    assert_eq!(ended.code, Some(1));
    let verdicts = verdicts(&ended);
    assert_eq!(verdicts["intents"]["verdict"], "failed");
    assert!(
        verdicts["intents"]["fix"]
            .as_str()
            .unwrap()
            .contains("Message Content Intent")
    );

    let mut command = GUILDLAKE.following(folder.path(), &simulator, &["doctor"]);
    command.env("DISCORD_BOT_TOKEN", "MTIz.wrong.token");
    let ended = end(command).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stdout.contains("✗ Discord") && ended.stdout.contains("Reset Token"),
        "{}",
        ended.stdout
    );
    assert!(!ended.stdout.contains("wrong.token"));
}

#[tokio::test]
async fn it_looks_at_the_machine_without_discord() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = GUILDLAKE.command(folder.path(), &["doctor", "--json"]);
    command.env("API_KEY", "short");
    let ended = end(command).await;
    assert_eq!(ended.code, Some(1));
    let verdicts = verdicts(&ended);
    assert_eq!(verdicts["API"]["verdict"], "failed");
    assert_eq!(verdicts["token"]["verdict"], "warning");
    assert_eq!(verdicts["record"]["verdict"], "ok");
}

#[tokio::test]
async fn a_refused_message_and_a_closed_socket_fail_with_their_fix() {
    let config = Config::quick().with_community(Community::small(603));
    let simulator = Simulator::start(config).await.unwrap();
    let forbidden = RestFaultKind::Forbidden { code: 50_001 };
    let faults = simulator.faults();
    // Its permissions say that all is well.
    faults.rest(RestFault::on("/channels/*/messages*", forbidden));
    faults
        .gateway(GatewayFault::Refuse { seconds: None })
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ended = end(GUILDLAKE.following(folder.path(), &simulator, &["doctor", "--json"])).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    let verdicts = verdicts(&ended);
    for (name, found, fix) in [
        ("message", "50001", "overwrites"),
        ("socket", "can't be opened", "firewall"),
    ] {
        let check = &verdicts[name];
        assert_eq!(check["verdict"], "failed", "{check}");
        assert!(check["found"].as_str().unwrap().contains(found), "{check}");
        assert!(check["fix"].as_str().unwrap().contains(fix), "{check}");
    }
}
