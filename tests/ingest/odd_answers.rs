//! Answers of Discord that can't be right, or that leave something out, never end as "complete".

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use duckdb::Connection;
use guildlake::status::{BackfillState, Status};
use simulator::{ChannelInfo, Draft, Kind, unix_ms};

use crate::proxy::{Proxy, Rule, rearranged};
use crate::support::{World, rows};

/// The moment at which all threads were archived at once.
const ONE_MOMENT: &str = "2024-01-01T00:00:00.000000+00:00";

/// The text channel with the most messages that the bot can read.
fn busiest(world: &World) -> ChannelInfo {
    let channels = world.simulator.channels().into_iter();
    let readable =
        channels.filter(|channel| channel.visible && channel.history && channel.kind == Kind::Text);
    readable.max_by_key(|channel| channel.messages).unwrap()
}

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

/// Runs the service over `rule` until a pass is over; answers how it ended.
async fn one_pass(world: &mut World, rule: Rule) -> (Status, Proxy) {
    let proxy = Proxy::start(&world.simulator.api_url(), rule).await;
    world.api_url = Some(proxy.url.clone());
    let mut running = world.start().await;
    let status = running
        .until(|status| {
            matches!(
                status.backfill.state,
                BackfillState::Complete | BackfillState::Incomplete
            )
        })
        .await;
    running.stop().await;
    (status, proxy)
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

/// Threads with a message each, in the busiest channel, archived before the service starts.
fn archived_threads(world: &World, channel: u64, count: usize) -> Vec<u64> {
    let threads = (0..count).map(|n| {
        let simulator = &world.simulator;
        let name = format!("old talk {n}");
        let thread = simulator.create_thread(channel, None, name, false);
        let thread = thread.unwrap();
        simulator
            .create_message(thread, Draft::text("said long ago"))
            .unwrap();
        simulator.archive_thread(thread).unwrap();
        thread
    });
    threads.collect()
}

fn is_list(path: &str, channel: u64) -> bool {
    path.starts_with(&format!("/channels/{channel}/threads/archived/public"))
}

#[tokio::test(flavor = "multi_thread")]
async fn more_threads_of_one_moment_than_a_page_holds_are_told() {
    let mut world = World::new(504, 600).await;
    let id = busiest(&world).id;
    archived_threads(&world, id, 120);
    // As if all were archived at one moment: what follows a full page of it begins before it.
    fn newest(path: &str) -> String {
        match path.split_once("&before=") {
            Some((start, _)) if path.contains("/threads/archived/public") => start.to_owned(),
            _ => path.to_owned(),
        }
    }
    let rule = Rule {
        ask: newest,
        answer: Box::new(move |path, body| {
            if !is_list(path, id) {
                return body;
            }
            if path.contains("before=2024-01-01T00%3A00%3A00.000000Z") {
                return r#"{"threads":[],"members":[],"has_more":false}"#.to_owned();
            }
            let mut list: serde_json::Value = serde_json::from_str(&body).unwrap();
            for thread in list["threads"].as_array_mut().unwrap() {
                thread["thread_metadata"]["archive_timestamp"] = ONE_MOMENT.into();
            }
            list.to_string()
        }),
        ..Rule::default()
    };
    let (status, _proxy) = one_pass(&mut world, rule).await;
    assert_eq!(status.backfill.state, BackfillState::Incomplete);
    assert_eq!(status.backfill.odd_answers.lists, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_does_not_say_whether_it_ends_is_read_to_its_end() {
    let mut world = World::new(505, 600).await;
    let id = busiest(&world).id;
    archived_threads(&world, id, 120);
    let rule = Rule {
        answer: Box::new(move |path, body| {
            if !is_list(path, id) {
                return body;
            }
            let mut list: serde_json::Value = serde_json::from_str(&body).unwrap();
            list.as_object_mut().unwrap().remove("has_more");
            list.to_string()
        }),
        ..Rule::default()
    };
    let (status, _proxy) = one_pass(&mut world, rule).await;
    assert_eq!(status.backfill.state, BackfillState::Complete);
    world.assert_equals_truth();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_begins_with_its_oldest_threads_is_told() {
    let mut world = World::new(514, 600).await;
    let id = busiest(&world).id;
    archived_threads(&world, id, 120);
    let simulator = world.simulator.clone();
    let rule = Rule {
        // The oldest of all come first, and nothing is before those.
        answer: Box::new(move |path, body| {
            if !is_list(path, id) {
                return body;
            }
            if path.contains("before=") {
                return r#"{"threads":[],"members":[],"has_more":false}"#.to_owned();
            }
            let mut list: serde_json::Value = serde_json::from_str(&body).unwrap();
            let now = i64::try_from(simulator.now_ms()).unwrap();
            for (n, thread) in (0..).zip(list["threads"].as_array_mut().unwrap()) {
                let minutes = 60_000 * (200 - n);
                let at = chrono::DateTime::from_timestamp_millis(now - minutes).unwrap();
                thread["thread_metadata"]["archive_timestamp"] = at.to_rfc3339().into();
            }
            list.to_string()
        }),
        ..Rule::default()
    };
    let (status, _proxy) = one_pass(&mut world, rule).await;
    assert_eq!(status.backfill.state, BackfillState::Incomplete);
    assert_eq!(status.backfill.odd_answers.lists, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_of_a_list_that_cannot_be_read_is_told() {
    for place in ["/channels", "/threads/active"] {
        let mut world = World::new(506, 600).await;
        let rule = Rule {
            answer: Box::new(move |path, body| {
                if !path.starts_with("/guilds/") || !path.ends_with(place) {
                    return body;
                }
                let mut list: serde_json::Value = serde_json::from_str(&body).unwrap();
                let items = match &mut list {
                    serde_json::Value::Array(items) => items,
                    list => list["threads"].as_array_mut().unwrap(),
                };
                let odd = items.iter_mut().find(|item| item["type"] != 4).unwrap();
                odd["type"] = "of a kind that is not known".into();
                list.to_string()
            }),
            ..Rule::default()
        };
        let (status, _proxy) = one_pass(&mut world, rule).await;
        assert_eq!(status.backfill.state, BackfillState::Incomplete, "{place}");
        assert_eq!(status.backfill.odd_answers.lists, 1, "{place}");
    }
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
    let mut running = world.start().await;
    world.caught_up(&mut running).await;
    world.simulator.advance_clock(Duration::from_secs(7200));
    for _ in 0..3 {
        let draft = Draft::text("from a time to come");
        world.simulator.create_message(id, draft).unwrap();
    }
    let status = world.caught_up(&mut running).await;
    running.stop().await;
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
    let mut running = world.start().await;
    world.caught_up(&mut running).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_threads_that_are_refused_are_told() {
    let world = World::new(510, 600).await;
    let id = busiest(&world).id;
    world.simulator.faults().rest(simulator::RestFault::on(
        format!("/channels/{id}/threads/archived/public*"),
        simulator::RestFaultKind::Forbidden { code: 50_013 },
    ));
    let mut running = world.start().await;
    let status = world.caught_up(&mut running).await;
    running.stop().await;
    assert_eq!(status.backfill.thread_lists_unreadable, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nickname_calls_for_no_pass() {
    let world = World::new(511, 600).await;
    let mut running = world.start().await;
    world.caught_up(&mut running).await;
    let guild_id = world.simulator.guilds()[0].id;
    let tell = |roles: &[u64]| {
        let change = simulator::PermissionChange::BotRoles {
            guild_id,
            roles: roles.to_vec(),
        };
        world.simulator.set_permission(change).unwrap();
    };
    // The first time the roles are news.
    tell(&[guild_id]);
    let before = world.caught_up(&mut running).await.backfill.calls;
    for _ in 0..3 {
        tell(&[guild_id]);
    }
    let after = world.caught_up(&mut running).await.backfill.calls;
    assert_eq!(after, before);
    tell(&[]);
    let changed = world.caught_up(&mut running).await.backfill.calls;
    assert!(changed > after);
    running.stop().await;
}
