//! The rules of the gateway: handshakes, close codes, sequences, RESUME, transports.

use std::time::Duration;

use serde_json::json;
use simulator::{By, Community, Config, Draft, Happening};

use super::socket::{Came, INTENTS, Socket};
use super::{Bench, id};

async fn with(change: impl FnOnce(&mut Config)) -> Bench {
    let mut config = Config::quick().with_community(Community::small(7));
    change(&mut config);
    Bench::with(config).await
}

#[tokio::test]
async fn ready_then_guilds_then_dispatches_numbered_from_one() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let mut socket = Socket::open(sim, &sim.gateway_url(), "").await;
    socket
        .identify_with(json!({"intents": INTENTS, "shard": [0, 1]}))
        .await;
    let ready = socket.payload().await;
    assert_eq!((&ready["t"], &ready["s"]), (&json!("READY"), &json!(1)));
    assert_eq!(ready["d"]["v"], 10);
    assert_eq!(ready["d"]["shard"], json!([0, 1]));
    assert_eq!(
        ready["d"]["guilds"],
        json!([{"unavailable": true, "id": bench.guild().to_string()}])
    );
    assert_eq!(ready["d"]["resume_gateway_url"], sim.resume_gateway_url());
    assert_eq!(ready["d"]["application"]["flags"], 1 << 19);
    let guild = socket.payload().await;
    assert_eq!(
        (&guild["t"], &guild["s"]),
        (&json!("GUILD_CREATE"), &json!(2))
    );
    assert_eq!(
        guild["d"]["channels"].as_array().unwrap().len(),
        sim.channels().len()
    );
    let active = sim
        .threads()
        .into_iter()
        .filter(|thread| !thread.archived && thread.visible);
    assert_eq!(
        guild["d"]["threads"].as_array().unwrap().len(),
        active.count()
    );
    let room = bench.channel("general").id;
    let message = sim.create_message(room, Draft::text("héllo")).unwrap();
    let Came::Payload(created, text) = socket.next().await else {
        panic!()
    };
    assert_eq!(
        (&created["t"], &created["s"]),
        (&json!("MESSAGE_CREATE"), &json!(3))
    );
    assert_eq!(id(&created["d"]["id"]), message);
    for extra in ["guild_id", "member", "channel_type"] {
        assert!(
            created["d"].get(extra).is_some() || created["d"].get("webhook_id").is_some(),
            "{extra}"
        );
    }
    let truth = sim.truth_in(room).pop().unwrap();
    assert!(text.contains(&truth.gateway.unwrap()), "to the byte");
    assert_eq!(sim.sequence(), 3);
}

#[tokio::test]
async fn each_misstep_has_its_close_code() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let good = json!({"token": sim.token(), "intents": INTENTS, "properties": {}});
    let identify = |field: &str, value: serde_json::Value| {
        let mut d = good.clone();
        d[field] = value;
        json!({"op": 2, "d": d}).to_string()
    };
    let resume = json!({"op": 6, "d": {"token": "wrong", "session_id": "x", "seq": 1}}).to_string();
    let cases = [
        (4001, json!({"op": 77, "d": null}).to_string()),
        (4002, "{not json".to_owned()),
        (4002, json!({"op": 1, "d": "x".repeat(5000)}).to_string()),
        (4002, json!({"op": 2, "d": {"intents": 1}}).to_string()),
        (4003, json!({"op": 3, "d": {}}).to_string()),
        (4004, identify("token", json!("wrong"))),
        (4004, resume),
        (4010, identify("shard", json!([2, 1]))),
        (4013, identify("intents", json!(1_u64 << 40))),
        (4013, identify("intents", json!(-1))),
        (4014, identify("intents", json!(1 << 1))),
    ];
    for (code, text) in cases {
        let mut socket = Socket::open(sim, &sim.gateway_url(), "?v=10").await;
        socket.say_text(&text).await;
        assert_eq!(socket.end().await, Some(code), "{text}");
    }
    let (mut twice, _) = Socket::identified(sim).await;
    twice.identify(INTENTS).await;
    assert_eq!(twice.end().await, Some(4005));
    let mut old = Socket::try_open(sim, &sim.gateway_url(), "?v=6")
        .await
        .unwrap();
    assert_eq!(old.end().await, Some(4012));
}

