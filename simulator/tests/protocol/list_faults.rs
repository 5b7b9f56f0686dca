//! Lists that are not what they should be, and look right.

use serde_json::json;
use simulator::{Draft, Kind, List, ListFault, Refused};

use super::{Bench, id};

impl Bench {
    async fn listed(&self) -> Vec<u64> {
        let path = format!("/guilds/{}/channels", self.guild());
        self.get(&path).await.ids()
    }

    async fn code(&self, path: &str) -> (u16, u64) {
        let reply = self.get(path).await;
        if reply.status == 200 {
            (200, 0)
        } else {
            reply.code()
        }
    }

    async fn threads(&self, path: &str) -> Vec<u64> {
        let reply = self.get(path).await.json();
        let threads = reply["threads"].as_array().unwrap();
        threads.iter().map(|thread| id(&thread["id"])).collect()
    }
}

#[tokio::test]
async fn a_channel_vanishes_and_comes_back_without_a_word() {
    let bench = Bench::new().await;
    let faults = bench.simulator.faults();
    let (mut socket, _) = super::socket::Socket::identified(&bench.simulator).await;
    let room = bench.channel("general").id;
    let whole = bench.listed().await;
    let rest: Vec<u64> = whole.iter().copied().filter(|&at| at != room).collect();
    let path = format!("/channels/{room}");

    faults.list(
        ListFault::without(&[room])
            .times(2)
            .refused(Refused::NotFound, 1),
    );
    assert_eq!(bench.listed().await, rest);
    assert_eq!(bench.code(&path).await, (404, 10_003));
    assert_eq!(bench.code(&path).await, (200, 0), "once was asked for");
    assert_eq!(bench.listed().await, rest);
    assert_eq!(bench.listed().await, whole, "twice was asked for");

    let rule = faults.list(ListFault::without(&[room]).refused(Refused::Forbidden, None));
    for _ in 0..3 {
        assert_eq!(bench.listed().await, rest);
        assert_eq!(bench.code(&path).await, (403, 50_001));
    }
    faults.remove(rule);
    assert_eq!(bench.listed().await, whole);
    assert_eq!(bench.code(&path).await, (200, 0));

    // As long as it is left out: no longer than that.
    faults.list(
        ListFault::without(&[room])
            .after(1)
            .times(1)
            .refused(Refused::NotFound, None),
    );
    assert_eq!(bench.listed().await, whole, "the first is spared");
    assert_eq!(bench.code(&path).await, (404, 10_003));
    assert_eq!(bench.listed().await, rest);
    assert_eq!(bench.code(&path).await, (200, 0));

    faults.list(ListFault::without(&[room]));
    assert_eq!(bench.listed().await, rest);
    assert_eq!(bench.code(&path).await, (200, 0), "the truth, by its id");
    faults.clear();
    assert_eq!(bench.listed().await, whole);

    bench
        .simulator
        .create_message(room, Draft::text("still here"))
        .unwrap();
    assert_eq!(
        socket.payload().await["t"],
        "MESSAGE_CREATE",
        "and no event before"
    );
}

#[tokio::test]
async fn lists_that_are_empty_short_or_bare() {
    let bench = Bench::new().await;
    let faults = bench.simulator.faults();
    let whole = bench.listed().await;
    faults.list(ListFault::empty(List::Channels).times(1));
    assert!(bench.listed().await.is_empty());
    assert_eq!(bench.listed().await, whole);
    faults.list(ListFault::short(List::Channels, 3).times(1));
    assert_eq!(bench.listed().await, whole[..3]);
    assert_eq!(bench.listed().await, whole);
    faults.list(ListFault::empty(List::Channels).in_place(1));
    assert_eq!(bench.listed().await, whole, "another guild's");

    let fields = ["permission_overwrites", "guild_id", "type"];
    faults.list(ListFault::bare(List::Channels, &fields).times(1));
    let path = format!("/guilds/{}/channels", bench.guild());
    let bare = bench.get(&path).await.json();
    let full = bench.get(&path).await.json();
    for (bare, full) in bare
        .as_array()
        .unwrap()
        .iter()
        .zip(full.as_array().unwrap())
    {
        assert_eq!(bare["id"], full["id"]);
        for field in fields {
            assert!(
                bare.get(field).is_none() && full.get(field).is_some(),
                "{field}"
            );
        }
    }
}

