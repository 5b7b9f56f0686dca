//! What a message was before its edits.

use axum::http::Method;
use guildlake::guild::ChannelGone;
use guildlake::store::Batch;
use serde_json::{Value, json};

use testkit::lake::{CHANNEL, KEY, Lake, MESSAGES, at, channel, edited, lasting, minute, payload};

const FIRST_EDIT: &str = "2025-01-02T00:00:00.000001+00:00";
const SECOND_EDIT: &str = "2025-01-03T00:00:00+00:00";

fn path(id: i64) -> String {
    format!("/v1/messages/{id}/versions")
}

/// The texts of the versions, oldest first. Asserts that the last is the present one, and no other.
#[track_caller]
fn texts(versions: &Value) -> Vec<&str> {
    let data = versions["data"].as_array().unwrap();
    for (n, version) in data.iter().enumerate() {
        assert_eq!(version["is_current"], n + 1 == data.len(), "{versions}");
    }
    data.iter()
        .map(|version| version["content"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn each_edit_is_a_version_and_the_last_is_the_present_one() {
    let mut lake = Lake::new();
    let id = minute(0);
    let first = payload(id, "one");
    lake.add([first.clone()]);
    let answer = lake.get(&path(id)).await;
    assert_eq!(
        answer.json(),
        json!({"data": [{
            "message_id": id.to_string(),
            "edited_at": null,
            "content": "one",
            "attachment_count": 0,
            "embed_count": 0,
            "revision": 1,
            "is_current": true,
            "raw_json": serde_json::from_str::<Value>(&first).unwrap(),
        }]})
    );
    assert_eq!(answer.header("cache-control"), Some("private, no-cache"));

    let second = edited(id, "two", FIRST_EDIT);
    let third = edited(id, "three", SECOND_EDIT);
    lake.update(&second);
    lake.update(&third);
    let answer = lake.get(&path(id)).await;
    let versions = answer.json();
    assert_eq!(texts(&versions), ["one", "two", "three"]);
    let edits: Vec<_> = (0..3).map(|n| &versions["data"][n]["edited_at"]).collect();
    assert_eq!(
        edits,
        [
            &Value::Null,
            &json!("2025-01-02T00:00:00.000001Z"),
            &json!("2025-01-03T00:00:00.000000Z")
        ]
    );
    assert_eq!(versions["data"][2]["revision"], 3);
    for payload in [&first, &second, &third] {
        assert!(answer.text().contains(payload), "byte for byte");
    }

    // What was is still known after a restart, and after the delete.
    let mut lake = lake.restart();
    assert_eq!(lake.get(&path(id)).await.json(), versions);
    lake.delete(id);
    let versions = lake.get(&path(id)).await.json();
    assert_eq!(texts(&versions), ["one", "two", "three"]);
}

#[tokio::test]
async fn an_unfurl_is_no_version() {
    let mut lake = Lake::new();
    let id = minute(0);
    let plain = payload(id, "see https://a.example");
    lake.add([plain.clone()]);
    lake.update(&format!(
        r#"{{"id":"{id}","channel_id":"{CHANNEL}","embeds":[{{}}]}}"#
    ));
    let versions = lake.get(&path(id)).await.json();
    assert_eq!(texts(&versions), ["see https://a.example"]);
    assert_eq!(versions["data"][0]["embed_count"], 1);

    // The same as a whole payload.
    lake.update(&plain.replace(r#""embeds":[]"#, r#""embeds":[{},{}]"#));
    let versions = lake.get(&path(id)).await.json();
    assert_eq!(texts(&versions), ["see https://a.example"]);
    assert_eq!(versions["data"][0]["embed_count"], 2);
    assert_eq!(versions["data"][0]["edited_at"], Value::Null);
}

#[tokio::test]
async fn what_arrives_late_is_added_once_and_in_its_place() {
    let mut lake = Lake::new();
    let id = minute(0);
    let message = format!("/v1/messages/{id}");
    lake.update(&edited(id, "three", SECOND_EDIT));
    let mut now = lake.get(&message).await.json();
    assert_eq!(
        [&now["reaction_count"], &now["reactions"]],
        [&Value::Null; 2],
        "an edit says nothing of them"
    );
    for _ in 0..2 {
        lake.add([payload(id, "one")]);
        assert_eq!(texts(&lake.get(&path(id)).await.json()), ["one", "three"]);
    }
    for _ in 0..2 {
        lake.add([edited(id, "two", FIRST_EDIT), payload(id, "one")]);
        let versions = lake.get(&path(id)).await.json();
        assert_eq!(texts(&versions), ["one", "two", "three"]);
    }
    let then = lake.get(&message).await.json();
    assert_eq!(then["revision"], 2, "now they are known");
    now["revision"] = 2.into();
    now["reaction_count"] = 0.into();
    now["reactions"] = Value::Array(Vec::new());
    assert_eq!(then, now, "else it is as it was");
}

#[tokio::test]
async fn an_unknown_message_and_an_id_that_is_none_have_no_versions() {
    let mut lake = Lake::new();
    lake.add_minutes(1);
    let unknown = lake.get("/v1/messages/1234567/versions").await;
    let problem = unknown.is_problem(404, "message_not_found");
    assert_eq!(problem["instance"], "/v1/messages/1234567/versions");
    for bad in ["0", "01", "-1", "abc", "9223372036854775808", "1%20", "%FF"] {
        let answer = lake.get(&format!("/v1/messages/{bad}/versions")).await;
        assert!(answer.bad_fields().contains_key("message_id"), "{bad}");
    }
    let answer = lake.get(&format!("{}?limit=1", path(minute(0)))).await;
    assert!(answer.bad_fields().contains_key("limit"));
}

#[tokio::test]
async fn it_wants_the_key_has_one_form_and_answers_head() {
    let mut lake = Lake::new();
    lake.add_minutes(1);
    let path = path(minute(0));
    let answer = lake.ask(Method::GET, &path, &[]).await;
    answer.is_problem(401, "unauthorized");
    let headers = [("x-api-key", KEY), ("accept", "text/csv")];
    let answer = lake.ask(Method::GET, &path, &headers).await;
    answer.is_problem(406, "not_acceptable");

    let get = lake.get(&path).await;
    let head = lake.ask(Method::HEAD, &path, &[("x-api-key", KEY)]).await;
    assert_eq!(head.status, 200);
    assert_eq!(lasting(&head.headers), lasting(&get.headers));
    assert!(head.body.is_empty());
}

/// Asserts that a message is there, and its content and versions are not.
async fn is_blank(lake: &Lake, id: i64, deleted_by: &str) {
    let answer = lake.get(&format!("/v1/messages/{id}")).await;
    let message = answer.json();
    assert_eq!(message["message_id"], id.to_string());
    assert_eq!(message["author_id"], "1000000000000000001");
    assert_eq!(message["deleted"], true);
    assert_eq!(message["deleted_by"], deleted_by);
    assert_eq!(message["content_removed_at"], "2025-06-01T00:00:01.000000Z");
    assert_eq!(message["content"], "");
    assert_eq!(message["author_name"], "");
    assert_eq!(message["edited_at"], Value::Null);
    assert_eq!(message.get("raw_json"), None);

    let list = format!("{MESSAGES}&include_deleted=true&include_raw=true");
    let page = lake.get(&list).await;
    let rows = page.json();
    let mut rows = rows["data"].as_array().unwrap().iter();
    let row = rows.find(|row| row["message_id"] == id.to_string().as_str());
    assert_eq!(row.unwrap(), &message);

    let versions = lake.get(&path(id)).await;
    assert_eq!(versions.json(), json!({"data": []}));
    for answer in [&answer, &page, &versions] {
        assert!(!answer.text().contains("secret"), "{}", answer.text());
    }
}

#[tokio::test]
async fn what_a_delete_took_away_is_never_brought_back() {
    let mut lake = Lake::that_blanks();
    let id = minute(0);
    let first = payload(id, "secret one");
    let second = edited(id, "secret two", FIRST_EDIT);
    lake.add([first.clone()]);
    lake.update(&second);
    lake.delete(id);
    is_blank(&lake, id, "gateway").await;

    for restarted in [false, true] {
        if restarted {
            lake = lake.restart();
        }
        lake.add([first.clone(), second.clone()]);
        lake.update(&edited(id, "secret three", SECOND_EDIT));
        lake.update(&format!(
            r#"{{"id":"{id}","channel_id":"{CHANNEL}","content":"secret four","edited_timestamp":"2025-01-04T00:00:00+00:00","embeds":[{{}}]}}"#
        ));
        lake.delete(id);
        is_blank(&lake, id, "gateway").await;
    }
    assert_eq!(lake.get(MESSAGES).await.json()["data"], json!([]));
}

#[tokio::test]
async fn a_message_whose_delete_came_first_never_shows_its_content() {
    let mut lake = Lake::that_blanks();
    let id = minute(0);
    lake.delete(id);
    let message = lake.get(&format!("/v1/messages/{id}")).await;
    message.is_problem(404, "message_not_found");
    lake.add([payload(id, "secret")]);
    is_blank(&lake, id, "gateway").await;
}

#[tokio::test]
async fn a_deleted_channel_takes_the_content_of_its_messages_with_it() {
    let mut lake = Lake::that_blanks();
    let ids = [minute(0), minute(1)];
    lake.commit(&Batch {
        channels: vec![channel(CHANNEL, 0)],
        ..Batch::default()
    });
    lake.add([payload(ids[0], "secret")]);
    lake.update(&edited(ids[0], "secret again", FIRST_EDIT));
    lake.commit(&Batch {
        channels_gone: vec![ChannelGone {
            id: channel(CHANNEL, 0).id,
            after: at("2025-05-01T00:00:00Z"),
            before: at("2025-05-01T00:00:01Z"),
            asked_at: None,
        }],
        ..Batch::default()
    });
    // And of one that arrives after it.
    lake.add([payload(ids[1], "secret")]);
    for id in ids {
        is_blank(&lake, id, "channel").await;
    }
}
