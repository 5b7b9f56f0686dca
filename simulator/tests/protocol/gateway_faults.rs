//! Every fault of the socket, seen by a client.

use serde_json::json;
use simulator::{Community, Config, Draft, Error, GatewayFault, Happening};

use super::socket::{Came, INTENTS, Socket};
use super::{Bench, id};

fn op(payload: &serde_json::Value) -> u64 {
    payload["op"].as_u64().unwrap()
}

#[tokio::test]
async fn reconnect_and_invalid_session() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    assert!(matches!(
        sim.faults().gateway(GatewayFault::Reset),
        Err(Error::NotConnected)
    ));
    let (mut socket, ready) = Socket::identified(sim).await;
    sim.faults()
        .gateway(GatewayFault::Reconnect { close: false })
        .unwrap();
    assert_eq!(op(&socket.payload().await), 7);
    sim.faults()
        .gateway(GatewayFault::InvalidSession { resumable: true })
        .unwrap();
    let invalid = socket.payload().await;
    assert_eq!((op(&invalid), &invalid["d"]), (9, &json!(true)));
    sim.faults()
        .gateway(GatewayFault::Reconnect { close: true })
        .unwrap();
    assert_eq!(op(&socket.payload().await), 7);
    assert_eq!(socket.end().await, Some(4000));
    let mut socket = Socket::resume(sim, &ready, 2).await;
    socket.dispatch("RESUMED").await;
    sim.faults()
        .gateway(GatewayFault::InvalidSession { resumable: false })
        .unwrap();
    let invalid = socket.payload().await;
    assert_eq!((op(&invalid), &invalid["d"]), (9, &json!(false)));
    assert_eq!(
        Socket::resume(sim, &ready, 2).await.payload().await["d"],
        false
    );
    assert!(sim.session().is_none());
}

#[tokio::test]
async fn every_close_code_no_code_and_a_reset() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let (mut socket, ready) = Socket::identified(sim).await;
    let codes = (4000..=4005)
        .chain(4007..=4014)
        .chain([1000, 1001])
        .map(Some)
        .chain([None]);
    for code in codes {
        sim.faults().gateway(GatewayFault::Close { code }).unwrap();
        assert_eq!(socket.end().await, code);
        socket = Socket::resume(sim, &ready, sim.sequence()).await;
        socket.dispatch("RESUMED").await;
    }
    sim.faults().gateway(GatewayFault::Reset).unwrap();
    assert!(matches!(socket.next().await, Came::End(None)));
}

#[tokio::test]
async fn silence_and_dropped_acks() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let (mut socket, ready) = Socket::identified(sim).await;
    sim.faults()
        .gateway(GatewayFault::RequestHeartbeat)
        .unwrap();
    assert_eq!(op(&socket.payload().await), 1);
    sim.faults()
        .gateway(GatewayFault::DropHeartbeatAcks)
        .unwrap();
    let mut happenings = sim.observe();
    socket.say(&json!({"op": 1, "d": 2})).await;
    let heard = happenings
        .until(|h| matches!(h, Happening::Heartbeat { .. }))
        .await;
    assert_eq!(heard, Some(Happening::Heartbeat { sequence: Some(2) }));
    sim.faults().gateway(GatewayFault::UnknownOp).unwrap();
    assert_eq!(op(&socket.payload().await), 99, "no ACK came before it");
    sim.faults().clear();
    socket.say(&json!({"op": 1, "d": 2})).await;
    assert_eq!(op(&socket.payload().await), 11);
    // Half-open: the connection stays, nothing comes, and the session can be taken up elsewhere.
    sim.faults().gateway(GatewayFault::Silence).unwrap();
    let room = bench.channel("general").id;
    sim.create_message(room, Draft::text("unheard")).unwrap();
    socket.say(&json!({"op": 1, "d": 2})).await;
    let mut other = Socket::resume(sim, &ready, 2).await;
    assert_eq!(
        other.dispatch("MESSAGE_CREATE").await["d"]["content"],
        "unheard"
    );
    let quiet = tokio::time::timeout(std::time::Duration::from_millis(50), socket.next()).await;
    assert!(quiet.is_err(), "half-open: {quiet:?}");
}

#[tokio::test]
async fn refused_connections_and_outages() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let (mut socket, ready) = Socket::identified(sim).await;
    sim.faults()
        .gateway(GatewayFault::Refuse { seconds: None })
        .unwrap();
    // The door closes a moment later; until then a connection is reset.
    while Socket::try_open(sim, &sim.resume_gateway_url(), "")
        .await
        .is_ok()
    {}
    let room = bench.channel("general").id;
    sim.create_message(room, Draft::text("still here")).unwrap();
    assert_eq!(
        socket.dispatch("MESSAGE_CREATE").await["d"]["content"],
        "still here"
    );
    assert_eq!(bench.get("/users/@me").await.status, 200, "REST stays");
    sim.faults().gateway(GatewayFault::Accept).unwrap();
    drop(connect(sim).await);

    let outage = sim.outage();
    assert!(matches!(socket.next().await, Came::End(None)), "cut");
    while bench.ask("/users/@me", Some(sim.token())).await.is_ok() {}
    let missed = sim.create_message(room, Draft::text("missed")).unwrap();
    drop(outage);
    let mut back = loop {
        let url = ready["resume_gateway_url"].as_str().unwrap();
        if Socket::try_open(sim, url, "").await.is_ok() {
            break Socket::resume(sim, &ready, 3).await;
        }
    };
    assert_eq!(
        id(&back.dispatch("MESSAGE_CREATE").await["d"]["id"]),
        missed
    );
    sim.faults()
        .gateway(GatewayFault::Refuse {
            seconds: Some(0.05),
        })
        .unwrap();
    drop(connect(sim).await);
}

