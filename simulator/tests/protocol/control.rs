//! All of it over HTTP.

use serde_json::{Value, json};

use super::Bench;

impl Bench {
    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
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
