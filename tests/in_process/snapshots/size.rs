//! What a snapshot costs: all of it, and after one row in a hundred has changed.
//! `GUILDLAKE_SNAPSHOT_ROWS` sets the number of messages.

use std::time::Instant;

use chrono::{DateTime, Months, Utc};
use guildlake::message::{Message, snowflake_at};
use guildlake::store::DeletedContent;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use testkit::snapshots::{GUILDS, Home, Lake, at, whole};

const MONTHS: u32 = 24;
const CHANNELS: i64 = 20;
const WORDS: [&str; 12] = [
    "when", "does", "the", "next", "release", "come", "out", "I", "think", "tomorrow", "maybe",
    "🎉",
];

fn sentence(dice: &mut StdRng) -> String {
    let words = dice.random_range(3..40);
    let words = (0..words).map(|_| *WORDS.choose(dice).unwrap());
    words.collect::<Vec<_>>().join(" ")
}

/// The `n`th of so many messages, spread over the months.
fn message(n: i64, rows: i64, edit: u32, dice: &mut StdRng) -> Message {
    let begin: DateTime<Utc> = at("2024-01-01T00:00:00Z");
    let end = begin + Months::new(MONTHS);
    let step = (end - begin).num_milliseconds() / rows;
    let id = snowflake_at(begin + chrono::Duration::milliseconds(n * step)) + 1;
    whole(GUILDS[0], n % CHANNELS, id, &sentence(dice), edit)
}

fn commit(lake: &mut Lake, numbers: &[i64], rows: i64, edit: u32, dice: &mut StdRng) {
    for chunk in numbers.chunks(10_000) {
        let messages = chunk.iter().map(|&n| message(n, rows, edit, dice));
        lake.commit(messages.collect());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_costs_what_it_is() {
    let rows = std::env::var("GUILDLAKE_SNAPSHOT_ROWS").map_or(20_000, |n| n.parse().unwrap());
    let mut dice = StdRng::seed_from_u64(7);
    let mut lake = Lake::open(
        Home::new(),
        DeletedContent::Keep,
        std::time::Duration::from_secs(3600),
    );
    lake = lake.restart_with(|store| {
        store.hot_rows = 30_720;
        store.threads = None;
    });
    let all: Vec<i64> = (0..rows).collect();
    commit(&mut lake, &all, rows, 0, &mut dice);

    let mut figures = Vec::new();
    let mut take = async |lake: &Lake, what: &str| {
        let began = Instant::now();
        let outcome = lake.take().await;
        let seconds = began.elapsed().as_secs_f64();
        println!(
            "snapshots: {rows} messages, {what}: {seconds:.2} s, {} of {} files, {:.1} MB written",
            outcome.written,
            outcome.files,
            outcome.bytes as f64 / 1e6
        );
        figures.push(outcome);
    };
    take(&lake, "all of it").await;
    take(&lake, "nothing changed").await;
    // As a community does: most of what is edited is of these days.
    let newest: Vec<i64> = (rows - rows / 100..rows).collect();
    commit(&mut lake, &newest, rows, 1, &mut dice);
    take(&lake, "the newest 1 % edited").await;
    let anywhere: Vec<i64> = (0..rows).step_by(100).collect();
    commit(&mut lake, &anywhere, rows, 2, &mut dice);
    take(&lake, "1 % edited all over").await;

    let [full, nothing, newest, anywhere] = figures[..] else {
        panic!("{figures:?}");
    };
    assert_eq!(nothing.bytes, 0);
    assert!(newest.bytes * 8 < full.bytes, "{newest:?} of {full:?}");
    assert!(
        anywhere.bytes > full.bytes,
        "every partition, and their versions"
    );
    lake.take_and_compare().await;
}
