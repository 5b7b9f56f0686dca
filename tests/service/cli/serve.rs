//! `guildlake serve` as a process: signals, the session across restarts, the lock, secrets.

use simulator::{Burst, GatewayFault, Happening};

use crate::GUILDLAKE;
use testkit::http::Http;
use testkit::program::{KEY, Running, discord, end};

#[tokio::test]
async fn a_sigterm_under_load_ends_well_and_the_next_start_resumes() {
    let simulator = discord(401).await;
    let folder = tempfile::tempdir().unwrap();
    let mut said = String::new();
    for start in 0..3_u64 {
        let mut observer = simulator.observe();
        let mut command = GUILDLAKE.following(folder.path(), &simulator, &["serve"]);
        command
            // The row store sees no secret, and its traces would fill the pipe while nobody reads.
            .env("RUST_LOG", "trace,hyper=info,fjall=info,lsm_tree=info")
            .env("LOG_FORMAT", "json");
        let mut running = Running::start(command);
        if start == 0 {
            running.until("a new gateway session").await;
        } else {
            observer
                .until(|happening| matches!(happening, Happening::Resumed { .. }))
                .await
                .unwrap();
            running
                .until("the gateway session with Discord was resumed")
                .await;
        }
        simulator.burst(Burst {
            events: 200,
            seed: 402 + start,
            ..Burst::default()
        });
        let (code, lines) = running.terminate().await;
        assert_eq!(code, Some(0), "{lines}");
        said.push_str(&lines);
    }
    assert_eq!(simulator.counters().identifies, 1);
    assert!(!said.contains(simulator.token()), "the token is in the log");
    assert!(!said.contains(KEY), "the key is in the log");
}

#[tokio::test]
async fn without_a_token_it_serves_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = GUILDLAKE.command(folder.path(), &[]);
    command.env("API_KEY", KEY);
    let mut running = Running::start(command);
    let line = running.until("/health").await;
    let url = line.split_whitespace().last().unwrap().to_owned();
    running.until_said("DISCORD_BOT_TOKEN is not set").await;
    running.until_said("listening").await;
    let http = Http::new(url.strip_suffix("/health").unwrap());
    let (_, health) = http.get("/health").await;
    assert_eq!(health["gateway"]["state"], "off");
    let mut second = GUILDLAKE.command(folder.path(), &["serve"]);
    second.env("API_KEY", KEY);
    let refused = end(second).await;
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("is in use by another guildlake"),
        "{}",
        refused.stderr
    );
    assert_eq!(running.terminate().await.0, Some(0));
}

/// Monitoring has an address of its own; and a process that may open few files says so, and leaves enough of them to
/// the record.
#[tokio::test]
async fn health_checks_have_their_own_address_and_few_open_files_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let program = format!("ulimit -n 700; exec '{}' serve", GUILDLAKE.path());
    let mut limited = tokio::process::Command::new("sh");
    let template = GUILDLAKE.command(folder.path(), &[]);
    limited
        .args(["-c", &program])
        .current_dir(folder.path())
        .env_clear()
        .envs(
            template
                .as_std()
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("API_KEY", KEY)
        .env("ADMIN_BIND", "127.0.0.1:0")
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true);
    let mut running = Running::start(limited);
    let line = running.until("may open few files").await;
    assert!(line.contains("open_files=700 connections=94"), "{line}");
    let line = running
        .until("the listener for health checks is listening")
        .await;
    let address = line.split("address=").nth(1).unwrap().trim().to_owned();
    let http = Http::new(&format!("http://{address}"));
    assert_eq!(http.get("/health").await.1["gateway"]["state"], "off");
    assert_eq!(http.get("/ready").await.0, 200);
    let (code, problem) = http.get("/v1/reports").await;
    assert_eq!((code, &problem["code"]), (404, &"route_not_found".into()));
    assert_eq!(running.terminate().await.0, Some(0));
}

#[tokio::test]
async fn a_wrong_token_ends_it_with_the_fix() {
    let simulator = discord(410).await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = GUILDLAKE.following(folder.path(), &simulator, &["serve"]);
    command.env("DISCORD_BOT_TOKEN", "MTIz.wrong.token");
    let ended = end(command).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("DISCORD_BOT_TOKEN"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("MTIz.wrong.token"));
}

/// What an operator reads when the session is lost, and when the bot is thrown out: a reason and
/// what follows from it, and nothing in the debug form of Rust.
#[tokio::test]
async fn the_log_says_why_the_session_is_a_new_one_and_that_the_bot_was_removed() {
    let simulator = discord(410).await;
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let mut command = GUILDLAKE.following(folder.path(), &simulator, &["serve"]);
        command.env("RUST_LOG", "guildlake=debug");
        Running::start(command)
    };
    let mut running = start();
    running.until("a new gateway session").await;
    running.terminate().await;
    simulator
        .faults()
        .gateway(GatewayFault::ExpireSessions)
        .unwrap();
    let mut running = start();
    let line = running.until("invalid session").await;
    for part in [
        "WARN",
        "refused to resume the gateway session",
        "read from the history",
        "REPAIR_WINDOW",
        "guildlake backfill --verify",
    ] {
        assert!(line.contains(part), "{part} is not in: {line}");
    }
    running
        .until_said("a new gateway session with Discord")
        .await;
    simulator.kick(simulator.guilds()[0].id).unwrap();
    let line = running.until("the bot is not in the guild").await;
    assert!(line.contains("WARN"), "{line}");
    let id = simulator.guilds()[0].id.to_string();
    assert!(line.contains(&id), "{line}");
    let (code, said) = running.terminate().await;
    assert_eq!(code, Some(0), "{said}");
    for debug in [" { ", "Some(", "Ok(", "Err("] {
        assert!(!said.contains(debug), "{debug} is in:\n{said}");
    }
}
