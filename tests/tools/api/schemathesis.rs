//! The description against the service: schemathesis makes up requests from `/openapi.json`,
//! right ones and wrong ones, and holds every answer to what the description says. Once with a key that may do
//! everything, once with keys that may do a part.
//!
//! `GUILDLAKE_SCHEMATHESIS_EXAMPLES` sets the number of requests that are made up for each route.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use guildlake::guild::Limits;
use guildlake::keys::{NewKey, Scope};
use guildlake::message::{ChannelId, GuildId};
use serde_json::json;
use testkit::lake::{CHANNEL, GUILD, KEY, Lake, Served};
use testkit::plan::rounds;
use testkit::venv::tool;

/// What is made up for each route with a key that may do everything, and with those that may do a part.
const EXAMPLES: usize = 100;
const FEW_EXAMPLES: usize = 15;

const EVERYTHING: [Scope; 6] = [
    Scope::Messages,
    Scope::Content,
    Scope::Search,
    Scope::Export,
    Scope::Reports,
    Scope::Admin,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs `make venv`: run `make test`"]
async fn the_service_does_what_its_description_says() {
    let lake = lake().await;
    // A key that can be listed, but neither rotated nor revoked.
    let admin = key(&lake, "everything", &EVERYTHING, false, true);
    run(&lake, EXAMPLES, &[admin]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs `make venv`: run `make test`"]
async fn it_does_so_for_a_key_that_may_do_a_part() {
    use Scope::{Admin, Content, Export, Messages, Reports, Search};
    let lake = lake().await;
    let reading = [Messages, Content, Search, Export, Reports];
    let keys = vec![
        key(&lake, "messages", &[Messages], false, true),
        key(&lake, "search", &[Search], false, true),
        key(&lake, "export", &[Export], false, true),
        key(&lake, "reports", &[Reports], false, true),
        key(&lake, "admin", &[Admin], false, true),
        key(&lake, "limited", &reading, true, true),
        key(&lake, "without names", &reading, false, false),
        key(
            &lake,
            "without content",
            &[Messages, Search, Export, Reports],
            false,
            true,
        ),
        key(&lake, "everything", &EVERYTHING, false, true),
    ];
    run(&lake, FEW_EXAMPLES, &keys).await;
}

async fn lake() -> Lake {
    let mut lake = Lake::new();
    lake.add_minutes(300);
    lake.snapshot().await;
    lake.index().await;
    lake
}

/// A key, as the hooks read it.
fn key(
    lake: &Lake,
    name: &str,
    scopes: &[Scope],
    is_limited: bool,
    names: bool,
) -> serde_json::Value {
    let limits = if is_limited {
        Limits {
            guilds: BTreeSet::from([GuildId::try_from(GUILD).unwrap()]),
            channels: BTreeSet::from([ChannelId::try_from(CHANNEL).unwrap()]),
        }
    } else {
        Limits::default()
    };
    let (token, id) = lake.key(NewKey {
        name: name.to_owned(),
        scopes: scopes.iter().copied().collect(),
        names,
        limits,
        expires_at: None,
    });
    json!({"id": id, "name": name, "key": token})
}

async fn run(lake: &Lake, examples: usize, keys: &[serde_json::Value]) {
    let path = lake.follower.snapshots().catalog();
    let path = path.latest().unwrap().manifest.files[0].path.clone();
    let served = Served::new(lake).await;
    let seed = std::env::var("SCHEMATHESIS_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(rand::random::<u32>);
    let examples = rounds("GUILDLAKE_SCHEMATHESIS_EXAMPLES", examples);
    println!("SCHEMATHESIS_SEED={seed}, {examples} examples for each route");

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/api");
    let mut command = Command::new(tool("schemathesis"));
    command
        .arg("--config-file")
        .arg(folder.join("schemathesis.toml"))
        .args(["run", "--checks", "all", "--no-color"])
        // It tries more wrong keys than an address may. That everything under /v1 is closed without a key is shown by
        // `in_process/api/auth.rs`, and that each route needs its scopes by `access.rs`.
        .args(["--exclude-checks", "ignored_auth"])
        .args(["--seed", &seed.to_string()])
        .args(["--max-examples", &examples.to_string()])
        .args(["--generation-database", "none"])
        .env("SCHEMATHESIS_HOOKS", "schemathesis_hooks")
        .env("PYTHONPATH", &folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("GUILD", GUILD.to_string())
        .env("CHANNEL", CHANNEL.to_string())
        .env("SNAPSHOT_FILE", path)
        .env("KEYS", json!(keys).to_string())
        // It may write what it remembers beside where it runs.
        .current_dir(lake.folder.path());
    let base = format!("http://{}", served.address);
    if keys.len() == 1 {
        command.args(["-H", &format!("x-api-key: {KEY}")]);
        command.arg(format!("{base}/openapi.json"));
    } else {
        // A header of the command line would replace that of the hook.
        let description = lake.get("/openapi.json").await;
        let file = lake.folder.path().join("openapi.json");
        std::fs::write(&file, description.text()).unwrap();
        command.args(["--url", &base]).arg(file);
    }
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "schemathesis found something");
    served.stop().await;
}
