//! Every fault of REST, seen by a client.

use std::time::Duration;

use simulator::{Happening, RestFault, RestFaultKind, Scope};

use super::{Bench, Reply};

const MESSAGES: &str = "/channels/*/messages*";

/// The answer to a request for history while a fault is on, once.
async fn under(bench: &Bench, kind: RestFaultKind) -> reqwest::Result<Reply> {
    let room = biggest(bench);
    bench
        .simulator
        .faults()
        .rest(RestFault::on(MESSAGES, kind).times(1));
    let reply = bench
        .ask(
            &format!("/channels/{room}/messages?limit=20"),
            Some(bench.simulator.token()),
        )
        .await;
    let after = bench
        .get(&format!("/channels/{room}/messages?limit=20"))
        .await;
    assert!(
        after.status == 200 || after.status == 404,
        "once was asked for"
    );
    reply
}

fn biggest(bench: &Bench) -> u64 {
    let rooms = bench
        .simulator
        .channels()
        .into_iter()
        .filter(|room| room.history);
    rooms.max_by_key(|room| room.messages).unwrap().id
}

#[tokio::test]
async fn every_form_of_429() {
    let bench = Bench::new().await;
    for (scope, name) in [
        (Scope::User, "user"),
        (Scope::Shared, "shared"),
        (Scope::Global, "global"),
    ] {
        let reply = under(
            &bench,
            RestFaultKind::RateLimited {
                scope,
                retry_after: 1.25,
            },
        )
        .await
        .unwrap();
        assert_eq!(
            (
                reply.status,
                reply.header("retry-after"),
                reply.header("x-ratelimit-scope")
            ),
            (429, "2", name)
        );
        assert_eq!(reply.json()["retry_after"].as_f64(), Some(1.25));
        assert_eq!(reply.json()["global"], scope == Scope::Global);
        assert_eq!(
            reply.header("x-ratelimit-global"),
            if scope == Scope::Global { "true" } else { "" }
        );
    }
    assert_eq!(
        bench.simulator.counters().invalid_requests,
        2,
        "shared ones do not count"
    );
    let html = under(
        &bench,
        RestFaultKind::CloudflareRateLimited { retry_after: 7 },
    )
    .await
    .unwrap();
    assert_eq!((html.status, html.header("retry-after")), (429, "7"));
    assert!(
        html.header("content-type").starts_with("text/html") && html.body.starts_with("<!DOCTYPE")
    );
    let bare = under(&bench, RestFaultKind::BareRateLimited).await.unwrap();
    assert_eq!(
        (bare.status, bare.header("retry-after"), bare.body.as_str()),
        (429, "", "")
    );
    assert_eq!(bare.header("content-type"), "");
    let odd = under(&bench, RestFaultKind::UnparsableRetryAfter)
        .await
        .unwrap();
    assert_eq!((odd.status, odd.header("retry-after")), (429, "a while"));
}

#[tokio::test]
async fn every_refusal_and_failure() {
    let bench = Bench::new().await;
    assert_eq!(
        under(&bench, RestFaultKind::Unauthorized)
            .await
            .unwrap()
            .code(),
        (401, 0)
    );
    assert_eq!(
        under(&bench, RestFaultKind::Forbidden { code: 50_001 })
            .await
            .unwrap()
            .code(),
        (403, 50_001)
    );
    assert_eq!(
        under(&bench, RestFaultKind::Forbidden { code: 50_013 })
            .await
            .unwrap()
            .code(),
        (403, 50_013)
    );
    assert_eq!(
        under(&bench, RestFaultKind::NotFound { code: 10_003 })
            .await
            .unwrap()
            .code(),
        (404, 10_003)
    );
    for status in [500, 502, 503, 504] {
        let reply = under(&bench, RestFaultKind::ServerError { status })
            .await
            .unwrap();
        assert_eq!(reply.status, status);
        assert!(reply.body.contains("<html>"));
    }
}

#[tokio::test]
async fn bodies_that_end_early_and_answers_that_never_come() {
    let bench = Bench::new().await;
    let cut = under(&bench, RestFaultKind::CutBody).await;
    assert!(
        cut.err()
            .is_some_and(|error| error.is_body() || error.is_decode()),
        "the status came, half the body too"
    );
    let wrong = under(&bench, RestFaultKind::WrongContentLength).await;
    assert!(
        wrong
            .err()
            .is_some_and(|error| error.is_body() || error.is_decode())
    );
    let late = under(&bench, RestFaultKind::Delay { ms: 20 })
        .await
        .unwrap();
    assert_eq!(late.status, 200);
    let room = biggest(&bench);
    bench
        .simulator
        .faults()
        .rest(RestFault::on(MESSAGES, RestFaultKind::Hang).times(1));
    let mut happenings = bench.simulator.observe();
    let path = format!("/channels/{room}/messages");
    tokio::select! {
        answered = bench.get(&path) => panic!("answered {}", answered.status),
        hung = happenings.until(|h| matches!(h, Happening::Request { status: None, .. })) => assert!(hung.is_some()),
    }
    // An outage frees those who wait.
    bench
        .simulator
        .faults()
        .rest(RestFault::on(MESSAGES, RestFaultKind::Hang).times(1));
    let (asked, ()) = tokio::join!(bench.ask(&path, Some(bench.simulator.token())), async {
        happenings
            .until(|h| matches!(h, Happening::Request { status: None, .. }))
            .await
            .unwrap();
        bench.simulator.begin_outage();
    });
    assert!(asked.is_err());
}

