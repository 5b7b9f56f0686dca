//! The description against the service: schemathesis makes up requests from `/openapi.json`,
//! right ones and wrong ones, and holds every answer to what the description says.

use std::path::Path;
use std::process::Command;

use testkit::lake::{CHANNEL, GUILD, KEY, Lake, Served};
use testkit::venv::tool;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs `make venv`: run `make test`"]
async fn the_service_does_what_its_description_says() {
    let mut lake = Lake::new();
    lake.add_minutes(300);
    lake.snapshot().await;
    lake.index().await;
    let path = lake.follower.snapshots().catalog();
    let path = path.latest().unwrap().manifest.files[0].path.clone();
    let served = Served::new(&lake).await;
    let seed = std::env::var("SCHEMATHESIS_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(rand::random::<u32>);
    println!("SCHEMATHESIS_SEED={seed}");

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/api");
    let mut command = Command::new(tool("schemathesis"));
    command
        .arg("--config-file")
        .arg(folder.join("schemathesis.toml"))
        .args(["run", "--checks", "all", "--no-color"])
        .args(["--seed", &seed.to_string()])
        .args(["--generation-database", "none"])
        .args(["-H", &format!("x-api-key: {KEY}")])
        .arg(format!("http://{}/openapi.json", served.address))
        .env("SCHEMATHESIS_HOOKS", "schemathesis_hooks")
        .env("PYTHONPATH", &folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("GUILD", GUILD.to_string())
        .env("CHANNEL", CHANNEL.to_string())
        .env("SNAPSHOT_FILE", path)
        // It may write what it remembers beside where it runs.
        .current_dir(lake.folder.path());
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "schemathesis found something");
    served.stop().await;
}
