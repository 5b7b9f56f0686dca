//! The recipes of docs/bi.md, docs/readers.md and examples/README.md, run by their own clients against a service with a snapshot.

use std::path::Path;

use tokio::process::Command;

use crate::GUILDLAKE;
use testkit::program::{KEY, Running, discord, end};
use testkit::venv::{self, tool};

#[tokio::test]
#[ignore = "needs `make venv`: run `make test`"]
async fn every_recipe_that_can_run_here_prints_what_the_page_says() {
    let simulator = discord(523).await;
    let folder = tempfile::tempdir().unwrap();
    for step in ["backfill", "snapshot"] {
        let done = end(GUILDLAKE.following(folder.path(), &simulator, &[step])).await;
        assert_eq!(done.code, Some(0), "{step}: {}", done.stderr);
    }
    // Nothing is collected meanwhile.
    let mut command = GUILDLAKE.command(folder.path(), &["serve"]);
    command.env("API_KEY", KEY).env("SNAPSHOT_INTERVAL", "off");
    let mut service = Running::start(command);
    let health = service.until("/health").await;
    let base = health.split_whitespace().last().unwrap();
    let base = base.strip_suffix("/health").unwrap();
    service.until("listening").await;

    let guild = simulator.guilds()[0].id.to_string();
    // With the DuckDB for Python that the page was written for, and with what pip gives today.
    let newest = venv::folder().join("duckdb2");
    for more in [&[][..], &["--duckdb".as_ref(), newest.as_os_str()]] {
        let output = Command::new(tool("python"))
            .arg("tests/recipes/run.py")
            .args(["--url", base, "--key", KEY, "--guild", &guild, "--data"])
            .arg(folder.path().join("data"))
            .args(more)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{more:?}: {said}{complaint}");
    }
    assert_eq!(service.terminate().await.0, Some(0));
}
