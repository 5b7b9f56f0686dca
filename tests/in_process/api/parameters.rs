//! Parameters that are not accepted: each alone, and any number of them together.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use testkit::lake::{Lake, MESSAGES};

/// Every way to get a parameter of a page wrong: the parameter, and how it is written.
const BAD: &[(&str, &str)] = &[
    ("guild_id", "guild_id="),
    ("guild_id", "guild_id"),
    ("guild_id", "guild_id=0"),
    ("guild_id", "guild_id=-1"),
    ("guild_id", "guild_id=+1"),
    ("guild_id", "guild_id=%2B1"),
    ("guild_id", "guild_id=01"),
    ("guild_id", "guild_id=1.0"),
    ("guild_id", "guild_id=1e3"),
    ("guild_id", "guild_id=0x1f"),
    ("guild_id", "guild_id=9223372036854775808"),
    ("guild_id", "guild_id=99999999999999999999999999"),
    ("guild_id", "guild_id=%D9%A1%D9%A2"),
    ("guild_id", "guild_id=1,2"),
    ("guild_id", "guild_id=1%00"),
    ("guild_id", "guild_id=1%0A"),
    ("guild_id", "guild_id=%FF"),
    ("guild_id", "guild_id=1&guild_id=1"),
    ("channel_id", "channel_id=abc"),
    ("channel_id", "channel_id=1&channel_id=2&channel_id=3"),
    ("channel_id", "channel_id=%"),
    ("from", "from="),
    ("from", "from=2025-01-01T00:00:00"),
    ("from", "from=2025-01-01"),
    ("from", "from=2025-01-01%2000:00:00Z"),
    ("from", "from=2025-02-30T00:00:00Z"),
    ("from", "from=2025-01-01T25:00:00Z"),
    ("from", "from=2025-01-01T00:00:00%2B99:00"),
    ("from", "from=1735689600"),
    ("from", "from=yesterday"),
    ("from", "from=2026-01-01T00:00:00Z&to=2025-01-01T00:00:00Z"),
    ("to", "to=2025-01-01T00:00:00 "),
    ("to", "to=2025-01-01T00:00:00+"),
    ("to", "to=now"),
    ("to", "to=2025-01-01T00:00:00Z&to=2025-01-01T00:00:00Z"),
    ("cursor", "cursor="),
    ("cursor", "cursor=0"),
    ("cursor", "cursor=null"),
    ("cursor", "cursor=%E0%80"),
    ("limit", "limit=0"),
    ("limit", "limit=501"),
    ("limit", "limit=-1"),
    ("limit", "limit=+5"),
    ("limit", "limit=007"),
    ("limit", "limit=5.0"),
    ("limit", "limit=ten"),
    ("limit", "limit=99999999999999999999999"),
    ("limit", "limit=1%zz"),
    ("include_deleted", "include_deleted=1"),
    ("include_deleted", "include_deleted=True"),
    ("include_deleted", "include_deleted=yes"),
    ("include_deleted", "include_deleted"),
    ("include_raw", "include_raw=TRUE"),
    ("include_raw", "include_raw=0"),
    ("order", "order=newest"),
    ("order", "order=ASC"),
    ("order", "order="),
    ("offset", "offset=10"),
    ("Limit", "Limit=10"),
    ("include%ff", "include%ff=1"),
    ("a=b", "a%3Db=1"),
    ("\"><script>", "%22%3E%3Cscript%3E=1"),
    ("api_key", "api_key=1"),
];

fn url(parts: &[&str]) -> String {
    format!("/v1/messages?{}", parts.join("&").replace(' ', "%20"))
}

#[tokio::test]
async fn each_alone_is_named() {
    let lake = Lake::new();
    for (field, written) in BAD {
        let mut parts = vec![*written];
        parts.extend((*field != "guild_id").then_some("guild_id=1"));
        parts.extend((*field != "channel_id").then_some("channel_id=2"));
        let answer = lake.get(&url(&parts)).await;
        let fields: Vec<_> = answer.bad_fields().into_keys().collect();
        assert_eq!(fields, [*field], "{written}");
    }
}

#[tokio::test]
async fn what_is_missing_is_named_too() {
    let lake = Lake::new();
    let fields = lake.get("/v1/messages").await.bad_fields();
    let reason = "is required".to_owned();
    assert_eq!(
        fields.into_iter().collect::<Vec<_>>(),
        [
            ("channel_id".to_owned(), reason.clone()),
            ("guild_id".to_owned(), reason)
        ]
    );
}

#[test]
fn any_number_of_them_is_named_at_once() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let lake = Lake::new();
    let config = Config {
        cases: 256,
        failure_persistence: None,
        ..Config::default()
    };
    let chosen = prop::collection::vec(prop::sample::select(BAD), 1..12);
    TestRunner::new(config)
        .run(&chosen, |mut chosen| {
            // `from` after `to` shows only if both can be read.
            chosen.retain(|(_, written)| !written.contains("&to=2025"));
            let mut parts: Vec<_> = chosen.iter().map(|(_, written)| *written).collect();
            let mut expected: BTreeSet<_> = chosen.iter().map(|(field, _)| *field).collect();
            parts.push("channel_id=2");
            // Wrong, or missing.
            expected.insert("guild_id");
            let answer = runtime.block_on(lake.get(&url(&parts)));
            let found = answer.bad_fields();
            let found: BTreeSet<_> = found.keys().map(String::as_str).collect();
            prop_assert_eq!(found, expected);
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn good_ones_are_taken_in_every_spelling() {
    let lake = Lake::new();
    for good in [
        "limit=1",
        "limit=500",
        "cursor=9223372036854775807",
        "cursor=1&order=asc",
        "cursor=9223372036854775807&order=asc",
        "order=desc&include_raw=false&include_deleted=true",
        "from=2025-01-01T00:00:00Z",
        "from=2025-01-01T00:00:00.123456789-07:30",
        // A + of the offset that was not escaped arrives as a space.
        "from=2025-01-01T00:00:00+01:00",
        "from=2025-01-01T00:00:00%2B01:00",
        "from=2025-01-01T00:00:00%2001:00",
        "from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z",
        "%6c%69mit=5",
        "&&",
    ] {
        let answer = lake.get(&format!("{MESSAGES}&{good}")).await;
        assert_eq!(answer.status, 200, "{good}: {}", answer.text());
    }
}

#[tokio::test]
async fn routes_without_parameters_take_none() {
    let lake = Lake::new();
    for path in ["/", "/health", "/docs", "/openapi.json", "/docs/start.js"] {
        let answer = lake.get(&format!("{path}?x=1")).await;
        assert!(answer.bad_fields().contains_key("x"), "{path}");
    }
}
