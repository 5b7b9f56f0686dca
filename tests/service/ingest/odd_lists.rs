//! Lists of channels and threads that leave something out never end as "complete".

use guildlake::status::BackfillState;
use simulator::Draft;

use super::proxy::{Rule, busiest, one_pass};
use testkit::world::World;

/// The moment at which all threads were archived at once.
const ONE_MOMENT: &str = "2024-01-01T00:00:00.000000+00:00";

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
async fn lists_of_threads_that_are_refused_are_told() {
    let world = World::new(510, 600).await;
    let id = busiest(&world).id;
    world.simulator.faults().rest(simulator::RestFault::on(
        format!("/channels/{id}/threads/archived/public*"),
        simulator::RestFaultKind::Forbidden { code: 50_013 },
    ));
    let running = world.start().await;
    let status = world.finish(running).await;
    assert_eq!(status.backfill.thread_lists_unreadable, 1);
}
