//! `guildlake index`: how the index is, and making it anew, also after a stop in the middle; and the service
//! without one.

use std::path::Path;
use std::time::Duration;

use simulator::Simulator;
use tokio::process::Command;

use crate::GUILDLAKE;
use testkit::http::Http;
use testkit::program::{Ended, KEY, Running, discord, end};

async fn index(folder: &Path, what: &str) -> Ended {
    end(GUILDLAKE.command(folder, &["index", what])).await
}

async fn filled(seed: u64) -> (Simulator, tempfile::TempDir) {
    let simulator = discord(seed).await;
    let folder = tempfile::tempdir().unwrap();
    let filled = end(GUILDLAKE.following(folder.path(), &simulator, &["backfill"])).await;
    assert_eq!(filled.code, Some(0), "{}", filled.stderr);
    (simulator, folder)
}

/// What a line of the state says.
fn line<'a>(state: &'a Ended, name: &str) -> &'a str {
    let line = state.stdout.lines().find(|line| line.starts_with(name));
    let line = line.unwrap_or_else(|| panic!("no {name} in {}", state.stdout));
    line[name.len()..].trim()
}

#[tokio::test]
async fn it_is_made_and_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let none = index(folder.path(), "rebuild").await;
    assert_eq!(none.code, Some(1));
    assert!(
        none.stderr.contains("there is no database"),
        "{}",
        none.stderr
    );

    let (_simulator, folder) = filled(531).await;
    let none = index(folder.path(), "status").await;
    assert_eq!((none.code, none.stdout.as_str()), (Some(1), ""));
    assert!(
        none.stderr.contains("guildlake index rebuild"),
        "{}",
        none.stderr
    );
    for _ in 0..2 {
        let made = index(folder.path(), "rebuild").await;
        assert_eq!(
            (made.code, made.stdout.as_str()),
            (Some(0), ""),
            "{}",
            made.stderr
        );
        let state = index(folder.path(), "status").await;
        assert_eq!(state.code, Some(0), "{}", state.stderr);
        let messages = line(&state, "messages");
        assert!(
            made.stderr
                .contains(&format!("the search index contains {messages} messages")),
            "{}",
            made.stderr
        );
        assert!(
            line(&state, "state").starts_with("up to revision "),
            "{}",
            state.stdout
        );
        assert!(messages.parse::<u64>().unwrap() > 100);
    }

    // Each part of it can be of no use.
    let damaged = folder.path().join("data/search/index");
    let file = std::fs::read_dir(&damaged).unwrap().flatten();
    let mut terms = file.filter(|it| it.path().extension().is_some_and(|kind| kind == "term"));
    std::fs::write(terms.next().unwrap().path(), "no terms").unwrap();
    let made = index(folder.path(), "rebuild").await;
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    std::fs::write(damaged.join("meta.json"), "{").unwrap();
    let state = index(folder.path(), "status").await;
    assert_eq!((state.code, state.stdout.as_str()), (Some(1), ""));
}

#[tokio::test]
async fn one_that_was_stopped_in_the_middle_goes_on() {
    let (_simulator, folder) = filled(532).await;
    let mut stopped = 0;
    for pause in [50, 150, 250, 350, 450, 600, 800] {
        let mut child = GUILDLAKE
            .command(folder.path(), &["index", "rebuild"])
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let pid = child.id().unwrap().to_string();
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .await
            .unwrap();
        let ended = child.wait().await.unwrap();
        // Before it listens, the signal ends it.
        assert!(matches!(ended.code(), None | Some(0 | 1)), "{ended:?}");
        stopped += usize::from(ended.code() != Some(0));
    }
    println!("{stopped} of 7 were stopped");
    let made = index(folder.path(), "rebuild").await;
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let state = index(folder.path(), "status").await;
    assert_eq!(state.code, Some(0), "{}", state.stderr);
}

#[tokio::test]
async fn the_service_without_one_says_so_and_makes_no_files() {
    let (_simulator, folder) = filled(533).await;
    let mut command = GUILDLAKE.command(folder.path(), &["serve"]);
    command.env("API_KEY", KEY).env("SEARCH_INDEX", "off");
    let mut service = Running::start(command);
    let health = service.until("/health").await;
    let base = health.split_whitespace().last().unwrap();
    let http = Http::new(base.strip_suffix("/health").unwrap());
    service.until("listening").await;
    for path in [
        "/v1/search?q=a",
        "/v1/search.csv?q=a",
        "/v1/search/suggest?filter=from&text=a",
    ] {
        let (_, problem) = http.get(path).await;
        assert_eq!(
            (&problem["status"], &problem["code"]),
            (&404.into(), &"search_off".into()),
            "{path}"
        );
    }
    let refused = index(folder.path(), "rebuild").await;
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("in use by another"),
        "{}",
        refused.stderr
    );
    let (code, said) = service.terminate().await;
    assert_eq!(code, Some(0), "{said}");
    assert!(!folder.path().join("data/search").exists());
    let mut command = GUILDLAKE.command(folder.path(), &["serve"]);
    command.env("API_KEY", KEY).env("SEARCH_INDEX", "maybe");
    let refused = end(command).await;
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("SEARCH_INDEX"),
        "{}",
        refused.stderr
    );
}
