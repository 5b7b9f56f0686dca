//! `guildlake demo`: the lines that it prints to copy really work, in real clients.

use tokio::process::Command;

use crate::GUILDLAKE;
use testkit::program::Running;
use testkit::venv;

#[tokio::test]
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

#[tokio::test]
async fn it_listens_where_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    // An address of this machine that is not the usual one.
    for (bind, port, expected) in [
        (Some("127.0.0.2:0"), None, "http://127.0.0.2:"),
        (Some("127.0.0.2:1"), Some("0"), "http://127.0.0.2:"),
        (Some("0.0.0.0:0"), None, "http://127.0.0.1:"),
        (None, Some("0"), "http://127.0.0.1:"),
    ] {
        let mut arguments = vec!["demo", "--messages", "200"];
        arguments.extend(port.into_iter().flat_map(|port| ["--port", port]));
        let mut command = GUILDLAKE.command(folder.path(), &arguments);
        match bind {
            Some(bind) => command.env("BIND", bind),
            None => command.env_remove("BIND"),
        };
        let mut running = Running::start(command);
        running.until("listening").await;
        let line = running.said.lines().find(|line| line.contains("curl -s"));
        let line = line
            .unwrap_or_else(|| panic!("{}", running.said))
            .to_owned();
        assert!(line.contains(expected), "{bind:?} {port:?}: {line}");
        let (_, url) = line.split_once("http://").unwrap();
        let (address, _) = url.split_once('/').unwrap();
        tokio::net::TcpStream::connect(address).await.unwrap();
        assert_eq!(running.terminate().await.0, Some(0));
    }
    let mut command = GUILDLAKE.command(folder.path(), &["demo", "--messages", "200"]);
    command.env("BIND", "everywhere");
    let refused = testkit::program::end(command).await;
    assert_ne!(refused.code, Some(0));
    assert!(
        refused.stderr.contains("BIND must be an address"),
        "{}",
        refused.stderr
    );
}
