//! One message.

use axum::http::Method;
use serde_json::Value;

use testkit::lake::{KEY, Lake, edited, minute, payload};

#[tokio::test]
async fn it_is_whole_and_its_payload_is_an_object() {
    let mut lake = Lake::new();
    let id = minute(0);
    let text = payload(id, "hello\u{1F980}");
    lake.add([text.clone()]);
    let answer = lake.get(&format!("/v1/messages/{id}")).await;
    let message = answer.json();
    assert_eq!(message["message_id"], id.to_string());
    assert_eq!(message["content"], "hello\u{1F980}");
    assert_eq!(
        message["raw_json"],
        serde_json::from_str::<Value>(&text).unwrap()
    );
    assert!(answer.text().contains(&text), "byte for byte");
    assert_eq!(answer.header("cache-control"), Some("private, no-cache"));
}

#[tokio::test]
async fn a_deleted_one_is_found_and_an_unknown_one_is_not() {
    let mut lake = Lake::new();
    let id = minute(0);
    lake.add([payload(id, "soon gone")]);
    lake.delete(id);
    let message = lake.get(&format!("/v1/messages/{id}")).await.json();
    assert_eq!(message["deleted"], true);
    assert_eq!(message["content"], "soon gone");

    let unknown = lake.get("/v1/messages/1234567").await;
    let problem = unknown.is_problem(404, "message_not_found");
    assert_eq!(problem["instance"], "/v1/messages/1234567");
}

#[tokio::test]
async fn an_id_that_is_none_is_named() {
    let lake = Lake::new();
    for bad in [
        "0",
        "01",
        "-1",
        "+1",
        "abc",
        "1.0",
        "9223372036854775808",
        "1%20",
        "%FF",
        "1.json",
    ] {
        let answer = lake.get(&format!("/v1/messages/{bad}")).await;
        assert!(
            answer.bad_fields().contains_key("message_id"),
            "{bad}: {}",
            answer.text()
        );
    }
    let answer = lake.get("/v1/messages/1?include_raw=yes").await;
    assert!(answer.bad_fields().contains_key("include_raw"));
}

#[tokio::test]
async fn it_is_not_sent_again_while_it_has_not_changed() {
    let mut lake = Lake::new();
    let id = minute(0);
    lake.add([payload(id, "hello")]);
    let path = format!("/v1/messages/{id}");
    let first = lake.get(&path).await;
    let etag = first.header("etag").unwrap().to_owned();
    assert!(etag.starts_with("W/\""), "{etag}");

    let strong = etag.trim_start_matches("W/").to_owned();
    for known in [&etag, &strong, &format!("\"x\", {etag}"), &"*".to_owned()] {
        let headers = [("x-api-key", KEY), ("if-none-match", known.as_str())];
        let again = lake.ask(Method::GET, &path, &headers).await;
        assert_eq!(again.status, 304, "{known}");
        assert_eq!(again.header("etag"), Some(etag.as_str()));
        assert!(again.body.is_empty());
        assert!(again.header("vary").is_some());
    }
    // An assertion of the library's on the second one ended the request in a build with checks.
    for another in ["\"x\"", "\"x y\"", "x"] {
        let headers = [("x-api-key", KEY), ("if-none-match", another)];
        let answer = lake.ask(Method::GET, &path, &headers).await;
        assert_eq!(answer.status, 200, "{another}");
    }

    lake.delete(id);
    let headers = [("x-api-key", KEY), ("if-none-match", etag.as_str())];
    let changed = lake.ask(Method::GET, &path, &headers).await;
    assert_eq!(changed.json()["deleted"], true);
    assert_ne!(changed.header("etag"), Some(etag.as_str()));
}

#[tokio::test]
async fn another_text_is_sent_though_revisions_count_again_after_a_backup() {
    let mut lake = Lake::new();
    let id = minute(0);
    lake.add([payload(id, "hello")]);
    let backup = lake.copy();
    lake.update(&edited(id, "lost with the folder", "2025-03-01T00:00:00Z"));
    let path = format!("/v1/messages/{id}");
    let lost = lake.get(&path).await;
    let etag = lost.header("etag").unwrap().to_owned();

    let mut lake = Lake::of(backup);
    lake.update(&edited(id, "another text", "2025-03-02T00:00:00Z"));
    let headers = [("x-api-key", KEY), ("if-none-match", etag.as_str())];
    let now = lake.ask(Method::GET, &path, &headers).await.json();
    assert_eq!(now["content"], "another text");
    assert_eq!(now["revision"], lost.json()["revision"]);
}
