//! Whether the service does its work, for a watcher.

use axum::http::Method;
use guildlake::status::{GatewayState, RecordState};

use testkit::lake::{Lake, MESSAGES, lasting};

#[tokio::test]
async fn it_is_ready_while_nothing_is_to_be_followed_and_while_it_is_followed() {
    let lake = Lake::new();
    for state in [GatewayState::Off, GatewayState::Live] {
        lake.status
            .send_modify(|status| status.gateway.state = state);
        let ready = lake.ask(Method::GET, "/ready", &[]).await;
        assert_eq!(ready.json(), serde_json::json!({"ready": true}));
        assert_eq!(ready.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn it_is_not_ready_while_discord_is_not_followed_or_the_disk_is_full() {
    let lake = Lake::new();
    for (state, record, reasons) in [
        (GatewayState::Connecting, RecordState::Ok, &["Discord"][..]),
        (GatewayState::Live, RecordState::DiskFull, &["disk"]),
        (GatewayState::Off, RecordState::DiskFull, &["disk"]),
        (
            GatewayState::Connecting,
            RecordState::DiskFull,
            &["Discord", "disk"],
        ),
    ] {
        lake.status.send_modify(|status| {
            status.gateway.state = state;
            status.record = record;
        });
        let answer = lake.ask(Method::GET, "/ready", &[]).await;
        let problem = answer.is_problem(503, "not_ready");
        let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!(wait > 0);
        let detail = problem["detail"].as_str().unwrap();
        for reason in ["Discord", "disk"] {
            assert_eq!(
                detail.contains(reason),
                reasons.contains(&reason),
                "{detail}"
            );
        }
        // What is in the record can be asked for all the same.
        let page = lake.get(MESSAGES).await;
        assert_eq!(page.status, 200);
    }

    lake.status.send_modify(|status| {
        status.gateway.state = GatewayState::Live;
        status.record = RecordState::Ok;
    });
    assert_eq!(lake.ask(Method::GET, "/ready", &[]).await.status, 200);
}

#[tokio::test]
async fn head_is_as_good_for_a_watcher_and_parameters_are_not_taken() {
    let lake = Lake::new();
    for state in [GatewayState::Off, GatewayState::Connecting] {
        lake.status
            .send_modify(|status| status.gateway.state = state);
        let get = lake.ask(Method::GET, "/ready", &[]).await;
        let head = lake.ask(Method::HEAD, "/ready", &[]).await;
        assert_eq!(head.status, get.status);
        assert_eq!(lasting(&head.headers), lasting(&get.headers));
        assert!(head.body.is_empty());
    }
    let answer = lake.ask(Method::GET, "/ready?x=1", &[]).await;
    assert!(answer.bad_fields().contains_key("x"));
}
