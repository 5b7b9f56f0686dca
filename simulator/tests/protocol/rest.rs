//! The rules of REST.

use std::time::Duration;

use simulator::{Community, Config, Kind, Limits, MANAGE_THREADS, PermissionChange, VIEW_CHANNEL};

use super::{Bench, id};

#[tokio::test]
async fn the_gateway_is_told_without_a_token_and_everything_else_is_not() {
    let bench = Bench::new().await;
    let open = bench.ask("/gateway", None).await.unwrap();
    assert_eq!(open.json()["url"], bench.simulator.gateway_url());
    for path in ["/gateway/bot", "/users/@me", "/applications/@me"] {
        assert_eq!(
            bench.ask(path, None).await.unwrap().code(),
            (401, 0),
            "{path}"
        );
        assert_eq!(
            bench.ask(path, Some("wrong")).await.unwrap().status,
            401,
            "{path}"
        );
    }
    let start = bench.get("/gateway/bot").await.json();
    assert_eq!(start["session_start_limit"]["total"], 1000);
    assert_eq!(start["session_start_limit"]["max_concurrency"], 1);
    assert_eq!(start["shards"], 1);
    assert_ne!(
        bench.simulator.gateway_url(),
        bench.simulator.resume_gateway_url()
    );
}

#[tokio::test]
async fn the_application_says_whether_it_may_read_content() {
    let bench = Bench::new().await;
    assert_eq!(
        bench.get("/applications/@me").await.json()["flags"],
        1 << 19
    );
    assert_eq!(
        id(&bench.get("/users/@me").await.json()["id"]),
        bench.simulator.bot_user_id()
    );
    let room = bench.channel("general");
    let text = bench
        .simulator
        .create_message(
            room.id,
            simulator::Draft::text("secret").embeds(1).attachments(1),
        )
        .unwrap();
    let path = format!("/channels/{}/messages/{text}", room.id);
    assert_eq!(bench.get(&path).await.json()["content"], "secret");

    let community = Community::small(7);
    let blind = Bench::with(Config {
        application_flags: 0,
        ..Config::quick().with_community(community)
    })
    .await;
    let room = blind.channel("general");
    let draft = simulator::Draft::text("secret")
        .embeds(1)
        .attachments(1)
        .poll("q?", &["a", "b"]);
    let text = blind.simulator.create_message(room.id, draft).unwrap();
    let message = blind
        .get(&format!("/channels/{}/messages/{text}", room.id))
        .await
        .json();
    assert_eq!(message["content"], "");
    for field in ["embeds", "attachments", "components"] {
        assert_eq!(message[field].as_array().unwrap().len(), 0, "{field}");
    }
    assert!(message.get("poll").is_none());
    let named = simulator::Draft::text("hello bot").mention(blind.simulator.bot_user_id());
    let named = blind.simulator.create_message(room.id, named).unwrap();
    let path = format!("/channels/{}/messages/{named}", room.id);
    assert_eq!(
        blind.get(&path).await.json()["content"],
        "hello bot",
        "a mention of the bot is not withheld"
    );
}

#[tokio::test]
async fn what_the_bot_may_not_do_is_refused_in_discords_words() {
    let bench = Bench::new().await;
    let hidden = bench.channel("staff-only").id;
    let mute = bench.channel("no-history").id;
    let forum = bench.kind(Kind::Forum).id;
    let general = bench.channel("general").id;
    assert_eq!(
        bench.get(&format!("/channels/{hidden}")).await.code(),
        (403, 50_001)
    );
    assert_eq!(
        bench
            .get(&format!("/channels/{hidden}/messages"))
            .await
            .code(),
        (403, 50_001)
    );
    let empty = bench.get(&format!("/channels/{mute}/messages")).await;
    assert_eq!((empty.status, empty.body.as_str()), (200, "[]"));
    assert_ne!(
        bench.get(&format!("/channels/{mute}")).await.json()["last_message_id"],
        serde_json::Value::Null
    );
    assert_eq!(
        bench
            .get(&format!("/channels/{forum}/messages"))
            .await
            .status,
        400
    );
    assert_eq!(
        bench.get("/channels/4/messages").await.code(),
        (404, 10_003)
    );
    assert_eq!(
        bench
            .get(&format!("/channels/{general}/messages/5"))
            .await
            .code(),
        (404, 10_008)
    );
    assert_eq!(bench.get("/guilds/6").await.code(), (404, 10_004));
    for wrong in [
        "limit=0",
        "limit=101",
        "limit=x",
        "before=x",
        "after=1&before=2",
    ] {
        assert_eq!(
            bench
                .get(&format!("/channels/{general}/messages?{wrong}"))
                .await
                .code(),
            (400, 50_035),
            "{wrong}"
        );
    }
    assert_eq!(
        bench
            .get(&format!(
                "/channels/{general}/threads/archived/public?limit=1"
            ))
            .await
            .code(),
        (400, 50_035)
    );
    let voice = bench.kind(Kind::Voice);
    assert_eq!(
        bench
            .get(&format!("/channels/{}/messages", voice.id))
            .await
            .status,
        200
    );
    let deny = PermissionChange::Bot {
        channel_id: voice.id,
        allow: 0,
        deny: simulator::CONNECT,
    };
    bench.simulator.set_permission(deny).unwrap();
    assert_eq!(
        bench
            .get(&format!("/channels/{}/messages", voice.id))
            .await
            .code(),
        (403, 50_001),
        "voice needs CONNECT"
    );
    bench.simulator.kick(bench.guild()).unwrap();
    assert_eq!(
        bench
            .get(&format!("/channels/{general}/messages"))
            .await
            .code(),
        (403, 50_001)
    );
}

