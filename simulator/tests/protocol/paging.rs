//! Property: however a channel is paged, the pages are the truth.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::Bench;

/// Page a whole channel by `before`, `after` or `around`; ids, newest first.
async fn walk(bench: &Bench, channel: u64, how: &str, limit: usize) -> Vec<u64> {
    let mut all: Vec<u64> = Vec::new();
    let mut bound = if how == "after" { 0 } else { u64::MAX };
    loop {
        let path = format!("/channels/{channel}/messages?limit={limit}&{how}={bound}");
        let page = bench.get(&path).await.ids();
        assert!(page.is_sorted_by(|a, b| a > b), "newest first: {page:?}");
        assert!(page.len() <= limit);
        match (how, page.first(), page.last()) {
            (_, None, _) | (_, _, None) => return all,
            ("after", Some(&newest), _) => {
                bound = newest;
                all.splice(0..0, page);
            }
            (_, _, Some(&oldest)) => {
                bound = oldest;
                all.extend(page);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_walk_is_the_truth() {
    let bench = Bench::new().await;
    let rooms = bench
        .simulator
        .channels()
        .into_iter()
        .chain(bench.simulator.threads());
    let rooms: Vec<_> = rooms
        .filter(|room| room.history && room.kind.has_messages())
        .collect();
    // Holes: deleted messages never appear.
    for room in &rooms {
        let alive = bench.alive(room.id);
        for gone in alive.iter().step_by(7) {
            bench.simulator.delete_message(room.id, *gone).unwrap();
        }
    }
    let handle = tokio::runtime::Handle::current();
    let walks = (
        0..rooms.len(),
        1_usize..=100,
        prop_oneof![Just("before"), Just("after")],
    );
    let config = proptest::test_runner::Config {
        cases: 40,
        failure_persistence: None,
        ..Default::default()
    };
    let mut runner = TestRunner::new(config);
    let run = || {
        runner.run(&walks, |(room, limit, how)| {
            let truth = bench.alive(rooms[room].id);
            // A page of one message for each of hundreds says nothing new.
            let limit = limit.max(truth.len() / 12 + 1).min(100);
            let seen = handle.block_on(walk(&bench, rooms[room].id, how, limit));
            prop_assert_eq!(seen, truth, "{} by {} in {}", how, limit, rooms[room].name);
            Ok(())
        })
    };
    tokio::task::block_in_place(run).unwrap();
}

#[tokio::test]
async fn around_has_its_message_in_the_middle() {
    let bench = Bench::new().await;
    let room = bench
        .simulator
        .channels()
        .into_iter()
        .filter(|room| room.history)
        .max_by_key(|room| room.messages)
        .unwrap();
    let truth = bench.alive(room.id);
    for (at, limit) in [(40, 11), (40, 10), (40, 1), (0, 5), (truth.len() - 1, 5)] {
        let page = bench
            .get(&format!(
                "/channels/{}/messages?limit={limit}&around={}",
                room.id, truth[at]
            ))
            .await
            .ids();
        assert!(
            page.contains(&truth[at]),
            "around includes the message itself"
        );
        let start = truth.iter().position(|id| *id == page[0]).unwrap();
        assert_eq!(
            page,
            truth[start..start + page.len()],
            "neighbours without a gap"
        );
        assert!(page.len() <= limit);
    }
}

#[tokio::test]
async fn after_is_the_page_nearest_to_the_bound_and_bounds_are_exclusive() {
    let bench = Bench::new().await;
    let room = bench
        .simulator
        .channels()
        .into_iter()
        .filter(|room| room.history)
        .max_by_key(|room| room.messages)
        .unwrap();
    let truth = bench.alive(room.id);
    let page = bench
        .get(&format!(
            "/channels/{}/messages?limit=3&after={}",
            room.id, truth[10]
        ))
        .await
        .ids();
    assert_eq!(page, truth[7..10]);
    let page = bench
        .get(&format!(
            "/channels/{}/messages?limit=3&before={}",
            room.id, truth[10]
        ))
        .await
        .ids();
    assert_eq!(page, truth[11..14]);
    // Ids that are not there are bounds too, as numbers and not as text.
    let page = bench
        .get(&format!("/channels/{}/messages?limit=3&before=9", room.id))
        .await
        .ids();
    assert!(page.is_empty());
}
