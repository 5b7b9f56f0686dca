//! The service as a process that is watched over `/health` until it ends.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use simulator::Simulator;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::program::{KEY, Program};

/// How long anything may take before the test says that it hangs.
const PATIENCE: Duration = Duration::from_secs(300);

/// Between two looks at `/health`, which tells nobody by itself.
const LOOK: Duration = Duration::from_millis(2);

/// Nobody waits long for counts to be certain.
pub const ASK_AGAIN: &str = "300ms";

/// Lines of the log that are kept for whoever asks why it ended.
const LINES: usize = 40;

/// What `/health` has said so far.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Where it answers.
    pub base: String,
    /// How long after its start it was live for the first time.
    pub ready: Option<Duration>,
    /// Whether it is live now.
    pub is_live: bool,
    /// The last sequence that was said to be on disk; of the session under way.
    pub sequence: u64,
    /// How many sessions it has begun anew.
    pub identified: u64,
    /// Whether history is complete.
    pub is_complete: bool,
    /// Messages that are still to be asked for again, since their counts are not certain.
    pub unsettled: u64,
    /// How many passes over all channels were finished.
    pub passes: u64,
    /// Whether it has taken up a session again.
    pub has_resumed: bool,
    /// Whether it waits for room on the disk.
    pub is_full: bool,
    /// The last revision that was committed.
    pub revision: i64,
    /// What is done with the index of the search,
    pub search: String,
    /// the last revision that can be found in it,
    pub search_revision: Option<i64>,
    /// and how many messages.
    pub documents: u64,
    /// How many of how many are in one that is made anew.
    pub rows: (u64, u64),
}

/// How it ended after SIGTERM.
pub struct Ended {
    pub code: Option<i32>,
    pub took: Duration,
    pub said: String,
}

/// `guildlake serve`, running.
pub struct Service {
    child: Child,
    seen: watch::Receiver<Seen>,
    watcher: JoinHandle<()>,
    said: Said,
}

type Said = Arc<Mutex<VecDeque<String>>>;

impl Service {
    /// Starts it over a simulated Discord.
    pub fn start(program: Program, folder: &Path, simulator: &Simulator) -> Self {
        let mut command = program.following(folder, simulator, &["serve"]);
        command.env("ASK_AGAIN", ASK_AGAIN);
        command.env("REACTIONS", "full");
        Self::spawn(command)
    }

    /// Starts a command that runs it.
    pub fn spawn(mut command: Command) -> Self {
        let started = Instant::now();
        let mut child = command.spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (sender, seen) = watch::channel(Seen::default());
        let said = Said::default();
        let watcher = tokio::spawn(watch(started, stdout, stderr, sender, Arc::clone(&said)));
        Self {
            child,
            seen,
            watcher,
            said,
        }
    }

    /// The process that was started.
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Waits until `/health` says so.
    ///
    /// # Errors
    /// If it ends, or hangs; with the end of its log.
    pub async fn until(&mut self, condition: impl FnMut(&Seen) -> bool) -> Result<Seen, String> {
        let waited = tokio::time::timeout(PATIENCE, self.seen.wait_for(condition)).await;
        let waited = waited.map(|seen| seen.map(|seen| seen.clone()));
        match waited {
            Ok(Ok(seen)) => Ok(seen),
            Ok(Err(_)) => Err(format!("it ended:\n{}", self.said())),
            Err(_) => Err(format!("it hangs:\n{}", self.said())),
        }
    }

    /// Waits until it is live; answers how long after its start that was.
    pub async fn ready(&mut self) -> Result<Duration, String> {
        let seen = self.until(|seen| seen.ready.is_some()).await?;
        Ok(seen.ready.unwrap())
    }

    /// Sends SIGKILL; answers the last that `/health` said before.
    pub async fn kill(mut self) -> Seen {
        self.child.start_kill().unwrap();
        self.child.wait().await.unwrap();
        self.watcher.await.unwrap();
        self.seen.borrow().clone()
    }

    /// Sends SIGTERM, and SIGKILL so long after it: in the middle of the stop, or at its end.
    pub async fn kill_in_stop(self, after: Duration) -> Seen {
        signal_term(self.pid()).await;
        tokio::time::sleep(after).await;
        self.kill().await
    }

