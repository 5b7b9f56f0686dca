//! The soak.

use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use simulator::{Community, Config, Simulator};

use super::sender::{Sender, Sent};
use super::watcher::{Committed, Watched};
use crate::GUILDLAKE;
use testkit::plan::{rounds, seed};
use testkit::program::KEY;
use testkit::truth;

/// Events in the suite.
const FEW: usize = 5_000;

/// Events a second.
const RATE: usize = 1000;

/// Between two looks at the memory.
const LOOK: Duration = Duration::from_secs(2);

/// Below so many events DuckDB still fills what it keeps in memory, and growth says nothing.
const ENOUGH_FOR_A_LEAK: usize = 500_000;

/// How long `/health` may take to say that history is complete.
const PATIENCE: Duration = Duration::from_secs(300);

/// Memory at a moment.
struct Sample {
    events: usize,
    service: u64,
    simulator: u64,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_discord_is_followed_without_loss_lag_or_leak() {
    let events = rounds("GUILDLAKE_SOAK_EVENTS", FEW);
    let rate = u32::try_from(rounds("GUILDLAKE_SOAK_RATE", RATE)).unwrap();
    let seed = seed();
    println!("soak: seed {seed}, {events} events, {rate} a second");
    let config = Config {
        // What nobody comes for would only fill memory.
        replay_buffer: 20_000,
        ..Config::quick().with_community(Community::small(seed))
    };
    let simulator = Simulator::start(config).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut command = GUILDLAKE.following(folder.path(), &simulator, &["serve"]);
    // What DuckDB keeps of the file is no leak, and would look like one.
    command.env("MEMORY_LIMIT", "256MB");
    command.env("ASK_AGAIN", "1s");
    let mut service = Watched::start(command);
    let health = service.until(|reached| reached.sequence > 0).await.health;
    history_is_complete(&health).await;

    let mut sender = Sender::new(&simulator, StdRng::seed_from_u64(seed));
    let mut samples: Vec<Sample> = Vec::new();
    let (began, mut looked) = (Instant::now(), Instant::now());
    sender
        .run(events, f64::from(rate), |sent| {
            if looked.elapsed() >= LOOK || samples.is_empty() || sent == events {
                looked = Instant::now();
                samples.push(Sample {
                    events: sent,
                    service: service.memory(),
                    simulator: service.own_memory(),
                });
            }
        })
        .await;
    let took = began.elapsed();
    let all = simulator.sequence();
    service.until(|reached| reached.sequence >= all).await;
    let caught_up = began.elapsed().checked_sub(took).unwrap_or_default();
    history_is_complete(&health).await;
    let last = service.memory();
    let commits = service.commits.lock().unwrap().clone();
    let lags = lags(&sender.measured, &commits);
    service.terminate().await;

    print_figures(&samples, last, &lags, events, took);
    println!(
        "soak: seed {seed}, {} commits, the last event on disk {} ms after it was sent, the simulator has {} MB",
        commits.len(),
        caught_up.as_millis(),
        mb(samples.last().unwrap().simulator)
    );
    assert_eq!(lags.len(), sender.measured.len(), "each was committed");
    let database = folder.path().join("data/guildlake.duckdb");
    let messages = truth::compare_by_channel(&simulator, &database);
    println!("soak: the record equals the truth ({messages} messages)");
    assert_eq!(simulator.counters().identifies, 1, "the session went on");
    let early = at(&samples, events, 20).service;
    if events >= ENOUGH_FOR_A_LEAK {
        assert!(last <= 2 * early, "{} MB were {} MB", mb(last), mb(early));
    }
}

fn print_figures(samples: &[Sample], last: u64, lags: &[Duration], events: usize, took: Duration) {
    let most = samples.iter().map(|sample| sample.service).max();
    let per_second = f64::from(u32::try_from(events).unwrap()) / took.as_secs_f64();
    println!(
        "soak: {events} events in {:.1} s ({per_second:.0} a second); service's memory in MB: {} at 10 %, \
         {} at 20 %, {} at 50 %, {} at 100 %, {} at most, {} at the end; an event is on disk after p50 {:.1} ms, \
         p99 {:.1} ms, {:.1} ms at most (of {} measured)",
        took.as_secs_f64(),
        mb(at(samples, events, 10).service),
        mb(at(samples, events, 20).service),
        mb(at(samples, events, 50).service),
        mb(at(samples, events, 100).service),
        mb(most.unwrap_or_default()),
        mb(last),
        percentile(lags, 50),
        percentile(lags, 99),
        percentile(lags, 100),
        lags.len(),
    );
}

/// The first sample after so many percent of the events.
fn at(samples: &[Sample], events: usize, percent: usize) -> &Sample {
    let found = samples
        .iter()
        .find(|sample| sample.events * 100 >= events * percent);
    found.unwrap_or_else(|| samples.last().unwrap())
}

fn mb(bytes: u64) -> u64 {
    bytes / 1_000_000
}

/// Of each event how long after it was sent it was said to be on disk; sorted.
pub(crate) fn lags(sent: &[Sent], commits: &[Committed]) -> Vec<Duration> {
    let mut commits = commits.iter().peekable();
    let mut lags = Vec::with_capacity(sent.len());
    for event in sent {
        while commits
            .next_if(|commit| commit.sequence < event.sequence)
            .is_some()
        {}
        if let Some(commit) = commits.peek() {
            lags.push(commit.at.saturating_duration_since(event.at));
        }
    }
    lags.sort_unstable();
    lags
}

/// The smallest of sorted times that so many percent do not exceed, in milliseconds.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    let time = sorted.get(rank - 1).copied().unwrap_or_default();
    time.as_secs_f64() * 1000.0
}

pub(crate) async fn history_is_complete(health: &str) {
    // reqwest takes no TLS provider by itself; this address needs none.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let complete = async {
        loop {
            let asked = http.get(health).header("x-api-key", KEY);
            let answer = asked.send().await.unwrap();
            let body = answer.bytes().await.unwrap();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            if body["backfill"]["state"] == "complete" && body["unsettled"] == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, complete).await;
    assert!(waited.is_ok(), "history is not complete");
}

#[test]
fn an_event_is_on_disk_with_the_first_commit_that_reaches_it() {
    let start = Instant::now();
    let after = |ms| start + Duration::from_millis(ms);
    let sent = [(1, 0), (2, 1), (5, 2), (9, 3)].map(|(sequence, at)| Sent {
        sequence,
        at: after(at),
    });
    let commits = [(2, 10), (6, 20)].map(|(sequence, at)| Committed {
        sequence,
        at: after(at),
    });
    let expected = [9, 10, 18].map(Duration::from_millis);
    assert_eq!(lags(&sent, &commits), expected, "the last one never was");
    assert!((percentile(&expected, 50) - 10.0).abs() < 1e-9);
}