#[tokio::test]
async fn content_needs_its_intent_and_the_portal() {
    let closed = with(|config| config.application_flags = 0).await;
    let sim = &closed.simulator;
    let mut socket = Socket::open(sim, &sim.gateway_url(), "?v=10").await;
    socket.identify(INTENTS).await;
    assert_eq!(socket.end().await, Some(4014));

    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let mut socket = Socket::open(sim, &sim.gateway_url(), "?v=10").await;
    socket.identify(INTENTS & !(1 << 15)).await;
    socket.dispatch("GUILD_CREATE").await;
    let room = bench.channel("general").id;
    let draft = || {
        Draft::text("secret")
            .embeds(1)
            .attachments(1)
            .poll("q?", &["a", "b"])
    };
    sim.create_message(room, draft()).unwrap();
    sim.create_message(room, draft().mention(sim.bot_user_id()))
        .unwrap();
    sim.create_message(room, draft().author(sim.bot_user_id()))
        .unwrap();
    let withheld = socket.dispatch("MESSAGE_CREATE").await["d"].clone();
    assert_eq!(withheld["content"], "");
    for field in ["embeds", "attachments", "components"] {
        assert_eq!(withheld[field], json!([]), "{field}");
    }
    assert!(withheld.get("poll").is_none());
    for _ in ["mention", "own"] {
        assert_eq!(
            socket.dispatch("MESSAGE_CREATE").await["d"]["content"],
            "secret"
        );
    }
    // Without GUILD_MESSAGES there are no messages at all.
    let mut quiet = Socket::open(sim, &sim.gateway_url(), "?v=10").await;
    quiet.identify(1).await;
    quiet.dispatch("GUILD_CREATE").await;
    sim.create_message(room, draft()).unwrap();
    sim.create_thread(room, None, "t", false).unwrap();
    assert_eq!(quiet.payload().await["t"], "THREAD_CREATE");
}

#[tokio::test]
async fn resume_replays_what_was_missed_in_order() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let (mut socket, ready) = Socket::identified(sim).await;
    let room = bench.channel("general").id;
    sim.create_message(room, Draft::text("one")).unwrap();
    let last = socket.dispatch("MESSAGE_CREATE").await["s"]
        .as_u64()
        .unwrap();
    let mut happenings = sim.observe();
    socket.close(4900).await;
    let closed = happenings.closed().await.unwrap();
    assert!(matches!(
        closed,
        Happening::Closed {
            code: Some(4900),
            by: By::Client,
            ..
        }
    ));
    let missed: Vec<u64> = (0..5)
        .map(|n| {
            sim.create_message(room, Draft::text(format!("{n}")))
                .unwrap()
        })
        .collect();
    let mut socket = Socket::resume(sim, &ready, last).await;
    for (at, message) in missed.iter().enumerate() {
        let replayed = socket.payload().await;
        assert_eq!(id(&replayed["d"]["id"]), *message);
        assert_eq!(replayed["s"], last + 1 + at as u64);
    }
    assert_eq!(socket.payload().await["t"], "RESUMED");
    let expected = Happening::Resumed {
        session: ready["session_id"].as_str().unwrap().to_owned(),
        replayed: 5,
        resume_url: true,
    };
    assert_eq!(happenings.resumed().await.unwrap(), expected);
    sim.create_message(room, Draft::text("after")).unwrap();
    assert_eq!(socket.payload().await["d"]["content"], "after");
    assert_eq!((sim.counters().identifies, sim.counters().resumes), (1, 1));
}

