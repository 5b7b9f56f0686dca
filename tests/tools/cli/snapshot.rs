//! `guildlake snapshot`: the record as files, for the DuckDB command line; and what to do while the service runs.

use std::path::Path;

use tokio::process::Command;

use crate::GUILDLAKE;
use testkit::program::{KEY, Running, discord, end};
use testkit::venv::tool;

/// What a person asks who has only the folder: by the manifest.
const COUNT: &str = "SET VARIABLE root = 'data/snapshots/';
SET VARIABLE files = (SELECT list(getvariable('root') || file.path) FROM (
    SELECT unnest(files) AS file FROM read_json(getvariable('root') || 'manifest.json'))
    WHERE file.\"table\" = 'messages');
SELECT count(*) FROM read_parquet(getvariable('files'), hive_partitioning = true);";

async fn duckdb(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(tool("duckdb"))
        .args(["-csv", "-noheader"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .await
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
#[ignore = "needs `make venv`: run `make test`"]
async fn it_writes_the_record_once_and_then_only_what_changed() {
    let simulator = discord(521).await;
    let folder = tempfile::tempdir().unwrap();
    let none = end(GUILDLAKE.command(folder.path(), &["snapshot"])).await;
    assert_eq!(none.code, Some(1));
    assert!(
        none.stderr.contains("there is no database"),
        "{}",
        none.stderr
    );

    let filled = end(GUILDLAKE.following(folder.path(), &simulator, &["backfill"])).await;
    assert_eq!(filled.code, Some(0), "{}", filled.stderr);
    // It needs neither the token nor the key.
    let first = end(GUILDLAKE.command(folder.path(), &["snapshot"])).await;
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    assert_eq!(first.stdout, "", "talk goes to stderr");
    let record = "FROM (SELECT count(*) FROM discord_messages)";
    let record = duckdb(
        folder.path(),
        &["-readonly", "data/guildlake.duckdb", record],
    )
    .await;
    assert_eq!(duckdb(folder.path(), &["-c", COUNT]).await, record);
    assert_ne!(record, "0");

    let second = end(GUILDLAKE.command(folder.path(), &["snapshot"])).await;
    assert_eq!(second.code, Some(0), "{}", second.stderr);
    assert!(
        second.stderr.contains(" 0 of them new"),
        "{}",
        second.stderr
    );
}

#[tokio::test]
#[ignore = "needs curl: run `make test`"]
async fn while_the_service_runs_it_says_how_to_ask_it() {
    let simulator = discord(522).await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = GUILDLAKE.following(folder.path(), &simulator, &["serve"]);
    command.env("SNAPSHOT_INTERVAL", "off");
    let mut service = Running::start(command);
    let health = service.until("/health").await;
    let base = health.split_whitespace().last().unwrap();
    let base = base.strip_suffix("/health").unwrap();
    service.until("listening").await;

    let refused = end(GUILDLAKE.command(folder.path(), &["snapshot"])).await;
    assert_eq!(refused.code, Some(1));
    for part in ["The running service", "curl -X POST", "in use by another"] {
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
    }
    let asked = Command::new("curl")
        .args([
            "-sS",
            "-f",
            "-X",
            "POST",
            "-H",
            &format!("x-api-key: {KEY}"),
        ])
        .arg(format!("{base}/v1/snapshots"))
        .output()
        .await
        .unwrap();
    assert!(asked.status.success(), "{asked:?}");
    service.until("a snapshot was taken").await;
    // What curl follows is what the docs print.
    let manifest = Command::new("curl")
        .args(["-sS", "-f", "-L", "-H", &format!("x-api-key: {KEY}")])
        .arg(format!("{base}/v1/snapshots/latest/manifest.json"))
        .output()
        .await
        .unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest.stdout).unwrap();
    assert_eq!(manifest["format"], 1);
    let (code, said) = service.terminate().await;
    assert_eq!(code, Some(0), "{said}");
}

/// The status of an answer, its `Retry-After`, and its body.
async fn ask_for_one(base: &str) -> (u16, Option<u64>, serde_json::Value) {
    let asked = Command::new("curl")
        .args(["-sS", "-X", "POST", "-H", &format!("x-api-key: {KEY}")])
        .args(["-w", "\n%{http_code}\n%header{retry-after}"])
        .arg(format!("{base}/v1/snapshots"))
        .output()
        .await
        .unwrap();
    let said = String::from_utf8(asked.stdout).unwrap();
    let [body, status, retry_after] = said.splitn(3, '\n').collect::<Vec<_>>()[..] else {
        panic!("{said}");
    };
    (
        status.parse().unwrap(),
        retry_after.parse().ok(),
        serde_json::from_str(body).unwrap(),
    )
}

#[tokio::test]
#[ignore = "needs curl: run `make test`"]
async fn a_caller_in_a_loop_gets_no_snapshot_after_each_other() {
    let simulator = discord(523).await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = GUILDLAKE.following(folder.path(), &simulator, &["serve"]);
    command
        .env("SNAPSHOT_INTERVAL", "off")
        .env("SNAPSHOT_FLOOR", "1h");
    let mut service = Running::start(command);
    let health = service.until("/health").await;
    let base = health.split_whitespace().last().unwrap();
    let base = base.strip_suffix("/health").unwrap().to_owned();
    service.until("listening").await;
    assert_eq!(ask_for_one(&base).await.0, 202);
    service.until("a snapshot was taken").await;
    // While the record goes on.
    let traffic = simulator.traffic(50.0);
    let mut refused = 0;
    for _ in 0..30 {
        let (status, retry_after, body) = ask_for_one(&base).await;
        match status {
            // The record was not changed yet.
            200 => assert!(body["revision"].is_u64(), "{body}"),
            429 => {
                refused += 1;
                assert_eq!(body["code"], "snapshot_too_soon");
                let seconds = retry_after.unwrap();
                assert!((1..=3600).contains(&seconds), "{seconds}");
            }
            _ => panic!("{status} {body}"),
        }
    }
    drop(traffic);
    assert!(refused > 0);
    let manifests = folder.path().join("data/snapshots/manifests");
    assert_eq!(std::fs::read_dir(manifests).unwrap().count(), 1);
    let (code, said) = service.terminate().await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said.matches("a snapshot was taken").count(), 1, "{said}");
}