#[tokio::test]
async fn a_thread_is_missing_in_both_lists() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let room = bench.channel("general").id;
    let thread = sim.create_thread(room, None, "lost", false).unwrap();
    let active = format!("/guilds/{}/threads/active", bench.guild());
    let archived = format!("/channels/{room}/threads/archived/public");
    let rule = sim.faults().list(ListFault::without(&[thread]));
    assert!(!bench.threads(&active).await.contains(&thread));
    sim.archive_thread(thread).unwrap();
    assert!(!bench.threads(&archived).await.contains(&thread));
    assert_eq!(bench.code(&format!("/channels/{thread}")).await.0, 200);
    sim.faults().remove(rule);
    assert!(bench.threads(&archived).await.contains(&thread));
    sim.faults().list(ListFault::empty(List::Threads).times(2));
    assert!(bench.threads(&archived).await.is_empty());
    sim.unarchive_thread(thread).unwrap();
    assert!(bench.threads(&active).await.is_empty());
    assert!(bench.threads(&active).await.contains(&thread));
}

#[tokio::test]
async fn a_page_leaves_a_message_out_and_then_shows_it() {
    let bench = Bench::new().await;
    let rooms = bench
        .simulator
        .channels()
        .into_iter()
        .filter(|room| room.history);
    let room = rooms.max_by_key(|room| room.messages).unwrap().id;
    let alive = bench.alive(room);
    let missing = alive[12];
    let without: Vec<u64> = alive.iter().copied().filter(|&at| at != missing).collect();
    let faults = bench.simulator.faults();
    faults.list(
        ListFault::without(&[missing])
            .times(2)
            .refused(Refused::NotFound, 1),
    );
    let page = |before: u64| format!("/channels/{room}/messages?limit=10&before={before}");
    let newest = format!("/channels/{room}/messages?limit=10");
    assert_eq!(
        bench.get(&newest).await.ids(),
        alive[..10],
        "not its page: it does not count"
    );
    for _ in 0..2 {
        let seen = bench.get(&page(alive[9])).await.ids();
        assert_eq!(seen, without[10..20], "a full page of others");
    }
    assert_eq!(bench.get(&page(alive[9])).await.ids(), alive[10..20]);
    let one = format!("/channels/{room}/messages/{missing}");
    assert_eq!(bench.code(&one).await, (404, 10_008));
    assert_eq!(bench.code(&one).await, (200, 0));

    faults.list(ListFault::empty(List::Messages).in_place(room).times(1));
    assert!(bench.get(&newest).await.ids().is_empty());
    assert_eq!(bench.get(&newest).await.ids(), alive[..10]);
}

#[tokio::test]
async fn list_faults_over_http() {
    let bench = Bench::new().await;
    let voice = bench.kind(Kind::Voice).id;
    let whole = bench.listed().await.len();
    for (fault, left, status) in [
        (
            json!({"fault": "without", "ids": [voice.to_string()], "times": 1,
                "by_id": {"answer": "forbidden", "times": 1}}),
            whole - 1,
            403,
        ),
        (json!({"fault": "empty", "times": 1}), 0, 200),
        (
            json!({"fault": "short", "list": "channels", "keep": 2, "times": 1}),
            2,
            200,
        ),
        (
            json!({"fault": "bare", "fields": ["name"], "times": 1, "place": bench.guild()}),
            whole,
            200,
        ),
    ] {
        let (set, rule) = bench.post("faults", &json!({"list": fault})).await;
        assert_eq!(set, 200, "{fault}");
        assert!(rule["rule"].is_u64());
        let path = format!("/guilds/{}/channels", bench.guild());
        let answer = bench.get(&path).await.json();
        let channels = answer.as_array().unwrap();
        assert_eq!(channels.len(), left, "{fault}");
        let named = channels
            .iter()
            .filter(|channel| channel.get("name").is_some())
            .count();
        assert_eq!(named == 0, fault["fault"] == "bare" || left == 0);
        assert_eq!(
            bench.code(&format!("/channels/{voice}")).await.0,
            status,
            "{fault}"
        );
    }
    assert_eq!(bench.listed().await.len(), whole);
}