#[tokio::test]
async fn resume_fails_as_discord_lets_it_fail() {
    let bench = with(|config| config.replay_buffer = 4).await;
    let sim = &bench.simulator;
    let (socket, ready) = Socket::identified(sim).await;
    let room = bench.channel("general").id;
    let mut happenings = sim.observe();
    socket.close(4900).await;
    happenings.closed().await.unwrap();
    let mut ahead = Socket::resume(sim, &ready, 900).await;
    assert_eq!(ahead.end().await, Some(4007));
    for n in 0..6 {
        sim.create_message(room, Draft::text(format!("{n}")))
            .unwrap();
    }
    let mut late = Socket::resume(sim, &ready, 2).await;
    let refused = late.payload().await;
    assert_eq!(
        (&refused["op"], &refused["d"]),
        (&json!(9), &json!(false)),
        "more was missed than is kept"
    );
    // The same connection may IDENTIFY then.
    late.identify(INTENTS).await;
    let ready = late.dispatch("READY").await["d"].clone();
    late.dispatch("GUILD_CREATE").await;
    late.close(1000).await;
    happenings
        .until(|h| {
            matches!(
                h,
                Happening::Closed {
                    code: Some(1000),
                    ..
                }
            )
        })
        .await
        .unwrap();
    let mut gone = Socket::resume(sim, &ready, 2).await;
    assert_eq!(gone.payload().await["d"], false, "1000 ends the session");
}

#[tokio::test]
async fn identifies_are_limited_by_time_and_day() {
    let bench = with(|config| {
        config.identify_interval = Duration::from_secs(600);
        config.max_concurrency = 2;
    })
    .await;
    let (_one, _) = Socket::identified(&bench.simulator).await;
    let (_two, _) = Socket::identified(&bench.simulator).await;
    let sim = &bench.simulator;
    let mut third = Socket::open(sim, &sim.gateway_url(), "?v=10").await;
    third.identify(INTENTS).await;
    let refused = third.payload().await;
    assert_eq!((&refused["op"], &refused["d"]), (&json!(9), &json!(false)));
    assert_eq!(
        bench.get("/gateway/bot").await.json()["session_start_limit"]["remaining"],
        998
    );

    let bench = with(|config| config.identify_limit = 1).await;
    let (_one, _) = Socket::identified(&bench.simulator).await;
    let sim = &bench.simulator;
    let mut second = Socket::open(sim, &sim.gateway_url(), "?v=10").await;
    second.identify(INTENTS).await;
    assert_eq!(
        second.end().await,
        Some(4004),
        "the token is reset after the last IDENTIFY of a day"
    );
}

#[tokio::test]
async fn heartbeats_are_answered_and_their_absence_is_the_end() {
    let bench = with(|config| {
        config.heartbeat_interval = Duration::from_millis(200);
        config.send_limit = 5;
    })
    .await;
    let sim = &bench.simulator;
    let mut happenings = sim.observe();
    let mut socket = Socket::open(sim, &sim.gateway_url(), "?v=10").await;
    socket.say(&json!({"op": 1, "d": null})).await;
    assert_eq!(socket.payload().await["op"], 11);
    let missed = happenings.until(|h| *h == Happening::HeartbeatMissed).await;
    assert!(missed.is_some());
    assert_eq!(socket.end().await, Some(4000));
    let mut hasty = Socket::open(sim, &sim.gateway_url(), "?v=10").await;
    for _ in 0..6 {
        hasty.say(&json!({"op": 1, "d": 1})).await;
    }
    assert_eq!(hasty.end().await, Some(4008));
}

#[tokio::test]
async fn payloads_are_compressed_one_by_one_when_identify_asks() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let mut socket = Socket::open(sim, &sim.gateway_url(), "?v=10&encoding=json").await;
    socket
        .identify_with(json!({"intents": INTENTS, "compress": true}))
        .await;
    socket.dispatch("GUILD_CREATE").await;
    let room = bench.channel("general").id;
    for n in 0..60 {
        sim.create_message(room, Draft::text(format!("{n}")))
            .unwrap();
    }
    for n in 0..60 {
        assert_eq!(
            socket.dispatch("MESSAGE_CREATE").await["d"]["content"],
            n.to_string()
        );
    }
    assert!(
        socket.binary > 5 && socket.text > 5,
        "a mix: {} binary, {} text",
        socket.binary,
        socket.text
    );
}
