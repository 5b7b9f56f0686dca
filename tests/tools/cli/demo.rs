//! `guildlake demo`: the lines that it prints to copy really work, in real clients.

use tokio::process::Command;

use crate::GUILDLAKE;
use testkit::program::Running;
use testkit::venv;

#[tokio::test]
#[ignore = "needs `make venv`: run `make test`"]
async fn the_lines_to_copy_work() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(GUILDLAKE.command(
        folder.path(),
        &["demo", "--port", "0", "--messages", "2000", "--seed", "7"],
    ));
    running.until("The history is complete").await;
    // The first was of an empty record.
    running.until("a snapshot was taken").await;
    let lines: Vec<&str> = running.said.lines().map(str::trim).collect();
    let of = |start: &str, with: &str| {
        let line = lines
            .iter()
            .find(|line| line.starts_with(start) && line.contains(with));
        (*line.unwrap_or_else(|| panic!("no {start} {with} in:\n{}", running.said))).to_owned()
    };
    let (_, busiest) = running.said.split_once("a page of messages in #").unwrap();
    let (busiest, _) = busiest.split_once(',').unwrap();
    let path = std::env::join_paths(
        std::iter::once(venv::folder().join("bin"))
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    )
    .unwrap();
    for (line, expected) in [
        (of("curl", "limit=3'"), "\"next_cursor\""),
        (of("curl", "duckdb"), "messages"),
        (of("curl", "reports/activity.csv"), "period,starts_at"),
        (of("curl", "/v1/search"), "\"total\""),
        (of("python3", "pandas"), "created_at"),
        (of("duckdb", "init.sql"), busiest),
    ] {
        let output = Command::new("sh")
            .args(["-c", &line])
            .env("PATH", &path)
            .output()
            .await
            .unwrap();
        let (said, complaint) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success(), "{line}\n{complaint}");
        assert!(said.contains(expected), "{line}\n{said}\n{complaint}");
    }
    assert_eq!(running.terminate().await.0, Some(0));
}