    /// Waits until it ends by itself; answers the last that `/health` said before.
    pub async fn end(mut self) -> (Seen, Ended) {
        let began = Instant::now();
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("it does not end:\n{}", self.said()));
        self.watcher.await.unwrap();
        let ended = Ended {
            code: status.unwrap().code(),
            took: began.elapsed(),
            said: lines(&self.said),
        };
        (self.seen.borrow().clone(), ended)
    }

    /// Sends SIGTERM and waits for the end.
    pub async fn terminate(self) -> Ended {
        let pid = self.pid();
        self.terminate_process(pid).await
    }

    /// Sends SIGTERM to the process with this id, and waits for the end of the one that was started.
    pub async fn terminate_process(mut self, pid: u32) -> Ended {
        let asked = Instant::now();
        signal_term(pid).await;
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let took = asked.elapsed();
        let status = status.unwrap_or_else(|_| panic!("it does not end:\n{}", self.said()));
        self.watcher.await.unwrap();
        Ended {
            code: status.unwrap().code(),
            took,
            said: lines(&self.said),
        }
    }

    /// The end of its log.
    pub fn said(&self) -> String {
        lines(&self.said)
    }
}

async fn signal_term(pid: u32) {
    let mut kill = Command::new("kill");
    let sent = kill.args(["-TERM", &pid.to_string()]).status().await;
    assert!(sent.unwrap().success(), "{pid} has ended before");
}

fn lines(said: &Said) -> String {
    let said = said.lock().unwrap();
    said.iter().cloned().collect::<Vec<_>>().join("\n")
}

/// Looks at `/health` until the process closes its stderr.
async fn watch(
    started: Instant,
    mut stdout: ChildStdout,
    stderr: ChildStderr,
    sender: watch::Sender<Seen>,
    said: Said,
) {
    let mut lines = BufReader::new(stderr).lines();
    let url = loop {
        let Ok(Some(line)) = lines.next_line().await else {
            return;
        };
        keep(&said, line.clone());
        if line.contains("/health") {
            break line
                .split_whitespace()
                .last()
                .unwrap_or_default()
                .to_owned();
        }
    };
    // A full pipe would stop it.
    let mut nothing = Vec::new();
    let drain = async {
        while let Ok(Some(line)) = lines.next_line().await {
            keep(&said, line);
        }
    };
    let ended = async { tokio::join!(drain, stdout.read_to_end(&mut nothing)) };
    tokio::select! {
        _ = ended => {}
        () = look(started, &url, &sender) => {}
    }
}

/// Keeps the last lines, but not those about the looks at `/health`, which would be all of them.
fn keep(said: &Said, line: String) {
    if line.contains("route=\"/health\"") {
        return;
    }
    let mut said = said.lock().unwrap();
    said.push_back(line);
    if said.len() > LINES {
        said.pop_front();
    }
}

async fn look(started: Instant, url: &str, sender: &watch::Sender<Seen>) {
    // reqwest takes no TLS provider by itself; this address needs none.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    loop {
        if let Ok(health) = ask(&http, url).await {
            let now = started.elapsed();
            sender.send_modify(|seen| {
                let gateway = &health["gateway"];
                seen.is_live = gateway["state"] == "live";
                if seen.is_live {
                    seen.ready.get_or_insert(now);
                }
                seen.base = url.trim_end_matches("/health").to_owned();
                seen.sequence = gateway["sequence"].as_u64().unwrap();
                seen.identified = gateway["identified"].as_u64().unwrap();
                seen.has_resumed = gateway["resumed"].as_u64().unwrap() > 0;
                seen.is_complete = health["backfill"]["state"] == "complete";
                seen.passes = health["backfill"]["passes"].as_u64().unwrap();
                seen.unsettled = health["unsettled"].as_u64().unwrap();
                seen.is_full = health["record"] == "disk_full";
                seen.revision = health["revision"].as_i64().unwrap();
                let search = &health["search"];
                let number = |name: &str| search[name].as_u64().unwrap();
                seen.search = search["state"].as_str().unwrap().to_owned();
                seen.search_revision = search["revision"].as_i64();
                seen.documents = number("documents");
                seen.rows = (number("rows_done"), number("rows_total"));
            });
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn ask(http: &reqwest::Client, url: &str) -> anyhow::Result<serde_json::Value> {
    let answer = http
        .get(url)
        .header("x-api-key", KEY)
        .send()
        .await?
        .error_for_status()?;
    Ok(serde_json::from_slice(&answer.bytes().await?)?)
}
