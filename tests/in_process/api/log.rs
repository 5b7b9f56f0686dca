//! What the log tells of a request, and what it never does.

use axum::http::Method;

use testkit::lake::{KEY, Lake, MESSAGES, minute, payload};
use testkit::log::Log;

#[tokio::test]
async fn a_request_has_one_line_without_its_key_or_query() {
    let mut lake = Lake::new();
    lake.add_minutes(2);
    let bearer = format!("Bearer {KEY}");
    let log = Log::start();
    let path = format!("/v1/messages/{}?api_key={KEY}", minute(0));
    lake.get(MESSAGES).await.json();
    lake.ask(Method::GET, &path, &[("authorization", &bearer)])
        .await
        .is_problem(400, "invalid_parameter");
    lake.ask(Method::HEAD, "/nothing", &[("x-request-id", "mine")])
        .await;

    let lines = log.lines();
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["span"]["route"].as_str().unwrap(),
                line["fields"]["status"].as_u64().unwrap(),
                line["fields"]["body"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("/v1/messages", 200, "complete"),
            ("/v1/messages/{message_id}", 400, "complete"),
            ("unmatched", 404, "complete"),
        ]
    );
    assert_eq!(lines[2]["span"]["request_id"], "mine");
    assert!(lines.iter().all(|line| line["fields"]["ms"].is_u64()));
    for secret in [KEY, "guild_id=", &minute(0).to_string()] {
        assert!(!log.text().contains(secret), "{}", log.text());
    }
}

#[tokio::test]
async fn what_the_caller_is_not_told_is_in_the_log() {
    let mut lake = Lake::new();
    lake.add_minutes(1);
    let lake = lake.damage("UPDATE messages_hot SET raw_json = 'xyzzy'");
    let log = Log::start();
    let answer = lake.get(&format!("{MESSAGES}&include_raw=true")).await;
    answer.is_problem(500, "internal");
    let lines = log.lines();
    let cause = &lines[0];
    assert_eq!(cause["level"], "ERROR");
    assert!(cause["fields"]["cause"].as_str().unwrap().contains("JSON"));
    assert_eq!(
        cause["span"]["request_id"].as_str(),
        answer.header("x-request-id")
    );

    // A page that is left is told from one that was taken.
    let left = lake
        .send(Method::GET, MESSAGES, &[("x-api-key", KEY)])
        .await;
    drop(left);
    let last = log.lines().pop().unwrap();
    assert_eq!(last["fields"]["body"], "abandoned");
}

#[tokio::test]
async fn a_service_that_is_busy_warns_once_and_counts() {
    let mut lake = Lake::new();
    let long = "x".repeat(30_000);
    lake.add((0..300).map(|n| payload(minute(n), &long)));
    let log = Log::start();
    let url = format!("/v1/messages.ndjson?guild_id={}", testkit::lake::GUILD);
    // Downloads that nobody reads have all places.
    let mut held = Vec::new();
    let refused = loop {
        let answer = lake.send(Method::GET, &url, &[("x-api-key", KEY)]).await;
        if answer.status() == 503 {
            break answer;
        }
        held.push(answer);
        assert!(held.len() < 64);
    };
    drop(refused);
    for _ in 0..20 {
        lake.get(&url).await.is_problem(503, "busy");
    }
    let lines = log.lines();
    let of = |level: &str| lines.iter().filter(|line| line["level"] == level).count();
    assert_eq!((of("ERROR"), of("WARN")), (0, 1), "{}", log.text());
    let warning = lines.iter().find(|line| line["level"] == "WARN").unwrap();
    let said = warning["fields"].to_string();
    assert!(
        said.contains("downloads of this key are in progress"),
        "{said}"
    );
}
