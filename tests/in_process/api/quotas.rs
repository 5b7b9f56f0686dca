//! How much one key, or one address, can ask for.

use axum::http::Method;
use guildlake::guild::Limits;
use guildlake::keys::{NewKey, Scope};

use testkit::lake::{KEY, Lake, MESSAGES};

fn reader(name: &str) -> NewKey {
    NewKey {
        name: name.to_owned(),
        scopes: [Scope::Messages, Scope::Reports].into(),
        names: true,
        limits: Limits::default(),
        expires_at: None,
    }
}

#[tokio::test]
async fn a_key_has_its_units_and_takes_none_of_the_others() {
    let lake = Lake::limited(60);
    let (noisy, _) = lake.key(reader("noisy"));
    let (quiet, _) = lake.key(reader("quiet"));
    let get = |key: String, path: &'static str| {
        let lake = &lake;
        async move { lake.ask(Method::GET, path, &[("x-api-key", &key)]).await }
    };
    let first = get(noisy.clone(), MESSAGES).await;
    assert_eq!(
        first.header("ratelimit-policy"),
        Some("\"default\";q=60;w=60")
    );
    assert_eq!(first.header("ratelimit"), Some("\"default\";r=59;t=1"));
    // A report takes ten.
    let report = get(noisy.clone(), "/v1/reports/activity?guild_id=1").await;
    assert!(
        report
            .header("ratelimit")
            .unwrap()
            .starts_with("\"default\";r=49;")
    );
    // Units come back while this goes on, a second each.
    let mut refused = None;
    for _ in 0..120 {
        let answer = get(noisy.clone(), MESSAGES).await;
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("the units are used up");
    let problem = refused.is_problem(429, "too_many_requests");
    assert!(
        problem["detail"].as_str().unwrap().contains("60 units"),
        "{problem}"
    );
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
    // A request that is not answered for another reason takes units too, so no error is a way around.
    let (wild, _) = lake.key(reader("wild"));
    for _ in 0..120 {
        let answer = get(wild.clone(), "/v1/messages?limit=0").await;
        if answer.status == 429 {
            break;
        }
        assert_eq!(answer.status, 400);
    }
    get(wild, MESSAGES)
        .await
        .is_problem(429, "too_many_requests");
    assert_eq!(get(quiet, MESSAGES).await.status, 200);
    assert_eq!(lake.get(MESSAGES).await.status, 200);
    assert_eq!(lake.get("/health").await.status, 200);
}

#[tokio::test]
async fn wrong_keys_are_slowed_and_right_ones_are_not() {
    let lake = Lake::new();
    let mut statuses = Vec::new();
    for n in 0..25 {
        let wrong = format!("wrong-{n}");
        let answer = lake
            .ask(Method::GET, MESSAGES, &[("x-api-key", &wrong)])
            .await;
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses[..20], [401; 20]);
    assert!(statuses[20..].contains(&429), "{statuses:?}");
    let answer = lake
        .ask(Method::GET, MESSAGES, &[("x-api-key", "wrong")])
        .await;
    answer.is_problem(429, "too_many_requests");
    // From the same address.
    assert_eq!(
        lake.ask(Method::GET, MESSAGES, &[("x-api-key", KEY)])
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn whoever_has_no_key_is_counted_by_address() {
    let lake = Lake::new();
    let mut last = 200;
    for _ in 0..2_000 {
        last = lake.ask(Method::GET, "/", &[]).await.status.as_u16();
        if last != 200 {
            break;
        }
    }
    assert_eq!(last, 429);
    assert_eq!(lake.ask(Method::GET, "/health", &[]).await.status, 200);
    assert_eq!(lake.get("/").await.status, 200);
}
