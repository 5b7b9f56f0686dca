//! Rate limits: a 429 in any form is slowness and nothing else, and never a reason to hurry.

use std::time::{Duration, Instant};

use guildlake::discord::rest::{HistoryCursor, RestError, RestSettings};
use guildlake::message::ChannelId;
use tokio::time::timeout;

use super::fake::{Fake, answer, client, me, quick};

/// How long anything may take before a test says that it hangs.
const PATIENCE: Duration = Duration::from_secs(120);

type Headers = &'static [(&'static str, &'static str)];

const JSON: (&str, &str) = ("content-type", "application/json");
const HTML: (&str, &str) = ("content-type", "text/html; charset=UTF-8");
const USER: (&str, &str) = ("x-ratelimit-scope", "user");

/// Each form of a 429: its headers, its body, and the least time in ms that a client has to wait.
const FORMS: [(&str, Headers, &str, u64); 14] = [
    (
        "user",
        &[JSON, USER, ("retry-after", "1")],
        r#"{"message":"x","retry_after":0.03,"global":false}"#,
        30,
    ),
    (
        "shared",
        &[JSON, ("x-ratelimit-scope", "shared"), ("retry-after", "1")],
        r#"{"retry_after":0.03,"global":false}"#,
        30,
    ),
    (
        "global",
        &[
            JSON,
            ("x-ratelimit-scope", "global"),
            ("x-ratelimit-global", "true"),
        ],
        r#"{"retry_after":0.03,"global":true}"#,
        30,
    ),
    ("header only", &[("retry-after", "1")], "", 60),
    (
        "cloudflare",
        &[HTML, ("retry-after", "1")],
        "<html>1015</html>",
        60,
    ),
    ("nothing", &[], "", 20),
    (
        "words",
        &[
            JSON,
            USER,
            ("retry-after", "soon"),
            ("x-ratelimit-reset-after", "?"),
        ],
        r#"{"retry_after":"soon"}"#,
        20,
    ),
    (
        "negative",
        &[JSON, USER, ("retry-after", "-1")],
        r#"{"retry_after":-0.5}"#,
        20,
    ),
    (
        "zero",
        &[JSON, USER, ("retry-after", "0")],
        r#"{"retry_after":0}"#,
        5,
    ),
    (
        "huge",
        &[JSON, USER, ("retry-after", "99999999999999999999")],
        r#"{"retry_after":1e300}"#,
        60,
    ),
    (
        "not finite",
        &[JSON, USER, ("retry-after", "NaN")],
        r#"{"retry_after":1e400}"#,
        20,
    ),
    (
        "infinite",
        &[JSON, USER, ("retry-after", "inf")],
        r#"{"retry_after":null}"#,
        20,
    ),
    ("another shape", &[JSON, USER], "[429]", 20),
    (
        "huge bucket",
        &[
            JSON,
            USER,
            ("x-ratelimit-bucket", "b"),
            ("x-ratelimit-limit", "5"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset-after", "1e18"),
        ],
        r#"{"retry_after":0.01}"#,
        10,
    ),
];

#[tokio::test]
async fn every_form_is_waited_out() {
    for (form, headers, body, least_ms) in FORMS {
        let fake = Fake::start(move |n, _| match n {
            0..3 => answer(429, headers, body),
            _ => me(),
        })
        .await;
        let rest = client(&fake.url, quick());
        rest.me()
            .await
            .unwrap_or_else(|error| panic!("{form}: {error}"));
        let seen = fake.seen();
        assert_eq!(seen.len(), 4, "{form}");
        for pair in seen.windows(2) {
            let gap = pair[1].at - pair[0].at;
            assert!(gap >= Duration::from_millis(least_ms), "{form}: {gap:?}");
        }
        let status = rest.status();
        assert_eq!(
            (status.rate_limited, status.retries, status.requests),
            (3, 3, 4),
            "{form}"
        );
        assert_eq!(
            status.invalid_recent,
            if form == "shared" { 0 } else { 3 },
            "{form}"
        );
    }
}

#[tokio::test]
async fn no_429_makes_a_hot_loop_or_an_error() {
    let endless = FORMS.map(async |(form, headers, body, _)| {
        let fake = Fake::start(move |_, _| answer(429, headers, body)).await;
        let rest = client(&fake.url, quick());
        let waiting = timeout(Duration::from_millis(250), rest.me()).await;
        assert!(waiting.is_err(), "{form}: {waiting:?}");
        // The least pause doubles from 5 ms up to 40.
        assert!(fake.count() <= 10, "{form}: {} requests", fake.count());
    });
    futures_util::future::join_all(endless).await;
}

#[tokio::test]
async fn a_global_429_pauses_everybody() {
    for (headers, body) in [
        (
            &[("x-ratelimit-global", "true")][..],
            r#"{"retry_after":0.15,"global":true}"#,
        ),
        (&[HTML, ("retry-after", "1")], "<html></html>"),
    ] {
        let fake = Fake::start(move |n, _| match n {
            0 => answer(429, headers, body),
            _ => answer(200, &[], r#"{"id":"42","username":"lake","type":0}"#),
        })
        .await;
        let settings = RestSettings {
            limit_max_wait: Duration::from_millis(150),
            ..quick()
        };
        let rest = client(&fake.url, settings);
        let others = async {
            while rest.status().rate_limited == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            for channel in 1..4_i64 {
                rest.channel(channel.try_into().unwrap()).await.unwrap();
            }
        };
        let both = async { tokio::join!(rest.me(), others) };
        let (me, ()) = timeout(Duration::from_secs(5), both).await.unwrap();
        me.unwrap();
        let seen = fake.seen();
        assert_eq!(seen.len(), 5);
        assert!(seen[1].at - seen[0].at >= Duration::from_millis(150));
        assert_eq!(rest.status().paused_ms, 0);
    }
}

#[tokio::test]
async fn a_429_of_one_bucket_stops_that_bucket_only() {
    let fake = Fake::start(|n, target| match (n, target.contains("/channels/1/")) {
        (0, _) => answer(429, &[USER], r#"{"retry_after":2,"global":false}"#),
        (_, true) => answer(200, &[], "[]"),
        (_, false) => me(),
    })
    .await;
    let settings = RestSettings {
        limit_max_wait: Duration::from_secs(2),
        ..quick()
    };
    let rest = client(&fake.url, settings);
    let page = async || {
        let channel = ChannelId::try_from(1_i64).unwrap();
        rest.history_page(channel, HistoryCursor::Latest, 100).await
    };
    let other = async {
        while rest.status().rate_limited == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        rest.me().await
    };
    let (first, second, other) = tokio::join!(page(), page(), other);
    first.unwrap();
    second.unwrap();
    other.unwrap();
    let seen = fake.seen();
    assert_eq!(
        seen.len(),
        4,
        "the second page did not run into the same 429"
    );
    assert!(seen[1].target.ends_with("/users/@me"));
    assert!(seen[1].at - seen[0].at < Duration::from_millis(1500));
    assert!(seen[2].at - seen[0].at >= Duration::from_secs(2));
}

#[tokio::test]
async fn an_exhausted_bucket_is_left_alone_until_it_resets() {
    let spent: Headers = &[
        ("x-ratelimit-bucket", "abc"),
        ("x-ratelimit-limit", "1"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset-after", "0.3"),
    ];
    let fake = Fake::start(move |_, _| answer(200, spent, "[]")).await;
    let settings = RestSettings {
        limit_max_wait: Duration::from_secs(1),
        ..quick()
    };
    let rest = client(&fake.url, settings);
    let page = async |channel: i64| {
        rest.history_page(channel.try_into().unwrap(), HistoryCursor::Latest, 1)
            .await
            .unwrap()
    };
    let started = Instant::now();
    tokio::join!(page(1), page(2), page(3));
    // Buckets are per channel: none of the three waited for another.
    assert_eq!(fake.count(), 3);
    page(1).await;
    assert!(started.elapsed() >= Duration::from_millis(290));
    let status = rest.status();
    assert_eq!((status.requests, status.rate_limited), (4, 0));
}

#[tokio::test]
async fn requests_are_spread_over_the_second() {
    let fake = Fake::start(|_, _| answer(200, &[], "[]")).await;
    let settings = RestSettings {
        requests_per_second: 200,
        ..quick()
    };
    let rest = client(&fake.url, settings);
    let pages = (1..=40_i64).map(|channel| {
        let rest = &rest;
        async move {
            rest.history_page(channel.try_into().unwrap(), HistoryCursor::Latest, 1)
                .await
                .unwrap()
        }
    });
    let started = Instant::now();
    futures_util::future::join_all(pages).await;
    assert!(started.elapsed() >= Duration::from_millis(190));
}

#[tokio::test]
async fn callers_who_leave_hold_nobody_up() {
    let fake = Fake::start(|n, _| match n {
        0 => answer(429, &[USER], r#"{"retry_after":0.05}"#),
        _ => me(),
    })
    .await;
    let rest = client(&fake.url, quick());
    // One leaves while it waits out the 429, the others while they queue behind it. All are of one task, which looks
    // at the 429 first whenever it wakes: however late that is, none of them has gone on before they leave.
    let is_limited = async {
        while rest.status().rate_limited == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let asked = async { tokio::join!(rest.me(), rest.me(), rest.me()) };
    tokio::select! {
        biased;
        () = is_limited => {}
        answers = asked => panic!("nobody waited: {answers:?}"),
    }
    assert_eq!(fake.count(), 1, "they left before their turn");
    timeout(PATIENCE, rest.me()).await.unwrap().unwrap();
    assert_eq!(fake.count(), 2);
}

const FORBIDDEN: &str = r#"{"message":"Missing Access","code":50001}"#;

#[tokio::test]
async fn too_many_invalid_requests_stop_the_client() {
    let fake = Fake::start(|n, _| match n {
        0..5 => answer(403, &[], FORBIDDEN),
        _ => me(),
    })
    .await;
    let settings = RestSettings {
        invalid_limit: 5,
        invalid_window: Duration::from_secs(3),
        ..quick()
    };
    let rest = client(&fake.url, settings);
    for _ in 0..5 {
        let error = rest.me().await.unwrap_err();
        assert!(
            matches!(error, RestError::Forbidden { code: 50_001, .. }),
            "{error:?}"
        );
    }
    for _ in 0..5 {
        let Err(error @ RestError::TooManyInvalid { retry_in, .. }) = rest.me().await else {
            panic!("went on");
        };
        assert!(error.is_transient());
        assert!(retry_in <= Duration::from_secs(3));
    }
    assert_eq!(fake.count(), 5);
    tokio::time::sleep(Duration::from_millis(3020)).await;
    rest.me().await.unwrap();
    assert_eq!(rest.status().invalid_recent, 0);
}

#[tokio::test]
async fn endless_429s_stop_the_client_before_discord_does() {
    let fake = Fake::start(|_, _| answer(429, &[USER], r#"{"retry_after":0.001}"#)).await;
    let settings = RestSettings {
        invalid_limit: 5,
        ..quick()
    };
    let rest = client(&fake.url, settings);
    let ended = timeout(Duration::from_secs(2), rest.me()).await.unwrap();
    assert!(
        matches!(ended, Err(RestError::TooManyInvalid { .. })),
        "{ended:?}"
    );
    assert_eq!(fake.count(), 5);
}
