//! All of it over HTTP.

use serde_json::{Value, json};

use super::Bench;

impl Bench {
    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}/control/{path}", self.simulator.control_url());
        let response = self.http.post(url).json(body).send().await.unwrap();
        let status = response.status().as_u16();
        (
            status,
            serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default(),
        )
    }
}

#[tokio::test]
async fn faults_bursts_operations_and_the_truth() {
    let bench = Bench::new().await;
    let rule = json!({"rest": {"path": "/users/*", "times": 1, "kind": {"fault": "server_error", "status": 503}}});
    assert_eq!(bench.post("faults", &rule).await, (200, json!({"rule": 1})));
    assert_eq!(bench.get("/users/@me").await.status, 503);
    assert_eq!(bench.get("/users/@me").await.status, 200);
    assert_eq!(
        bench
            .post("faults", &json!({"gateway": {"fault": "reset"}}))
            .await
            .0,
        409,
        "nobody is connected"
    );
    assert_eq!(
        bench
            .post(
                "faults",
                &json!({"gateway": {"fault": "drop_heartbeat_acks"}})
            )
            .await
            .0,
        200
    );
    assert_eq!(bench.post("faults", &json!({"nonsense": 1})).await.0, 400);
    let cleared = bench
        .http
        .delete(format!("{}/control/faults", bench.simulator.control_url()))
        .send()
        .await
        .unwrap();
    assert_eq!(cleared.status(), 200);

    let room = bench.channel("general").id;
    let create = json!({"operation": "create_message", "channel": room.to_string(), "draft": {"content": "over HTTP"}});
    let (status, made) = bench.post("world", &create).await;
    assert_eq!(status, 200);
    let edit = json!({"operation": "edit_message", "channel": room, "id": made["id"], "content": "edited"});
    assert_eq!(bench.post("world", &edit).await.0, 200);
    let nowhere = json!({"operation": "delete_message", "channel": "5", "id": "6"});
    assert_eq!(bench.post("world", &nowhere).await.0, 404);
    assert!(
        bench.post("burst", &json!({"events": 50})).await.1["events"]
            .as_u64()
            .unwrap()
            >= 50
    );

    let url = format!("{}/control/truth", bench.simulator.control_url());
    let lines = bench
        .http
        .get(url)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let truth: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(truth.len(), bench.simulator.truth().len());
    assert!(truth.iter().any(|message| message["content"] == "edited"));

    bench
        .post("world", &json!({"operation": "outage", "on": true}))
        .await;
    while bench.ask("/users/@me", None).await.is_ok() {}
    assert_eq!(
        bench
            .post("world", &json!({"operation": "outage", "on": false}))
            .await
            .0,
        200,
        "control stays open"
    );
}

#[tokio::test]
async fn what_changes_without_an_edit_over_http() {
    let bench = Bench::new().await;
    let room = bench.channel("general").id;
    let user = bench.people()[0];
    let create = json!({"operation": "create_message", "channel": room, "draft": {
        "poll": {"question": "Well?", "answers": ["a", "b"], "multiselect": true},
        "crosspost": {"channel": "1", "id": "2", "guild": "3"},
        "embeds": 1,
    }});
    let made = bench.post("world", &create).await.1;
    let message: u64 = made["id"].as_str().unwrap().parse().unwrap();
    let party = json!({"id": "7", "name": "party", "animated": true});
    for (operation, fields) in [
        ("change_message", json!({"change": {"pinned": true}})),
        (
            "change_message",
            json!({"change": {"flags": 6}, "style": "partial"}),
        ),
        ("change_message", json!({"change": {"embeds": 2}})),
        ("change_message", json!({"change": "source_deleted"})),
        ("add_reaction", json!({"user": user, "emoji": "👍"})),
        (
            "add_reaction",
            json!({"user": user, "emoji": "🎉", "burst": true}),
        ),
        ("add_reaction", json!({"user": user, "emoji": party})),
        ("remove_reaction", json!({"user": user, "emoji": "👍"})),
        ("clear_emoji", json!({"emoji": "🎉"})),
        ("add_vote", json!({"user": user, "answer": 2})),
        ("add_vote", json!({"user": user, "answer": 1})),
        ("remove_vote", json!({"user": user, "answer": 1})),
        ("end_poll", json!({})),
    ] {
        let mut body = fields;
        body["operation"] = operation.into();
        body["channel"] = room.into();
        body["id"] = message.into();
        let (status, answer) = bench.post("world", &body).await;
        assert_eq!(status, 200, "{body}: {answer}");
    }
    let truth = bench.true_message(room, message);
    assert!(truth.pinned);
    assert_eq!((truth.flags, truth.embed_count), (2 | 4 | 8, 0));
    assert_eq!(truth.reactions.len(), 1);
    assert_eq!(truth.reactions[0].emoji.id, Some(7));
    let poll = truth.poll.unwrap();
    assert_eq!(
        (poll.votes[&1], poll.votes[&2], poll.finalized),
        (0, 1, true)
    );
    let clear = json!({"operation": "clear_reactions", "channel": room, "id": message});
    assert_eq!(bench.post("world", &clear).await.0, 200);
    assert!(bench.true_message(room, message).reactions.is_empty());
    let rename = json!({"operation": "rename_user", "user": user, "name": "other"});
    assert_eq!(bench.post("world", &rename).await.0, 200);
    let members = bench.simulator.members(bench.guild());
    assert!(
        members
            .iter()
            .any(|member| member.id == user && member.name == "other")
    );
    let apps_vote = json!({
        "operation": "add_vote", "channel": room, "id": message, "user": bench.simulator.bot_user_id(), "answer": 1,
    });
    assert_eq!(bench.post("world", &apps_vote).await.0, 400);
}
