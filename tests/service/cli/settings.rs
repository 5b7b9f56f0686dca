//! Bad settings are refused by name, all at once, and never quoted.

use crate::GUILDLAKE;
use testkit::program::{KEY, end};

async fn refusal(variables: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut command = GUILDLAKE.command(folder.path(), &["serve"]);
    command.envs(variables.iter().copied());
    let ended = end(command).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
    assert!(!folder.path().join("data").exists(), "nothing was made");
    ended.stderr
}

#[tokio::test]
async fn a_missing_short_or_known_key() {
    assert!(refusal(&[]).await.contains("API_KEY is not set"));
    assert!(
        refusal(&[("API_KEY", "short")])
            .await
            .contains("API_KEY is shorter than 16")
    );
    for placeholder in ["change-me", "super-secret-key", "change-me-please-really"] {
        let said = refusal(&[("API_KEY", placeholder)]).await;
        assert!(said.contains("API_KEY is a placeholder"), "{said}");
    }
}

/// `0.0.0.0` with a key of sixteen digits was taken without a word.
#[tokio::test]
async fn a_weak_key_on_an_address_that_others_reach() {
    for bind in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8000"] {
        for (key, reason) in [
            ("k3J9x1Qa-Zr77-pW", "shorter than 32"),
            ("12345678901234561234567890123456", "repeats"),
            (
                "aababbabaabbabababbabaababbbabaabbab",
                "different characters",
            ),
        ] {
            let said = refusal(&[("API_KEY", key), ("BIND", bind)]).await;
            for part in ["API_KEY", "BIND", reason, "openssl rand -hex 32"] {
                assert!(said.contains(part), "{part}: {said}");
            }
            assert!(!said.contains(key), "{said}");
        }
    }
}

#[tokio::test]
async fn schemes_that_are_not_known() {
    let of = |url: &'static str| async move {
        refusal(&[("API_KEY", KEY), ("DATABASE_URL", url)]).await
    };
    assert!(
        of("postgres://me:pw@db/x")
            .await
            .contains("postgres://, which is not supported")
    );
    let said = of("mysql://me:hunter2@db/x").await;
    assert!(said.contains("unknown scheme mysql://"));
    assert!(!said.contains("hunter2"), "a password is never quoted");
    assert!(of("./data/x.duckdb").await.contains("has no scheme"));
}

#[tokio::test]
async fn everything_wrong_is_told_at_once() {
    let said = refusal(&[
        ("API_KEY", "short"),
        ("BIND", "everywhere"),
        ("DISCORD_GUILD_ID", "my guild"),
        ("DISCORD_API_URL", "not a url"),
        ("DISCORD_BOT_TOKEN", "sekrit"),
    ])
    .await;
    for name in ["API_KEY", "BIND", "DISCORD_GUILD_ID", "DISCORD_API_URL"] {
        assert!(said.contains(name), "{name} in {said}");
    }
    assert!(!said.contains("sekrit"));
    assert!(
        refusal(&[("LOG_FORMAT", "xml")])
            .await
            .contains("LOG_FORMAT")
    );
}

#[tokio::test]
async fn a_token_without_a_guild_collects_nothing_by_accident() {
    let said = refusal(&[("API_KEY", KEY), ("DISCORD_BOT_TOKEN", "sekrit")]).await;
    assert!(said.contains("DISCORD_GUILD_ID is not set"), "{said}");
}

#[tokio::test]
async fn the_help_shows_examples_and_the_version() {
    let folder = tempfile::tempdir().unwrap();
    let help = end(GUILDLAKE.command(folder.path(), &["--help"])).await;
    for word in [
        "serve", "backfill", "snapshot", "demo", "doctor", "openapi", "Examples",
    ] {
        assert!(help.stdout.contains(word), "{word}");
    }
    for command in ["serve", "backfill", "snapshot", "demo", "doctor", "openapi"] {
        let help = end(GUILDLAKE.command(folder.path(), &[command, "--help"])).await;
        assert!(help.stdout.contains("Example"), "{command}");
        assert_eq!(help.code, Some(0));
    }
    let description = end(GUILDLAKE.command(folder.path(), &["openapi"])).await;
    let description: serde_json::Value = serde_json::from_str(&description.stdout).unwrap();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(description["paths"]["/v1/messages"].is_object());
}

#[tokio::test]
async fn values_that_make_no_sense() {
    for (name, value, reason) in [
        ("MEMORY_LIMIT", "lots", "at least 128MB"),
        ("MEMORY_LIMIT", "1MB", "at least 128MB"),
        ("REPAIR_WINDOW", "soon", "a duration"),
        ("SNAPSHOT_INTERVAL", "soon", "a duration"),
        ("SNAPSHOT_INTERVAL", "59s", "at least 1m"),
        ("SNAPSHOT_GRACE", "long", "a duration"),
        ("SNAPSHOT_FLOOR", "never", "a duration"),
        ("DELETED_CONTENT", "purge:later", "purge:30d"),
        ("DELETED_CONTENT", "burn", "purge:30d"),
        (
            "TRUSTED_PROXIES",
            "127.0.0.1,proxy",
            "addresses or networks",
        ),
        ("TRUSTED_PROXIES", "10.0.0.0/33", "addresses or networks"),
    ] {
        let said = refusal(&[("API_KEY", KEY), (name, value)]).await;
        assert!(said.contains(name) && said.contains(reason), "{said}");
    }
}
