//! Callers with keys: one that asks a page at a time, and one that asks for everything at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use reqwest::Client;
use tokio_util::sync::CancellationToken;

/// How often the healthy caller asks.
const EVERY: Duration = Duration::from_millis(20);

/// How many requests of the noisy caller are on their way at the same time.
const AT_ONCE: usize = 32;

/// How often each status was answered.
pub(crate) type Statuses = Arc<Mutex<BTreeMap<u16, usize>>>;

pub(crate) fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(90));
    client.build().unwrap()
}

/// Asks for the newest page of a channel at a steady pace, for so long; the times that it took, sorted.
pub(crate) async fn healthy(
    client: &Client,
    url: &str,
    key: &str,
    how_long: Duration,
) -> Vec<Duration> {
    let mut times = Vec::new();
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let began = Instant::now();
    while began.elapsed() < how_long {
        ticks.tick().await;
        let asked = Instant::now();
        let answer = client
            .get(url)
            .header("x-api-key", key)
            .send()
            .await
            .unwrap();
        let status = answer.status();
        let body = answer.bytes().await.unwrap();
        times.push(asked.elapsed());
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    }
    times.sort_unstable();
    times
}

/// Asks for all of these at once and again, until it is told to stop.
pub(crate) async fn noisy(
    client: Client,
    urls: Arc<Vec<String>>,
    key: String,
    statuses: Statuses,
    stop: CancellationToken,
) {
    let ask = |first: usize| {
        let (client, urls, key) = (client.clone(), Arc::clone(&urls), key.clone());
        let (statuses, stop) = (Arc::clone(&statuses), stop.clone());
        async move {
            for url in urls.iter().cycle().skip(first) {
                let asking = client.get(url).header("x-api-key", &key).send();
                let answer = tokio::select! {
                    () = stop.cancelled() => return,
                    answer = asking => answer,
                };
                // A connection can be cut; what is answered counts.
                let Ok(answer) = answer else { continue };
                *statuses
                    .lock()
                    .unwrap()
                    .entry(answer.status().as_u16())
                    .or_default() += 1;
                let reading = answer.bytes();
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = reading => {}
                }
            }
        }
    };
    futures_util::future::join_all((0..AT_ONCE).map(ask)).await;
}