/// A connection, as soon as the door is open.
async fn connect(sim: &simulator::Simulator) -> Socket {
    loop {
        if let Ok(socket) = Socket::try_open(sim, &sim.gateway_url(), "").await {
            return socket;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn replays_that_repeat_themselves() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let (mut socket, ready) = Socket::identified(sim).await;
    let room = bench.channel("general").id;
    sim.faults().gateway(GatewayFault::Reset).unwrap();
    socket.end().await;
    let missed = [1, 2, 3].map(|n| {
        sim.create_message(room, Draft::text(format!("{n}")))
            .unwrap()
    });
    sim.faults()
        .gateway(GatewayFault::DuplicateReplay { times: 1 })
        .unwrap();
    sim.faults()
        .gateway(GatewayFault::RepeatAfterResumed { times: 1 })
        .unwrap();
    let mut socket = Socket::resume(sim, &ready, 2).await;
    let mut replayed = Vec::new();
    for _ in 0..6 {
        replayed.push(id(&socket.payload().await["d"]["id"]));
    }
    assert_eq!(replayed, [missed, missed].concat());
    assert_eq!(socket.payload().await["t"], "RESUMED");
    let again = socket.payload().await;
    assert_eq!(
        (id(&again["d"]["id"]), &again["s"]),
        (missed[2], &json!(5)),
        "once more after RESUMED"
    );
    let mut socket = Socket::resume(sim, &ready, 2).await;
    for message in missed {
        assert_eq!(
            id(&socket.payload().await["d"]["id"]),
            message,
            "only once was asked for"
        );
    }
    assert_eq!(socket.dispatch("RESUMED").await["t"], "RESUMED");
    sim.faults().gateway(GatewayFault::ExpireSessions).unwrap();
    assert_eq!(
        Socket::resume(sim, &ready, 2).await.payload().await["d"],
        false
    );
}

#[tokio::test]
async fn frames_nobody_can_understand() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let (mut socket, _) = Socket::identified(sim).await;
    sim.faults().gateway(GatewayFault::UnknownEvent).unwrap();
    let unknown = socket.payload().await;
    assert_eq!(
        (&unknown["t"], &unknown["s"]),
        (&json!("SOMETHING_NOBODY_KNOWS"), &json!(3))
    );
    sim.faults().gateway(GatewayFault::MalformedEvent).unwrap();
    let malformed = socket.payload().await;
    assert_eq!(
        (&malformed["t"], &malformed["s"]),
        (&json!("MESSAGE_CREATE"), &json!(4))
    );
    assert!(malformed["d"]["id"].is_number());
    sim.faults().gateway(GatewayFault::NotJson).unwrap();
    assert!(matches!(socket.next().await, Came::Garbage(_)));
    sim.faults().gateway(GatewayFault::RequireSharding).unwrap();
    let mut alone = Socket::open(sim, &sim.gateway_url(), "").await;
    alone.identify(INTENTS).await;
    assert_eq!(alone.end().await, Some(4011));
}

#[tokio::test]
async fn late_and_out_of_order() {
    let config = Config {
        odd_style: 0.0,
        ..Config::quick().with_community(Community::small(7))
    };
    let bench = Bench::with(config).await;
    let sim = &bench.simulator;
    let (mut socket, _) = Socket::identified(sim).await;
    let (room, other) = (bench.channel("general").id, bench.channel("random").id);
    let say = |room: u64| sim.create_message(room, Draft::text("x")).unwrap();
    sim.faults()
        .gateway(GatewayFault::Delay { ms: None })
        .unwrap();
    let late = [say(room), say(other)];
    assert_eq!(sim.sequence(), 2, "nothing was sent yet");
    sim.faults().gateway(GatewayFault::Release).unwrap();
    for message in late {
        assert_eq!(
            id(&socket.payload().await["d"]["id"]),
            message,
            "late, but in order"
        );
    }
    sim.faults()
        .gateway(GatewayFault::Delay { ms: Some(1) })
        .unwrap();
    let late = say(room);
    assert_eq!(id(&socket.payload().await["d"]["id"]), late);
    sim.faults()
        .gateway(GatewayFault::Reorder { times: 1 })
        .unwrap();
    let (first, second) = (say(room), say(other));
    let came = [socket.payload().await, socket.payload().await];
    assert_eq!(
        came.each_ref().map(|payload| id(&payload["d"]["id"])),
        [second, first]
    );
    assert!(
        came[0]["s"].as_u64() < came[1]["s"].as_u64(),
        "numbered as sent"
    );
    sim.faults()
        .gateway(GatewayFault::Reorder { times: 1 })
        .unwrap();
    let (first, second) = (say(room), say(room));
    let came = [socket.payload().await, socket.payload().await];
    assert_eq!(
        came.map(|payload| id(&payload["d"]["id"])),
        [first, second],
        "a channel keeps its order"
    );
}
