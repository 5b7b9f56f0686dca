//! Keys by the command line while the service runs, and that no secret is anywhere afterwards.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::GUILDLAKE;
use testkit::program::{Ended, KEY, Running, discord, end};

const PATIENCE: Duration = Duration::from_secs(60);

async fn keys(folder: &Path, arguments: &[&str]) -> Ended {
    let mut all = vec!["keys"];
    all.extend(arguments);
    end(GUILDLAKE.command(folder, &all)).await
}

/// Makes a key; its text and its id.
async fn made(folder: &Path, arguments: &[&str]) -> (String, String) {
    let mut all = vec!["create"];
    all.extend(arguments);
    let made = keys(folder, &all).await;
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let key = made.stdout.trim().to_owned();
    let id = key.split('_').nth(1).unwrap().to_owned();
    assert!(made.stderr.contains(&id) && !made.stderr.contains(&key));
    (key, id)
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Asks until the answer has this status, or for 401 is refused in the end: the service looks at the file every second.
async fn until(client: &reqwest::Client, url: &str, key: &str, status: u16) {
    let asking = async {
        loop {
            let answer = client.get(url).header("x-api-key", key).send().await;
            let found = answer.unwrap().status().as_u16();
            // Who asks too often with a wrong key is refused for that.
            if found == status || (found == 429 && status == 401) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let asked = tokio::time::timeout(PATIENCE, asking).await;
    asked.unwrap_or_else(|_| panic!("{url} never answers {status}"));
}

#[tokio::test]
async fn keys_change_while_the_service_runs_and_no_secret_is_left_anywhere() {
    let simulator = discord(431).await;
    let folder = tempfile::tempdir().unwrap();
    // Before the first start too.
    let (first, first_id) = made(folder.path(), &["first", "--scope", "messages"]).await;
    let mut command = GUILDLAKE.following(folder.path(), &simulator, &["serve"]);
    command
        .env("RUST_LOG", "trace,hyper=info,fjall=info,lsm_tree=info")
        .env("LOG_FORMAT", "json");
    let mut running = Running::start(command);
    let line = running.until("the API is listening").await;
    let line: Value = serde_json::from_str(&line).unwrap();
    let base = format!("http://{}", line["address"].as_str().unwrap());
    running.until("a new gateway session").await;
    let client = client();
    let changes = format!("{base}/v1/changes?since=0");

    until(&client, &changes, &first, 200).await;
    let scopes = [
        "second",
        "--scope",
        "export",
        "--scope",
        "content",
        "--expires",
        "90d",
    ];
    let (second, second_id) = made(folder.path(), &scopes).await;
    let guild = simulator.guilds()[0].id;
    let target = format!("/v1/messages.csv?guild_id={guild}");
    until(&client, &format!("{base}{target}"), &second, 200).await;
    let rotated = keys(folder.path(), &["rotate", &first_id, "--overlap", "0s"]).await;
    let rotated_key = rotated.stdout.trim().to_owned();
    until(&client, &changes, &first, 401).await;
    until(&client, &changes, &rotated_key, 200).await;

    let signed = client
        .post(format!("{base}/v1/links"))
        .header("x-api-key", &second)
        .header("content-type", "application/json")
        .body(json!({"target": target}).to_string())
        .send()
        .await
        .unwrap();
    let signed: Value = serde_json::from_str(&signed.text().await.unwrap()).unwrap();
    let link = signed["href"]
        .as_str()
        .unwrap()
        .strip_prefix("..")
        .unwrap()
        .to_owned();
    let opened = client.get(format!("{base}{link}")).send().await.unwrap();
    assert_eq!(opened.status(), 200);
    let last = if second.ends_with('A') { 'B' } else { 'A' };
    let wrong = format!("{}{last}", &second[..second.len() - 1]);
    for key in [&wrong, "glk_wrong", &first] {
        let bearer = client.get(&changes).bearer_auth(key).send().await.unwrap();
        assert!([401, 429].contains(&bearer.status().as_u16()));
        let basic = client
            .get(&changes)
            .basic_auth("x", Some(key))
            .send()
            .await
            .unwrap();
        assert!([401, 429].contains(&basic.status().as_u16()));
        assert!(!basic.text().await.unwrap().contains(key));
    }
    let revoked = keys(folder.path(), &["revoke", &second_id]).await;
    assert_eq!(revoked.code, Some(0), "{}", revoked.stderr);
    until(&client, &format!("{base}{target}"), &second, 401).await;
    let opened = client.get(format!("{base}{link}")).send().await.unwrap();
    assert_eq!(opened.status(), 404, "a link ends with its key");

    let listed = keys(folder.path(), &["list"]).await;
    assert!(listed.stdout.contains("revoked") && listed.stdout.contains("active"));
    let audit = client
        .get(format!("{base}/v1/audit?limit=500"))
        .header("x-api-key", KEY)
        .send()
        .await;
    let audit = audit.unwrap().text().await.unwrap();
    for word in [
        "created",
        "rotated",
        "revoked",
        "linked",
        "/v1/messages.csv",
        "\"by_link\":true",
    ] {
        assert!(audit.contains(word), "no {word} in {audit}");
    }
    let (code, log) = running.terminate().await;
    assert_eq!(code, Some(0), "{log}");
    let token = link.split('/').nth(2).unwrap();
    let secrets = [
        simulator.token(),
        KEY,
        &first,
        &second,
        &rotated_key,
        &wrong,
        token,
    ];
    for secret in secrets {
        for (place, text) in [
            ("the log", &log),
            ("the list", &listed.stdout),
            ("the audit log", &audit),
        ] {
            assert!(!text.contains(secret), "a secret is in {place}");
        }
        for path in files(folder.path()) {
            let bytes = std::fs::read(&path).unwrap();
            let is_in = bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!is_in, "a secret is in {}", path.display());
        }
    }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for found in std::fs::read_dir(folder).unwrap() {
        let path = found.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.push(path);
        }
    }
    files
}

#[tokio::test]
async fn what_is_wrong_is_said_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, said) in [
        (
            &["create", "x", "--scope", "everything"][..],
            "must be messages, content",
        ),
        (&["create", "x"], "--scope"),
        (
            &["create", "", "--scope", "messages"],
            "name must have 1 to 64 characters",
        ),
        (
            &["create", "x", "--scope", "content"],
            "scopes must name another scope",
        ),
        (
            &["create", "x", "--scope", "reports", "--guild", "abc"],
            "--guild",
        ),
        (
            &["create", "x", "--scope", "reports", "--expires", "soon"],
            "90d",
        ),
        (&["rotate", "abcdefgh"], "no key has the id abcdefgh"),
        (&["revoke", "abcdefgh"], "no key has the id abcdefgh"),
        (
            &["rotate", "abcdefgh", "--overlap", "1y"],
            "at most 30 days",
        ),
    ] {
        let ended = keys(folder.path(), arguments).await;
        assert_ne!(ended.code, Some(0), "{arguments:?}");
        assert!(
            ended.stderr.contains(said),
            "{arguments:?}: {}",
            ended.stderr
        );
    }
    let none = keys(folder.path(), &["list"]).await;
    assert!(
        none.stderr.contains("guildlake keys create"),
        "{}",
        none.stderr
    );
    std::fs::create_dir_all(folder.path().join("data")).unwrap();
    std::fs::write(folder.path().join("data/keys.json"), "{").unwrap();
    let broken = keys(folder.path(), &["list"]).await;
    assert_eq!(broken.code, Some(1));
    assert!(
        broken.stderr.contains("is not a file of keys"),
        "{}",
        broken.stderr
    );
}
