//! What goes wrong on Discord's side and on the way changes nothing in what ends up in the record.

use std::time::Duration;

use simulator::{Config, GatewayFault, RestFault, RestFaultKind, Scope};

use testkit::world::{World, full_size};

const MESSAGES: &str = "/channels/*/messages*";

/// The pages whose messages go into the record: other questions are about whether that is all.
const PAGES: &str = "/channels/*/messages?limit=100*";

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_during_the_backfill_ends_equal_to_the_truth() {
    let world = World::new(11, 3000).await;
    let mut running = world.start().await;
    running.until(|status| status.gateway.identified == 1).await;
    world.burst(2000, 12);
    world.finish(running).await;
    world.assert_equals_truth();
}

/// Follows, is caught up; then the fault, with a burst before, meanwhile and after.
async fn survives(seed: u64, new_session: bool, fault: impl Fn(&World)) {
    let config = Config {
        heartbeat_interval: Duration::from_millis(500),
        ..Config::quick()
    };
    let world = World::young(seed, config).await;
    let mut running = world.followed().await;
    world.burst(200, seed);
    let before = world.simulator.counters();
    let mut observer = world.simulator.observe();
    fault(&world);
    world.burst(200, seed + 1);
    if new_session {
        observer.identified().await.unwrap();
    } else {
        observer.resumed().await.unwrap();
    }
    world.burst(200, seed + 2);
    let sessions = before.identifies - u64::from(!new_session) + 1;
    running
        .until(|status| status.gateway.identified >= sessions)
        .await;
    world.caught_up(&mut running).await;
    let after = world.simulator.counters();
    running.stop().await;
    if new_session {
        assert!(after.identifies > before.identifies);
        world.assert_equals_truth_but_for_the_unknowable();
    } else {
        assert_eq!(after.identifies, before.identifies, "a resume was possible");
        world.assert_equals_truth();
    }
}

fn order(world: &World, fault: GatewayFault) {
    world.simulator.faults().gateway(fault).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn op_7_with_and_without_a_close() {
    survives(21, false, |world| {
        order(world, GatewayFault::Reconnect { close: false });
    })
    .await;
    survives(22, false, |world| {
        order(world, GatewayFault::Reconnect { close: true });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn op_9_true() {
    survives(23, false, |world| {
        order(world, GatewayFault::InvalidSession { resumable: true });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn op_9_false_loses_the_session_and_nothing_else() {
    survives(24, true, |world| {
        order(world, GatewayFault::InvalidSession { resumable: false });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn close_codes_that_can_be_resumed() {
    for (seed, code) in (30..).zip([
        None,
        Some(4000),
        Some(4001),
        Some(4002),
        Some(4003),
        Some(4005),
        Some(4007),
        Some(4008),
        Some(4009),
    ]) {
        survives(seed, false, |world| {
            order(world, GatewayFault::Close { code });
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_connection_and_a_missed_heartbeat() {
    survives(41, false, |world| order(world, GatewayFault::Reset)).await;
    survives(42, false, |world| {
        order(world, GatewayFault::Silence);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replays_twice_repeats_and_reorders() {
    survives(43, false, |world| {
        order(world, GatewayFault::DuplicateReplay { times: 1 });
        order(world, GatewayFault::RepeatAfterResumed { times: 1 });
        order(world, GatewayFault::Reorder { times: 5 });
        order(world, GatewayFault::Reconnect { close: true });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_with_life_going_on() {
    let world = World::new(51, 600).await;
    let running = world.followed().await;
    let outage = world.simulator.outage();
    world.burst(300, 52);
    if full_size() {
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
    let mut observer = world.simulator.observe();
    drop(outage);
    observer.resumed().await.unwrap();
    world.burst(100, 53);
    world.finish(running).await;
    world.assert_equals_truth();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_that_outlives_the_session() {
    let world = World::young(54, Config::quick()).await;
    let mut running = world.followed().await;
    let outage = world.simulator.outage();
    world.burst(300, 55);
    order(&world, GatewayFault::ExpireSessions);
    drop(outage);
    running.until(|status| status.gateway.identified == 2).await;
    world.finish(running).await;
    world.assert_equals_truth_but_for_the_unknowable();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fatal_close_ends_the_service_with_its_reason() {
    for (code, advice) in [
        (4004, "DISCORD_BOT_TOKEN"),
        (4010, "too many guilds"),
        (4011, "too many guilds"),
        (4012, "update guildlake"),
        (4013, "update guildlake"),
        (4014, "Message Content Intent"),
    ] {
        let world = World::new(u64::from(code), 200).await;
        let running = world.followed().await;
        order(&world, GatewayFault::Close { code: Some(code) });
        let failure = format!("{:#}", running.failure().await);
        assert!(failure.contains(advice), "{failure}");
        assert!(!failure.contains(world.simulator.token()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rate_limits_and_server_errors_during_the_backfill() {
    let world = World::new(61, 1500).await;
    let faults = world.simulator.faults();
    let storm = [
        RestFaultKind::RateLimited {
            scope: Scope::User,
            retry_after: 0.05,
        },
        RestFaultKind::RateLimited {
            scope: Scope::Shared,
            retry_after: 0.05,
        },
        RestFaultKind::RateLimited {
            scope: Scope::Global,
            retry_after: 0.05,
        },
        RestFaultKind::CloudflareRateLimited { retry_after: 0 },
        RestFaultKind::BareRateLimited,
        RestFaultKind::UnparsableRetryAfter,
        RestFaultKind::ServerError { status: 500 },
        RestFaultKind::ServerError { status: 502 },
        RestFaultKind::CutBody,
        RestFaultKind::WrongContentLength,
        RestFaultKind::OverlappingPage { by: 7 },
        RestFaultKind::DeleteBetweenPages { count: 2 },
    ];
    for kind in storm {
        faults.rest(RestFault::on(MESSAGES, kind).probability(0.03));
    }
    let mut running = world.start().await;
    running.until(|status| status.gateway.identified == 1).await;
    world.burst(500, 62);
    world.finish(running).await;
    world.assert_equals_truth();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_understood_is_kept_and_stops_nothing() {
    let world = World::new(71, 600).await;
    world.simulator.faults().rest(
        RestFault::on(PAGES, RestFaultKind::OddMessage)
            .times(1)
            .after(2),
    );
    world.simulator.faults().rest(
        RestFault::on(PAGES, RestFaultKind::StrayMessage)
            .times(1)
            .after(4),
    );
    let mut running = world.followed().await;
    for fault in [
        GatewayFault::UnknownOp,
        GatewayFault::UnknownEvent,
        GatewayFault::MalformedEvent,
        GatewayFault::NotJson,
        GatewayFault::RequestHeartbeat,
    ] {
        order(&world, fault);
    }
    world.burst(100, 72);
    let status = world.caught_up(&mut running).await;
    assert_eq!(
        status.parked_payloads, 4,
        "an odd item, one of another channel, a malformed event, a frame that is not JSON"
    );
    running.stop().await;
    let connection = duckdb::Connection::open(world.database()).unwrap();
    let parked: i64 = connection
        .query_row("SELECT count(*) FROM parked_payloads", [], |row| row.get(0))
        .unwrap();
    assert_eq!(parked, 4);
}
