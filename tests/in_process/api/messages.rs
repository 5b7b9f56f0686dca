//! Pages of a channel.

use std::time::{Duration, Instant};

use axum::body::to_bytes;
use axum::http::{Method, StatusCode};
use guildlake::message::MessageId;
use serde_json::{Value, json};

use testkit::lake::{CHANNEL, GUILD, Ids, KEY, Lake, MESSAGES, minute, payload};

#[tokio::test]
async fn a_row_has_what_the_contract_lists() {
    let mut lake = Lake::new();
    let id = minute(0);
    let text = format!(
        r#"{{ "id": "{id}", "channel_id": "{CHANNEL}", "author": {{"id":"1000000000000000001","username":"ada","x":1e400}},
        "content": "caf\u00e9 \"<@1>\"", "timestamp": "2025-01-01T00:00:00+00:00", "edited_timestamp": "2025-01-02T03:04:05.678901+02:00",
        "type": 19, "attachments": [{{}}], "embeds": [{{}},{{}}], "new_field": 12345678901234567890.10 }}"#
    );
    lake.add([text.clone()]);
    let page = lake.get(MESSAGES).await.json();
    let mut row = json!({
        "message_id": id.to_string(),
        "guild_id": GUILD.to_string(),
        "channel_id": CHANNEL.to_string(),
        "author_id": "1000000000000000001",
        "author_name": "ada",
        "author_is_bot": false,
        "content": "café \"<@1>\"",
        "created_at": "2025-01-01T00:00:00.000000Z",
        "edited_at": "2025-01-02T01:04:05.678901Z",
        "deleted": false,
        "deleted_by": null,
        "deleted_after": null,
        "deleted_before": null,
        "content_removed_at": null,
        "message_type": 19,
        "attachment_count": 1,
        "embed_count": 2,
        "reaction_count": 0,
        "reactions": [],
        "poll_votes": null,
        "ingested_at": "2025-06-01T00:00:01.000000Z",
        "revision": 1,
    });
    assert_eq!(
        page,
        json!({"data": [row.clone()], "next_cursor": null, "has_more": false})
    );

    // The payload is embedded byte for byte, as an object.
    let with_raw = lake.get(&format!("{MESSAGES}&include_raw=true")).await;
    assert!(
        with_raw.text().contains(&format!(r#""raw_json":{text}"#)),
        "{}",
        with_raw.text()
    );

    lake.delete(id);
    assert!(lake.get(MESSAGES).await.json().ids().is_empty());
    let page = lake
        .get(&format!("{MESSAGES}&include_deleted=true"))
        .await
        .json();
    row["deleted"] = true.into();
    row["deleted_by"] = "gateway".into();
    row["deleted_after"] = "2025-05-31T23:59:00.000000Z".into();
    row["deleted_before"] = "2025-06-01T00:00:00.000000Z".into();
    row["revision"] = 2.into();
    assert_eq!(page["data"][0], row);
}

#[tokio::test]
async fn a_walk_gives_every_row_once_in_both_orders() {
    let mut lake = Lake::new();
    let ids = lake.add_minutes(50);
    for &id in ids.iter().step_by(9) {
        lake.delete(id);
    }
    let alive: Vec<_> = (0..50).filter(|n| n % 9 != 0).map(minute).collect();
    let reversed = |ids: &[i64]| ids.iter().rev().copied().collect::<Vec<_>>();

    for (path, expected) in [
        (format!("{MESSAGES}&limit=7"), reversed(&alive)),
        (format!("{MESSAGES}&limit=7&order=asc"), alive.clone()),
        (format!("{MESSAGES}&limit=1&order=desc"), reversed(&alive)),
        (
            format!("{MESSAGES}&limit=7&include_deleted=true"),
            reversed(&ids),
        ),
        (
            format!("{MESSAGES}&limit=50&include_deleted=true&order=asc"),
            ids.clone(),
        ),
        (
            format!(
                "{MESSAGES}&limit=7&include_deleted=true&from=2025-01-01T00:10:00Z&to=2025-01-01T00:40:00Z"
            ),
            reversed(&ids[10..40]),
        ),
        (
            format!(
                "{MESSAGES}&order=asc&include_deleted=true&from=2025-01-01T01:10:00%2B01:00&to=2025-01-01T01:12:00+01:00"
            ),
            ids[10..12].to_vec(),
        ),
        (
            format!("{MESSAGES}&from=2025-01-01T00:10:00Z&to=2025-01-01T00:10:00Z"),
            vec![],
        ),
    ] {
        assert_eq!(lake.walk(&path).await, expected, "{path}");
    }
}

#[tokio::test]
async fn a_walk_is_not_moved_by_what_changes_meanwhile() {
    for order in ["asc", "desc"] {
        let mut lake = Lake::new();
        let ids = lake.add_minutes(30);
        let path = format!("{MESSAGES}&limit=7&include_deleted=true&order={order}");
        let mut seen = Vec::new();
        let mut next = Some(path.clone());
        let mut round = 0;
        while let Some(url) = next {
            let page = lake.get(&url).await.json();
            seen.extend(page.ids());
            next = page["next_cursor"]
                .as_str()
                .map(|cursor| format!("{path}&cursor={cursor}"));
            // One arrives after the end, one goes, one between the old ones changes.
            lake.add([payload(minute(100 + round), "new")]);
            lake.delete(ids[usize::try_from(round).unwrap() * 5]);
            round += 1;
        }
        let mut of_the_start: Vec<_> = seen.iter().copied().filter(|id| ids.contains(id)).collect();
        if order == "desc" {
            of_the_start.reverse();
        }
        assert_eq!(of_the_start, ids, "{order}");
    }
}

#[tokio::test]
async fn the_link_leads_through_the_same_question() {
    let mut lake = Lake::new();
    lake.add_minutes(20);
    let mut url = format!(
        "{MESSAGES}&limit=6&order=asc&include_raw=true&include_deleted=false&from=2025-01-01T01:01:00+01:00&to=2025-01-01T00:18:00.5Z"
    );
    let mut ids = Vec::new();
    loop {
        let answer = lake.get(&url).await;
        let page = answer.json();
        ids.extend(page.ids());
        assert!(page["data"][0]["raw_json"].is_object());
        assert_eq!(page["has_more"], page["next_cursor"].is_string());
        let Some(link) = answer.header("link") else {
            assert_eq!(page["next_cursor"], Value::Null);
            break;
        };
        let reference = link
            .strip_prefix('<')
            .and_then(|link| link.strip_suffix(r#">; rel="next""#))
            .unwrap();
        let base = url::Url::parse("http://host/prefix/").unwrap();
        let next = base.join(&url[1..]).unwrap().join(reference).unwrap();
        assert_eq!(next.path(), "/prefix/v1/messages");
        url = format!("/v1/messages?{}", next.query().unwrap());
    }
    assert_eq!(ids, (1..=18).map(minute).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_channel_of_another_guild_is_empty() {
    let mut lake = Lake::new();
    lake.add_minutes(1);
    for path in [
        "/v1/messages?guild_id=1&channel_id=1150000000000000000",
        "/v1/messages?guild_id=1100000000000000000&channel_id=1",
    ] {
        let page = lake.get(path).await.json();
        assert_eq!(
            page,
            json!({"data": [], "next_cursor": null, "has_more": false})
        );
    }
}

#[tokio::test]
async fn an_answer_may_be_cached_by_nobody_but_its_caller() {
    let mut lake = Lake::new();
    lake.add_minutes(1);
    let answer = lake.get(MESSAGES).await;
    assert_eq!(answer.header("cache-control"), Some("private, no-cache"));
    let vary: Vec<_> = answer
        .headers
        .get_all("vary")
        .iter()
        .flat_map(|value| value.to_str().unwrap().split(", "))
        .collect();
    assert_eq!(
        vary,
        ["accept", "accept-encoding", "authorization", "x-api-key"]
    );
}

#[tokio::test]
async fn the_form_in_the_path_goes_before_accept() {
    let mut lake = Lake::new();
    lake.add_minutes(3);
    let headers = [("x-api-key", KEY), ("accept", "image/png")];
    let path = MESSAGES.replace("messages?", "messages.json?");
    let answer = lake.ask(Method::GET, &path, &headers).await;
    assert_eq!(answer.json()["data"].as_array().unwrap().len(), 3);
    let answer = lake.ask(Method::GET, MESSAGES, &headers).await;
    let problem = answer.is_problem(406, "not_acceptable");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("application/json")
    );
}

#[tokio::test]
async fn a_page_that_is_left_frees_its_connection() {
    // One connection: while a page holds it, no other query can run.
    let mut lake = Lake::with(1, guildlake::api::TIMEOUT);
    let long = "x".repeat(30_000);
    lake.add((0..500).map(|n| payload(minute(n), &long)));
    let url = format!("{MESSAGES}&limit=500&include_raw=true");
    for _ in 0..3 {
        let left = lake.send(Method::GET, &url, &[("x-api-key", KEY)]).await;
        assert_eq!(left.status(), StatusCode::OK);
        drop(left);
    }
    assert_eq!(lake.get(&url).await.json().ids().len(), 500);
}

#[tokio::test]
async fn a_page_that_is_left_at_any_moment_leaves_a_sound_connection() {
    let mut lake = Lake::with(1, guildlake::api::TIMEOUT);
    let long = "x".repeat(10_000);
    lake.add((0..500).map(|n| payload(minute(n), &long)));
    let url = format!("{MESSAGES}&limit=500&include_raw=true");
    let id = MessageId::try_from(minute(0)).unwrap();
    for moment in 0..60 {
        if moment % 2 == 0 {
            // While it looks for rows.
            let mut asking = Box::pin(lake.get(&url));
            let started = Instant::now();
            while started.elapsed() < moment * Duration::from_micros(500) {
                tokio::select! {
                    biased;
                    _ = &mut asking => break,
                    () = tokio::task::yield_now() => {}
                }
            }
        } else {
            // While it waits for a reader.
            let answer = lake.send(Method::GET, &url, &[("x-api-key", KEY)]).await;
            assert_eq!(answer.status(), StatusCode::OK);
        }
        // The one connection was handed back, and not in a broken transaction.
        assert!(lake.reader.message(id, true).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_page_with_a_broken_payload_is_an_error_wherever_it_is() {
    let mut lake = Lake::new();
    let ids = lake.add_minutes(3);
    let lake = lake.damage(&format!(
        "UPDATE messages_hot SET raw_json = '{{broken' WHERE message_id = {}",
        ids[1]
    ));
    let url = format!("{MESSAGES}&include_raw=true");
    for cursor in [String::new(), format!("&cursor={}", ids[2])] {
        let answer = lake.get(&format!("{url}{cursor}")).await;
        answer.is_problem(500, "internal");
        assert!(!answer.text().contains("broken"), "{}", answer.text());
        assert!(!answer.text().contains("line 1"), "{}", answer.text());
    }
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_given_up() {
    let mut lake = Lake::with(1, Duration::ZERO);
    // Longer than the millisecond that the timer may be late.
    let long = "x".repeat(30_000);
    lake.add((0..200).map(|n| payload(minute(n), &long)));
    let answer = lake
        .get(&format!("{MESSAGES}&limit=200&include_raw=true"))
        .await;
    answer.is_problem(503, "timeout");
    assert_eq!(answer.header("retry-after"), Some("2"));
}

#[tokio::test]
async fn a_caller_that_does_not_read_holds_no_connection_and_is_broken_off_in_time() {
    let mut lake = Lake::with(1, Duration::from_secs(2));
    let long = "x".repeat(30_000);
    lake.add((0..50).map(|n| payload(minute(n), &long)));
    let url = format!("{MESSAGES}&limit=500&include_raw=true");
    let unread = lake.send(Method::GET, &url, &[("x-api-key", KEY)]).await;
    assert_eq!(unread.status(), StatusCode::OK);
    // There is one connection.
    let id = MessageId::try_from(minute(0)).unwrap();
    assert!(lake.reader.message(id, true).await.unwrap().is_some());
    tokio::time::sleep(Duration::from_secs(3)).await;
    let body = to_bytes(unread.into_body(), usize::MAX).await;
    assert!(body.is_err(), "it ended as if it were whole");
}
