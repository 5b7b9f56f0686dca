//! What the log tells of a request, and what it never does.

use std::cell::RefCell;
use std::io::Write;
use std::sync::Once;

use axum::http::Method;

use crate::support::{KEY, Lake, MESSAGES, minute, payload};

thread_local! {
    /// What this test logged: it and its tasks are on one thread.
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Writes into the log of the test that runs on this thread.
struct Log;

impl Log {
    /// Tests share a process, and what `tracing` finds disabled in one would be so in the next;
    /// so there is one subscriber for all.
    fn start() -> Self {
        static SUBSCRIBER: Once = Once::new();
        SUBSCRIBER.call_once(|| {
            tracing_subscriber::fmt()
                .json()
                .with_max_level(tracing::Level::TRACE)
                .with_writer(|| Self)
                .init();
        });
        LOG.take();
        Self
    }

    fn text(&self) -> String {
        LOG.with_borrow(|log| String::from_utf8(log.clone()).unwrap())
    }

    /// The lines of our own.
    fn lines(&self) -> Vec<serde_json::Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .filter(|line: &serde_json::Value| {
                line["target"].as_str().unwrap().starts_with("guildlake")
            })
            .collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.with_borrow_mut(|log| log.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

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
    let url = format!("/v1/messages.ndjson?guild_id={}", crate::support::GUILD);
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
    assert!(said.contains("downloads are in progress"), "{said}");
}