#[tokio::test]
async fn a_page_has_fifty_messages_and_the_fields_of_rest() {
    let bench = Bench::new().await;
    let room = bench
        .simulator
        .channels()
        .into_iter()
        .filter(|room| room.history)
        .max_by_key(|room| room.messages)
        .unwrap();
    let page = bench.get(&format!("/channels/{}/messages", room.id)).await;
    assert_eq!(page.ids(), bench.alive(room.id)[..50]);
    for message in page.json().as_array().unwrap() {
        for absent in ["guild_id", "member", "channel_type", "nonce"] {
            assert!(message.get(absent).is_none(), "{absent}");
        }
        for present in [
            "id",
            "channel_id",
            "author",
            "content",
            "timestamp",
            "edited_timestamp",
            "type",
            "flags",
            "tts",
            "mention_everyone",
            "mentions",
            "mention_roles",
            "attachments",
            "embeds",
            "components",
            "pinned",
        ] {
            assert!(message.get(present).is_some(), "{present} in {message}");
        }
        let truth = bench.simulator.truth_in(room.id);
        let truth = truth
            .iter()
            .find(|truth| truth.id == id(&message["id"]))
            .unwrap();
        assert_eq!(message["timestamp"], truth.timestamp);
        assert!(
            bench.simulator.was_sent(truth.id, &truth.rest),
            "the truth has the bytes that were sent"
        );
        assert!(page.body.contains(&truth.rest), "to the byte");
    }
}

#[tokio::test]
async fn guilds_list_channels_roles_and_members_but_no_threads() {
    let bench = Bench::new().await;
    let guild = bench.guild();
    let listed = bench.get(&format!("/guilds/{guild}/channels")).await.ids();
    assert_eq!(
        listed,
        bench
            .simulator
            .channels()
            .iter()
            .filter(|room| room.visible)
            .map(|room| room.id)
            .collect::<Vec<_>>()
    );
    assert_eq!(bench.get("/users/@me/guilds").await.ids(), [guild]);
    assert_eq!(
        id(&bench.get(&format!("/guilds/{guild}")).await.json()["id"]),
        guild
    );
    let roles = bench.get(&format!("/guilds/{guild}/roles")).await.ids();
    assert!(roles.contains(&guild), "@everyone has the guild's id");
    let path = format!("/guilds/{guild}/members/{}", bench.simulator.bot_user_id());
    let member = bench.get(&path).await.json();
    assert!(
        member["roles"]
            .as_array()
            .unwrap()
            .iter()
            .all(|role| roles.contains(&id(role)))
    );
}

