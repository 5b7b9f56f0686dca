//! Pages and ids of Discord that can't be right, or that leave something out, never end as "complete".

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use duckdb::Connection;
use guildlake::status::BackfillState;
use simulator::{Draft, unix_ms};

use super::proxy::{Proxy, Rule, busiest, one_pass, rearranged};
use testkit::truth::rows;
use testkit::world::World;

/// What a query of one number says.
fn number(world: &World, sql: &str) -> i64 {
    let connection = Connection::open(world.database()).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// How many messages of a channel are missing where the record claims to be complete.
fn silently_missing(world: &World, channel: u64) -> usize {
    let rows = rows(&world.database());
    let connection = Connection::open(world.database()).unwrap();
    let mut statement = connection
        .prepare("SELECT low, high FROM coverage WHERE complete AND channel_id = ?")
        .unwrap();
    let ranges = statement.query_map([channel], |row| Ok((row.get(0)?, row.get(1)?)));
    let ranges: Vec<(u64, u64)> = ranges.unwrap().map(Result::unwrap).collect();
    let truth = world.simulator.truth_in(channel).into_iter();
    let there = truth.filter(|message| !message.deleted && !rows.contains_key(&message.id));
    let claimed = there.filter(|message| {
        ranges
            .iter()
            .any(|(low, high)| (*low..*high).contains(&message.id))
    });
    claimed.count()
}

fn is_page(path: &str, channel: u64) -> bool {
    path.starts_with(&format!("/channels/{channel}/messages?limit=100"))
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_rise_claim_nothing() {
    let mut world = World::new(501, 4000).await;
    let channel = busiest(&world);
    assert!(channel.messages > 250, "more than two pages");
    // Where the newest before an id are asked for, the oldest of all come, oldest first.
    fn oldest(path: &str) -> String {
        let (start, _) = path.split_once("&before=").unwrap_or((path, ""));
        match start.len() == path.len() {
            true => path.to_owned(),
            false => format!("{start}&after=1"),
        }
    }
    let id = channel.id;
    let rule = Rule {
        ask: oldest,
        answer: Box::new(move |path, body| {
            if is_page(path, id) && path.contains("before=") {
                rearranged(&body, |items| items.reverse())
            } else {
                body
            }
        }),
        ..Rule::default()
    };
    let (status, _proxy) = one_pass(&mut world, rule).await;
    assert_eq!(status.backfill.state, BackfillState::Incomplete);
    assert!(status.backfill.odd_answers.pages >= 3);
    assert_eq!(silently_missing(&world, id), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_repeat_claim_nothing() {
    let mut world = World::new(502, 4000).await;
    let channel = busiest(&world);
    fn newest(path: &str) -> String {
        let (start, _) = path.split_once("&before=").unwrap_or((path, ""));
        start.to_owned()
    }
    let rule = Rule {
        ask: newest,
        ..Rule::default()
    };
    let (status, _proxy) = one_pass(&mut world, rule).await;
    assert_eq!(status.backfill.state, BackfillState::Incomplete);
    assert!(status.backfill.odd_answers.pages >= 3);
    assert_eq!(silently_missing(&world, channel.id), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_is_none_claims_nothing() {
    let mut world = World::new(503, 4000).await;
    let id = busiest(&world).id;
    let rule = Rule {
        answer: Box::new(move |path, body| {
            if is_page(path, id) && path.contains("before=") {
                "[]".to_owned()
            } else {
                body
            }
        }),
        ..Rule::default()
    };
    let (status, _proxy) = one_pass(&mut world, rule).await;
    assert_eq!(status.backfill.state, BackfillState::Incomplete);
    assert!(status.backfill.odd_answers.pages >= 3);
    assert_eq!(silently_missing(&world, id), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_ahead_of_the_clock_claim_no_time_that_is_to_come() {
    /// An hour, as a difference of ids.
    const HOUR: u64 = 3_600_000 << 22;
    let mut world = World::new(507, 4000).await;
    let id = busiest(&world).id;
    let now = world.simulator.now_ms();
    let rule = Rule {
        // The newest hundred are of the next hours.
        answer: Box::new(move |path, body| {
            if !is_page(path, id) || path.contains("before=") {
                return body;
            }
            rearranged(&body, |items| {
                for (n, item) in items.iter_mut().rev().enumerate() {
                    let message: serde_json::Value = serde_json::from_str(item.get()).unwrap();
                    let old = message["id"].as_str().unwrap();
                    let new = ((now - 1_420_070_400_000) << 22) + HOUR * (1 + n as u64);
                    let text = item
                        .get()
                        .replacen(&format!("\"{old}\""), &format!("\"{new}\""), 1);
                    *item = serde_json::value::RawValue::from_string(text).unwrap();
                }
            })
        }),
        ..Rule::default()
    };
    let (status, _proxy) = one_pass(&mut world, rule).await;
    assert_eq!(status.backfill.state, BackfillState::Incomplete);
    assert_eq!(status.backfill.odd_answers.ids_ahead, 100);
    let high = number(
        &world,
        &format!("SELECT max(high) FROM coverage WHERE complete AND channel_id = {id}"),
    );
    let claimed = unix_ms(high.cast_unsigned());
    assert!(
        claimed <= world.simulator.now_ms(),
        "complete until {claimed}, and it is {}",
        world.simulator.now_ms()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_id_ahead_of_the_clock_claims_no_time_that_is_to_come() {
    let mut world = World::new(512, 600).await;
    let id = busiest(&world).id;
    let rule = Rule {
        is_time_still: true,
        ..Rule::default()
    };
    let proxy = Proxy::start(&world.simulator.api_url(), rule).await;
    world.api_url = Some(proxy.url.clone());
    let running = world.followed().await;
    world.simulator.advance_clock(Duration::from_secs(7200));
    for _ in 0..3 {
        let draft = Draft::text("from a time to come");
        world.simulator.create_message(id, draft).unwrap();
    }
    let status = world.finish(running).await;
    assert_eq!(status.backfill.odd_answers.ids_ahead, 3);
    // The proxy's time, which is the machine's.
    let claimed = number(
        &world,
        &format!(
            "SELECT max(epoch_ms(to_time)) FROM coverage WHERE complete AND channel_id = {id}"
        ),
    );
    let ahead = claimed - chrono::Utc::now().timestamp_millis();
    assert!(ahead <= 0, "complete {ahead} ms ahead of Discord's clock");
    world.assert_equals_truth();
}

/// A newest message that is there by its id and by the channel, and in no page.
#[tokio::test(flavor = "multi_thread")]
async fn a_newest_message_that_stays_hidden_leaves_its_channel_incomplete() {
    let mut world = World::new(513, 600).await;
    let id = busiest(&world).id;
    let draft = Draft::text("in no page");
    let newest = world.simulator.create_message(id, draft).unwrap();
    let newest = newest.to_string();
    let rule = Rule {
        answer: Box::new(move |path, body| {
            if is_page(path, id) {
                rearranged(&body, |items| {
                    items.retain(|item| !item.get().contains(&newest));
                })
            } else {
                body
            }
        }),
        ..Rule::default()
    };
    let (status, _proxy) = one_pass(&mut world, rule).await;
    assert_eq!(status.backfill.state, BackfillState::Incomplete);
    assert_eq!(status.backfill.odd_answers.passed_over, 1);
}

/// The newest messages are left out of the first page that is asked for.
fn without_the_newest(id: u64) -> Rule {
    let pages = AtomicUsize::new(0);
    Rule {
        answer: Box::new(move |path, body| {
            let is_first = is_page(path, id)
                && !path.contains("before=")
                && pages.fetch_add(1, Ordering::Relaxed) == 0;
            if is_first {
                rearranged(&body, |items| drop(items.drain(..3)))
            } else {
                body
            }
        }),
        ..Rule::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_message_is_held_against_the_record() {
    let mut world = World::new(508, 1000).await;
    let id = busiest(&world).id;
    let (status, _proxy) = one_pass(&mut world, without_the_newest(id)).await;
    assert_eq!(status.backfill.state, BackfillState::Complete);
    assert_eq!(status.backfill.odd_answers.passed_over, 1);
    world.assert_equals_truth();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newest_message_that_was_deleted_is_asked_for_once() {
    let mut world = World::new(509, 600).await;
    let channel = busiest(&world).id;
    let newest = world
        .simulator
        .create_message(channel, Draft::text("gone before anybody saw it"))
        .unwrap();
    world.simulator.delete_message(channel, newest).unwrap();
    let proxy = Proxy::start(&world.simulator.api_url(), Rule::default()).await;
    world.api_url = Some(proxy.url.clone());
    let mut running = world.followed().await;
    for resumed in 1..=3 {
        world
            .simulator
            .faults()
            .gateway(simulator::GatewayFault::Reconnect { close: true })
            .unwrap();
        running
            .until(|status| status.gateway.resumed == resumed)
            .await;
        world.caught_up(&mut running).await;
    }
    running.stop().await;
    let path = format!("/channels/{channel}/messages/{newest}");
    let asked = proxy.asked().iter().filter(|asked| **asked == path).count();
    assert_eq!(asked, 1);
    world.assert_equals_truth();
}
