//! Walking all pages over HTTP while messages arrive, change and vanish.

use std::collections::HashSet;

use serde_json::Value;

use testkit::program::KEY;
use testkit::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn two_walks_under_ingest_give_each_row_exactly_once() {
    let world = World::new(301, 2000).await;
    let running = world.followed().await;
    let channel = world
        .simulator
        .channels()
        .into_iter()
        .filter(|channel| channel.visible && channel.history && channel.kind.has_messages())
        .max_by_key(|channel| channel.messages)
        .unwrap();
    let at_the_start: HashSet<u64> = world
        .simulator
        .truth_in(channel.id)
        .into_iter()
        .filter(|truth| truth.shown)
        .map(|truth| truth.id)
        .collect();
    let http = reqwest::Client::builder().build().unwrap();
    let traffic = world.simulator.traffic(400.0);
    for order in ["asc", "desc"] {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let url = format!(
                "{}/v1/messages?guild_id={}&channel_id={}&limit=25&include_deleted=true&order={order}{cursor}",
                running.base, channel.guild_id, channel.id
            );
            let answer = http.get(url).header("x-api-key", KEY).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            let page: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
            for row in page["data"].as_array().unwrap() {
                seen.push(row["message_id"].as_str().unwrap().parse::<u64>().unwrap());
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let unique: HashSet<u64> = seen.iter().copied().collect();
        assert_eq!(unique.len(), seen.len(), "{order}: a row came twice");
        assert!(at_the_start.is_subset(&unique), "{order}: a row is missing");
        let mut sorted = seen.clone();
        sorted.sort_unstable();
        if order == "desc" {
            sorted.reverse();
        }
        assert_eq!(seen, sorted, "{order}");
    }
    drop(traffic);
    running.stop().await;
}