#[tokio::test]
async fn threads_are_listed_by_state_kind_and_membership() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let room = bench.channel("general").id;
    // The channel's own: three public, two private with and two without the bot, all archived a moment apart.
    let mut threads = Vec::new();
    for (private, joined) in [
        (false, false),
        (false, false),
        (false, false),
        (true, true),
        (true, true),
        (true, false),
        (true, false),
    ] {
        let thread = sim.create_thread(room, None, "t", private).unwrap();
        if joined {
            sim.join_thread(thread, true).unwrap();
        }
        threads.push(thread);
    }
    let active = bench
        .get(&format!("/guilds/{}/threads/active", bench.guild()))
        .await
        .json();
    let active: Vec<u64> = active["threads"]
        .as_array()
        .unwrap()
        .iter()
        .map(|thread| id(&thread["id"]))
        .collect();
    assert!(threads[..5].iter().all(|thread| active.contains(thread)));
    assert!(
        threads[5..].iter().all(|thread| !active.contains(thread)),
        "private ones need membership"
    );
    assert_eq!(
        bench.get(&format!("/channels/{}", threads[6])).await.code(),
        (403, 50_001)
    );
    for thread in &threads {
        sim.advance_clock(Duration::from_secs(60));
        sim.archive_thread(*thread).unwrap();
    }
    let list = async |path: String| {
        let list = bench.get(&path).await.json();
        let ids: Vec<u64> = list["threads"]
            .as_array()
            .unwrap()
            .iter()
            .map(|thread| id(&thread["id"]))
            .collect();
        (ids, list)
    };
    let base = format!("/channels/{room}/threads/archived");
    let (public, page) = list(format!("{base}/public?limit=2")).await;
    assert_eq!(public, [threads[2], threads[1]], "newest archived first");
    assert_eq!(page["has_more"], true);
    let before = page["threads"][1]["thread_metadata"]["archive_timestamp"]
        .as_str()
        .unwrap();
    let (public, _) = list(format!("{base}/public?before={before}")).await;
    assert_eq!(
        public[0], threads[0],
        "an offset with a bare plus is understood"
    );
    assert_eq!(
        bench.get(&format!("{base}/private")).await.code(),
        (403, 50_013),
        "needs MANAGE_THREADS"
    );
    let (joined, _) = list(format!(
        "/channels/{room}/users/@me/threads/archived/private"
    ))
    .await;
    assert_eq!(joined[..2], [threads[4], threads[3]], "by id");
    let (joined, _) = list(format!(
        "/channels/{room}/users/@me/threads/archived/private?before={}",
        threads[4]
    ))
    .await;
    assert_eq!(joined[0], threads[3]);
    sim.set_permission(PermissionChange::Bot {
        channel_id: room,
        allow: MANAGE_THREADS | VIEW_CHANNEL,
        deny: 0,
    })
    .unwrap();
    let (private, _) = list(format!("{base}/private")).await;
    assert_eq!(
        private[..4],
        [threads[6], threads[5], threads[4], threads[3]]
    );
}

#[tokio::test]
async fn limits_are_told_and_kept() {
    let limits = Limits {
        per_bucket: 3,
        window: Duration::from_secs(600),
        global_per_second: 50,
        invalid: 4,
        enforced: true,
    };
    let bench = Bench::with(Config {
        limits,
        ..Config::quick().with_community(Community::small(7))
    })
    .await;
    let (room, other) = (bench.channel("general").id, bench.channel("random").id);
    for left in (0..3).rev() {
        let page = bench
            .get(&format!("/channels/{room}/messages?limit=1"))
            .await;
        assert_eq!(
            (
                page.header("x-ratelimit-limit"),
                page.header("x-ratelimit-remaining")
            ),
            ("3", left.to_string().as_str())
        );
        assert!(
            page.header("x-ratelimit-reset-after")
                .parse::<f64>()
                .unwrap()
                > 0.0
        );
        assert!(page.header("x-ratelimit-reset").contains('.'));
        assert!(!page.header("x-ratelimit-bucket").is_empty());
    }
    let refused = bench
        .get(&format!("/channels/{room}/messages?limit=1"))
        .await;
    assert_eq!(
        (refused.status, refused.header("x-ratelimit-scope")),
        (429, "user")
    );
    let retry_after = refused.json()["retry_after"].as_f64().unwrap();
    assert!(
        refused.header("retry-after").parse::<f64>().unwrap() >= retry_after,
        "whole seconds, rounded up"
    );
    assert_eq!(refused.json()["global"], false);
    assert_eq!(
        bench
            .get(&format!("/channels/{other}/messages?limit=1"))
            .await
            .status,
        200,
        "another bucket"
    );
    for _ in 0..3 {
        bench
            .get(&format!("/channels/{room}/messages?limit=1"))
            .await;
    }
    assert_eq!(bench.simulator.counters().invalid_requests, 4);
    let banned = bench.get("/users/@me").await;
    assert_eq!(
        banned.status, 429,
        "who does not listen is banned from everything"
    );
    assert!(banned.header("content-type").starts_with("text/html"));
}

#[tokio::test]
async fn the_global_limit_is_over_all_routes() {
    let limits = Limits {
        per_bucket: 1000,
        global_per_second: 20,
        ..Limits::discord()
    };
    let bench = Bench::with(Config {
        limits,
        ..Config::quick().with_community(Community::small(7))
    })
    .await;
    let mut last = bench.get("/users/@me").await;
    for _ in 0..400 {
        if last.status == 429 {
            break;
        }
        last = bench.get("/users/@me").await;
    }
    assert_eq!(
        (
            last.status,
            last.header("x-ratelimit-scope"),
            last.header("x-ratelimit-global")
        ),
        (429, "global", "true")
    );
    assert_eq!(last.json()["global"], true);
}