#[tokio::test]
async fn pages_that_are_not_what_they_should_be() {
    let bench = Bench::new().await;
    let room = biggest(&bench);
    let truth = bench.alive(room);
    let ask = |bound: u64| format!("/channels/{room}/messages?limit=10&before={bound}");
    bench.simulator.faults().rest(
        RestFault::on(MESSAGES, RestFaultKind::OverlappingPage { by: 3 })
            .after(1)
            .times(1),
    );
    assert_eq!(bench.get(&ask(truth[9])).await.ids(), truth[10..20]);
    assert_eq!(
        bench.get(&ask(truth[19])).await.ids(),
        truth[17..27],
        "three of the page before"
    );
    bench
        .simulator
        .faults()
        .rest(RestFault::on(MESSAGES, RestFaultKind::DeleteBetweenPages { count: 2 }).times(1));
    assert_eq!(bench.get(&ask(truth[9])).await.ids(), truth[10..20]);
    assert_eq!(
        bench.get(&ask(truth[19])).await.ids(),
        truth[22..32],
        "two went between the pages"
    );
    bench
        .simulator
        .faults()
        .rest(RestFault::on(MESSAGES, RestFaultKind::OddMessage).times(1));
    let page = bench.get(&ask(truth[9])).await;
    assert_eq!(page.ids(), truth[10..20], "its id is there");
    assert!(
        page.json()
            .as_array()
            .unwrap()
            .iter()
            .any(|message| message["content"].is_null())
    );
    bench
        .simulator
        .faults()
        .rest(RestFault::on(MESSAGES, RestFaultKind::StrayMessage).times(1));
    let page = bench.get(&ask(truth[9])).await;
    assert_eq!(page.ids(), truth[10..20]);
    let page = page.json();
    let places = page.as_array().unwrap().iter();
    let here = room.to_string();
    let strays = places.filter(|message| message["channel_id"] != here.as_str());
    assert_eq!(strays.count(), 1);
    bench
        .simulator
        .faults()
        .rest(RestFault::on(MESSAGES, RestFaultKind::GarbageId).times(1));
    let page = bench.get(&ask(truth[9])).await.json();
    let garbage = page
        .as_array()
        .unwrap()
        .iter()
        .filter(|message| message["id"].as_str().unwrap().parse::<u64>().is_err());
    assert_eq!((garbage.count(), page.as_array().unwrap().len()), (1, 11));
    let gone = under(&bench, RestFaultKind::DeleteChannel).await.unwrap();
    assert_eq!(gone.code(), (404, 10_003));
    assert!(
        bench
            .simulator
            .truth_in(room)
            .iter()
            .all(|message| message.deleted)
    );
}

#[tokio::test]
async fn rules_match_by_path_number_and_chance() {
    let bench = Bench::new().await;
    let faults = bench.simulator.faults();
    let rule = faults.rest(
        RestFault::on("/users/*", RestFaultKind::ServerError { status: 500 }).probability(0.5),
    );
    let mut failed = 0;
    for _ in 0..60 {
        failed += u32::from(bench.get("/users/@me").await.status == 500);
    }
    assert!(
        (10..50).contains(&failed),
        "half of sixty, more or less: {failed}"
    );
    assert_eq!(bench.get("/gateway/bot").await.status, 200);
    faults.remove(rule);
    assert_eq!(bench.get("/users/@me").await.status, 200);
    faults.rest(RestFault::on("*", RestFaultKind::Unauthorized));
    assert_eq!(bench.get("/users/@me").await.status, 401);
    faults.clear();
    assert_eq!(bench.get("/users/@me").await.status, 200);
    assert!(
        tokio::time::timeout(Duration::from_secs(5), bench.simulator.stop())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_stray_message_is_stray_however_it_is_written() {
    let bench = Bench::with(simulator::Config {
        odd_style: 1.0,
        ..simulator::Config::quick().with_community(simulator::Community::small(7))
    })
    .await;
    let room = biggest(&bench);
    for limit in 1..=40 {
        bench
            .simulator
            .faults()
            .rest(RestFault::on(MESSAGES, RestFaultKind::StrayMessage).times(1));
        let path = format!("/channels/{room}/messages?limit={limit}");
        let page = bench.get(&path).await.json();
        let stray = |message: &&serde_json::Value| super::id(&message["channel_id"]) != room;
        let strays = page.as_array().unwrap().iter().filter(stray).count();
        assert_eq!(strays, 1, "a page of {limit}");
    }
}
