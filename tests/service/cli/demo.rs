//! `guildlake demo`: the lines that it prints to copy really work, in real clients.

use crate::GUILDLAKE;
use testkit::program::Running;

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
