//! The judged queries of `queries.ndjson`, asked through the router: whether a search finds what people
//! look for. `rivals.py` puts the answers, which this leaves in a file, beside those of others.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::Deserialize;
use testkit::lake::{Ids, Lake};

/// Answers that count, and from which grade on a message is what was looked for.
const DEPTH: usize = 20;
const RELEVANT: u8 = 2;

/// What the search reached when this was written, less a little: it may get better.
const MIN_SUCCESS: f64 = 0.95;
const MIN_RANK: f64 = 0.88;

#[derive(Deserialize)]
struct Query {
    q: String,
    kind: String,
    judgements: HashMap<i64, u8>,
}

#[tokio::test]
async fn the_judged_queries_are_answered_well() {
    let mut lake = Lake::new();
    let corpus = std::fs::read_to_string(file("corpus.ndjson")).unwrap();
    lake.add(corpus.lines().map(str::to_owned));
    lake.index().await;
    let queries = std::fs::read_to_string(file("queries.ndjson")).unwrap();
    let queries = queries
        .lines()
        .map(|line| serde_json::from_str::<Query>(line).unwrap());
    let queries: Vec<Query> = queries.collect();
    assert!(queries.len() >= 60);
    let mut answers = BTreeMap::new();
    let (mut successes, mut ranks) = (0.0, 0.0);
    for query in &queries {
        let mut found = ask(&lake, &query.q).await;
        // As the others are asked: if not all words are there, any may be.
        let words: Vec<&str> = query.q.split_whitespace().collect();
        if found.is_empty() && words.len() > 1 && !query.q.starts_with('"') {
            found = ask(&lake, &words.join(" OR ")).await;
        }
        let is_relevant = |id: &i64| query.judgements.get(id).is_some_and(|it| *it >= RELEVANT);
        let rank = found.iter().position(is_relevant);
        if rank.is_none_or(|rank| rank > 0) {
            println!("{} {:?}: first at {rank:?}", query.kind, query.q);
        }
        successes += f64::from(u8::from(rank.is_some_and(|rank| rank < 5)));
        ranks += rank.map_or(0.0, |rank| 1.0 / (rank as f64 + 1.0));
        let found = found.iter().map(ToString::to_string);
        answers.insert(query.q.clone(), found.collect::<Vec<_>>());
    }
    let count = queries.len() as f64;
    let (success, rank) = (successes / count, ranks / count);
    println!(
        "success@5 {success:.3}, MRR {rank:.3}, {} queries",
        queries.len()
    );
    let told = Path::new(env!("CARGO_TARGET_TMPDIR")).join("relevance.json");
    std::fs::write(&told, serde_json::to_vec(&answers).unwrap()).unwrap();
    println!("the answers are in {}", told.display());
    assert!(
        success >= MIN_SUCCESS && rank >= MIN_RANK,
        "{success} {rank}"
    );
}

async fn ask(lake: &Lake, q: &str) -> Vec<i64> {
    let q = percent_encoding::utf8_percent_encode(q, percent_encoding::NON_ALPHANUMERIC);
    let path = format!("/v1/search?limit={DEPTH}&q={q}");
    lake.get(&path).await.json().ids()
}

fn file(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/relevance")
        .join(name)
}
