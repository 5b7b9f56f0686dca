//! The load.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use simulator::{Community, Config, Simulator};
use tokio_util::sync::CancellationToken;

use super::callers::{self, Statuses};
use super::rude;
use crate::GUILDLAKE;
use crate::soak::run::{history_is_complete, lags, percentile};
use crate::soak::sender::Sender;
use crate::soak::watcher::Watched;
use testkit::plan::{rounds, seed};
use testkit::program::KEY;
use testkit::truth;

/// Seconds of load in the suite.
const FEW_SECONDS: usize = 3;

/// Events a second: ten times a busy server's peak.
const RATE: f64 = 100.0;

/// Rude connections.
const RUDE: usize = 500;

#[tokio::test(flavor = "multi_thread")]
async fn callers_who_behave_badly_harm_neither_the_others_nor_the_record() {
    let seconds = rounds("GUILDLAKE_LOAD_SECONDS", FEW_SECONDS);
    let rude = rounds("GUILDLAKE_LOAD_RUDE", RUDE);
    let seed = seed();
    println!("load: seed {seed}, {seconds} s, {RATE} events a second, {rude} rude connections");
    let how_long = Duration::from_secs(seconds as u64);
    let simulator = Simulator::start(Config {
        replay_buffer: 20_000,
        ..Config::quick().with_community(Community::small(seed))
    });
    let simulator = simulator.await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut command = GUILDLAKE.following(folder.path(), &simulator, &["serve"]);
    command.env("MEMORY_LIMIT", "256MB").env("ASK_AGAIN", "1s");
    let mut service = Watched::start(command);
    let health = service.until(|reached| reached.sequence > 0).await.health;
    history_is_complete(&health).await;
    let base = health.strip_suffix("/health").unwrap().to_owned();
    let address = base.strip_prefix("http://").unwrap().parse().unwrap();
    let (quiet, noisy) = (
        key(folder.path(), "quiet").await,
        key(folder.path(), "noisy").await,
    );

    let (guild, channel) = (simulator.guilds()[0].id, busiest(&simulator));
    let page = format!("{base}/v1/messages?guild_id={guild}&channel_id={channel}&limit=50");
    let client = callers::client();
    is_known(&client, &page, &noisy).await;
    is_known(&client, &page, &quiet).await;
    let mut sender = Sender::new(&simulator, StdRng::seed_from_u64(seed));
    // Alone at first: what the healthy caller has to compare with.
    let (_, alone) = tokio::join!(
        sender.run(events(how_long / 3), RATE, |_| {}),
        callers::healthy(&client, &page, &quiet, how_long / 3)
    );
    let before = service.memory();

    let stop = CancellationToken::new();
    let statuses: Statuses = Arc::new(Mutex::new(BTreeMap::new()));
    let download = format!("/v1/messages.ndjson?guild_id={guild}");
    let urls = [
        format!("/v1/messages?guild_id={guild}&channel_id={channel}&limit=500&include_raw=true"),
        "/v1/changes?since=0&limit=500&include_raw=true".to_owned(),
        format!("/v1/coverage?guild_id={guild}"),
        "/v1/search?q=event&facets=channel,author,day".to_owned(),
        "/v1/search/suggest?filter=from&text=a".to_owned(),
        format!("/v1/reports/activity?guild_id={guild}"),
        download.clone(),
    ];
    let urls = Arc::new(urls.map(|url| format!("{base}{url}")).to_vec());
    let mut crowd = tokio::task::JoinSet::new();
    crowd.spawn(callers::noisy(
        callers::client(),
        urls,
        noisy.clone(),
        Arc::clone(&statuses),
        stop.clone(),
    ));
    for n in 0..rude as u64 {
        let dice = StdRng::seed_from_u64(seed ^ n);
        crowd.spawn(rude::connection(
            address,
            download.clone(),
            noisy.clone(),
            dice,
            stop.clone(),
        ));
    }
    let mut most = before;
    let (_, beside) = tokio::join!(
        sender.run(events(how_long / 3) + events(how_long), RATE, |_| most =
            most.max(service.memory())),
        callers::healthy(&client, &page, &quiet, how_long)
    );
    stop.cancel();
    while crowd.join_next().await.is_some() {}

    let all = simulator.sequence();
    service.until(|reached| reached.sequence >= all).await;
    history_is_complete(&health).await;
    let commits = service.commits.lock().unwrap().clone();
    let lags = lags(&sender.measured, &commits);
    let after = service.memory();
    service.terminate().await;
    let statuses = statuses.lock().unwrap().clone();
    println!(
        "load: seed {seed}; a healthy page takes p50 {:.1} ms, p99 {:.1} ms alone and p50 {:.1} ms, p99 {:.1} ms beside \
         the others (of {} and {}); an event is on disk after p50 {:.1} ms, p99 {:.1} ms, {:.1} ms at most (of {}); memory in \
         MB: {} before, {} at most, {} after; the noisy caller was answered {statuses:?}",
        percentile(&alone, 50),
        percentile(&alone, 99),
        percentile(&beside, 50),
        percentile(&beside, 99),
        alone.len(),
        beside.len(),
        percentile(&lags, 50),
        percentile(&lags, 99),
        percentile(&lags, 100),
        lags.len(),
        before / 1_000_000,
        most / 1_000_000,
        after / 1_000_000,
    );
    let unexpected: Vec<_> = statuses
        .keys()
        .filter(|it| ![200, 429, 503].contains(*it))
        .collect();
    assert!(unexpected.is_empty(), "{statuses:?}");
    assert!(statuses.contains_key(&200), "{statuses:?}");
    assert_eq!(
        lags.len(),
        sender.measured.len(),
        "each event was committed"
    );
    let messages =
        truth::compare_by_channel(&simulator, &folder.path().join("data/guildlake.duckdb"));
    println!("load: the record equals the truth ({messages} messages)");
    assert_eq!(simulator.counters().identifies, 1, "the session went on");
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of events"
)]
fn events(how_long: Duration) -> usize {
    (how_long.as_secs_f64() * RATE) as usize
}

/// A key that may read everything, made while the service runs.
async fn key(folder: &std::path::Path, name: &str) -> String {
    let scopes = ["messages", "content", "search", "export", "reports"];
    let mut arguments = vec!["keys", "create", name];
    arguments.extend(scopes.iter().flat_map(|scope| ["--scope", scope]));
    let mut command = GUILDLAKE.command(folder, &arguments);
    let made = command.stderr(Stdio::null()).output().await.unwrap();
    assert!(made.status.success());
    let key = String::from_utf8(made.stdout).unwrap();
    assert!(!key.contains(KEY));
    key.trim().to_owned()
}

/// Waits until the service knows a key.
async fn is_known(client: &reqwest::Client, url: &str, key: &str) {
    loop {
        let answer = client
            .get(url)
            .header("x-api-key", key)
            .send()
            .await
            .unwrap();
        if answer.status() == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The channel with the most messages.
fn busiest(simulator: &Simulator) -> u64 {
    let channels = simulator.channels().into_iter();
    let readable = channels.filter(|it| it.visible && it.history && it.kind.has_messages());
    readable.map(|it| it.id).next().unwrap()
}
