//! Requests that nobody should send: the service answers each by name, and goes on.
//!
//! `GUILDLAKE_MALFORMED` sets the number of requests.

mod answer;
mod request;
mod route;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use simulator::{Community, Config, Simulator};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use self::answer::Answer;
use self::request::{Kind, Sent};
use self::route::Routes;
use crate::GUILDLAKE;
use testkit::http::Http;
use testkit::plan::{rounds, seed};

/// Requests in the suite.
const FEW: usize = 2_000;

/// Connections at once.
const CALLERS: usize = 32;

/// After so long without a byte the caller of a request that may be cut says that nothing more will come, since the
/// service waits for more.
const QUIET: Duration = Duration::from_millis(500);

/// How long an answer may take: the service's own limit is a minute.
const PATIENCE: Duration = Duration::from_secs(120);

/// Between two looks at the log, or at `/health`.
const LOOK: Duration = Duration::from_millis(20);

/// What was answered: how often each status, for each kind of request. None is a connection that was closed without.
type Figures = BTreeMap<Kind, BTreeMap<Option<u16>, usize>>;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_sent_breaks_the_service() {
    let count = rounds("GUILDLAKE_MALFORMED", FEW);
    let seed = seed();
    println!("malformed: seed {seed}, {count} requests (GUILDLAKE_SEED={seed} sends them again)");
    let config = Config::quick().with_community(Community::small(seed));
    let simulator = Simulator::start(config).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut command = GUILDLAKE.following(folder.path(), &simulator, &["serve"]);
    command
        .env("RATE_LIMIT", "off")
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap());
    let mut service = command.spawn().unwrap();
    let base = base(&log).await;
    let http = Http::new(&base);
    has_everything(&http).await;
    let routes = Arc::new(Routes::of(&http, &simulator).await);
    let address = base.strip_prefix("http://").unwrap().to_owned();

    let began = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let caller = call(
                address.clone(),
                Arc::clone(&routes),
                seed,
                Arc::clone(&next),
                count,
            );
            tokio::spawn(caller)
        })
        .collect();
    let mut figures = Figures::new();
    for caller in callers {
        for (kind, statuses) in caller.await.unwrap() {
            for (status, times) in statuses {
                *figures.entry(kind).or_default().entry(status).or_default() += times;
            }
        }
    }
    let took = began.elapsed();

    assert!(service.try_wait().unwrap().is_none(), "it has ended");
    let (status, health) = http.get("/health").await;
    assert_eq!((status, &health["gateway"]["state"]), (200, &"live".into()));
    let pid = service.id().unwrap().to_string();
    let sent = tokio::process::Command::new("kill")
        .arg(&pid)
        .status()
        .await;
    assert!(sent.unwrap().success());
    let ended = tokio::time::timeout(PATIENCE, service.wait()).await;
    assert_eq!(ended.expect("it stops").unwrap().code(), Some(0));
    let log = std::fs::read_to_string(&log).unwrap();
    let wrong = ["panic", " ERROR "];
    let wrong: Vec<_> = log
        .lines()
        .filter(|line| wrong.iter().any(|it| line.contains(it)))
        .take(10)
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    tell(seed, count, took, &figures);
}

/// Where the service answers, once it says so.
async fn base(log: &Path) -> String {
    let began = Instant::now();
    loop {
        let said = std::fs::read_to_string(log).unwrap();
        let found = said.lines().find(|line| line.contains("/health"));
        if let Some(url) = found.and_then(|line| line.split_whitespace().last()) {
            return url.trim_end_matches("/health").to_owned();
        }
        assert!(began.elapsed() < PATIENCE, "{said}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until history is complete and can be searched.
async fn has_everything(http: &Http) {
    let began = Instant::now();
    loop {
        let (_, health) = http.get("/health").await;
        let is_complete = health["backfill"]["state"] == "complete";
        if is_complete && health["search"]["revision"] == health["revision"] {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{health}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Sends one request after the other. Each has dice of its own, so that a run is the same whoever sends which.
async fn call(
    address: String,
    routes: Arc<Routes>,
    seed: u64,
    next: Arc<AtomicUsize>,
    count: usize,
) -> Figures {
    let mut figures = Figures::new();
    loop {
        let n = next.fetch_add(1, Ordering::Relaxed);
        if n >= count {
            return figures;
        }
        let mut dice = StdRng::seed_from_u64(seed.wrapping_add((n as u64) << 32));
        let sent = Sent::any(&routes, &mut dice);
        let quiet = match sent.must_be_answered() {
            // The service would take it for a caller that has left.
            true => PATIENCE,
            false => QUIET,
        };
        let bytes = exchange(&address, &sent.bytes, quiet).await;
        let answers = Answer::all(&bytes, &sent)
            .and_then(|answers| {
                answers.iter().try_for_each(|answer| answer.check(&sent))?;
                Ok(answers)
            })
            .unwrap_or_else(|wrong| {
                panic!(
                    "request {n}: {wrong}\n--- sent: {}\n--- answered: {}",
                    shown(&sent.bytes),
                    shown(&bytes)
                )
            });
        assert!(
            !sent.must_be_answered() || !answers.is_empty(),
            "request {n} is not answered: {}",
            shown(&sent.bytes)
        );
        let statuses = figures.entry(sent.kind).or_default();
        *statuses
            .entry(answers.first().map(|answer| answer.status))
            .or_default() += 1;
    }
}

/// The first part of some bytes, to be read by people.
fn shown(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(2_000)].escape_ascii().to_string()
}

/// Sends bytes, and reads everything that is answered until the connection ends.
async fn exchange(address: &str, bytes: &[u8], quiet: Duration) -> Vec<u8> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut incoming, mut outgoing) = stream.into_split();
    let bytes = bytes.to_vec();
    // The service may answer, and close, before it has everything.
    let send = tokio::spawn(async move {
        let _ = outgoing.write_all(&bytes).await;
        outgoing
    });
    let mut outgoing = None;
    let mut send = Some(send);
    let mut received = Vec::new();
    let began = Instant::now();
    loop {
        let read = tokio::time::timeout(quiet, incoming.read_buf(&mut received)).await;
        match read {
            // Closed, or closed with something of the request unread.
            Ok(Ok(0) | Err(_)) => return received,
            Ok(Ok(_)) => {}
            Err(_) => {
                assert!(
                    began.elapsed() < PATIENCE,
                    "it neither answers nor closes: {}",
                    shown(&received)
                );
                if let Some(send) = send.take() {
                    outgoing = send.await.ok();
                }
                if let Some(mut outgoing) = outgoing.take() {
                    let _ = outgoing.shutdown().await;
                }
            }
        }
    }
}

fn tell(seed: u64, count: usize, took: Duration, figures: &Figures) {
    let mut all = BTreeMap::<Option<u16>, usize>::new();
    let named = |statuses: &BTreeMap<Option<u16>, usize>| {
        let each = statuses.iter().map(|(status, times)| match status {
            Some(status) => format!("{status}: {times}"),
            None => format!("no answer: {times}"),
        });
        each.collect::<Vec<_>>().join(", ")
    };
    for (kind, statuses) in figures {
        println!("malformed: {kind:?}: {}", named(statuses));
        for (status, times) in statuses {
            *all.entry(*status).or_default() += times;
        }
    }
    println!(
        "malformed: seed {seed}, {count} requests in {:.0} s, 0 panics, 0 faults: {}",
        took.as_secs_f64(),
        named(&all)
    );
}
