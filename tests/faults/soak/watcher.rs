//! The service as a process: when it says of which sequence that it is on disk, and how much memory
//! it has.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long it may say nothing of what is waited for.
const PATIENCE: Duration = Duration::from_secs(300);

/// Lines of the log that are kept for whoever asks why it ended.
const LINES: usize = 40;

/// A sequence that is on disk, and when that was said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Committed {
    pub(crate) sequence: u64,
    pub(crate) at: Instant,
}

/// `guildlake serve`, running, with its commits told.
pub(crate) struct Watched {
    child: Child,
    reader: JoinHandle<()>,
    pub(crate) commits: Arc<Mutex<Vec<Committed>>>,
    said: Arc<Mutex<VecDeque<String>>>,
    reached: watch::Receiver<Reached>,
    system: System,
}

/// What its log has said so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reached {
    pub(crate) sequence: u64,
    /// Where `/health` is.
    pub(crate) health: String,
}

impl Watched {
    pub(crate) fn start(mut command: Command) -> Self {
        command
            .env("RUST_LOG", "warn,guildlake::commit=debug")
            .env("NO_COLOR", "1")
            .stdout(std::process::Stdio::null());
        let mut child = command.spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let commits = Arc::default();
        let said = Arc::default();
        let (sender, reached) = watch::channel(Reached::default());
        let reader = tokio::spawn(read(
            stderr,
            Arc::clone(&commits),
            Arc::clone(&said),
            sender,
        ));
        Self {
            child,
            reader,
            commits,
            said,
            reached,
            system: System::new(),
        }
    }

    pub(crate) async fn until(&mut self, condition: impl FnMut(&Reached) -> bool) -> Reached {
        let waited = tokio::time::timeout(PATIENCE, self.reached.wait_for(condition)).await;
        match waited {
            Ok(Ok(reached)) => reached.clone(),
            _ => panic!("it hangs or has ended:\n{}", lines(&self.said)),
        }
    }

    /// Its memory (RSS) in bytes.
    pub(crate) fn memory(&mut self) -> u64 {
        memory(&mut self.system, self.child.id().unwrap())
    }

    /// This process's: the simulator's.
    pub(crate) fn own_memory(&mut self) -> u64 {
        memory(&mut self.system, std::process::id())
    }

    /// Sends SIGTERM and waits for a good end.
    pub(crate) async fn terminate(mut self) {
        let pid = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().await;
        assert!(sent.unwrap().success());
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        self.reader.await.unwrap();
        let status = status.expect("it does not end").unwrap();
        assert_eq!(status.code(), Some(0), "{}", lines(&self.said));
    }
}

fn memory(system: &mut System, pid: u32) -> u64 {
    let pid = Pid::from_u32(pid);
    let only_memory = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, only_memory);
    system.process(pid).map_or(0, sysinfo::Process::memory)
}

async fn read(
    stderr: ChildStderr,
    commits: Arc<Mutex<Vec<Committed>>>,
    said: Arc<Mutex<VecDeque<String>>>,
    sender: watch::Sender<Reached>,
) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let at = Instant::now();
        if let Some((_, sequence)) = line.split_once(" sequence=") {
            let sequence = sequence.trim().parse().unwrap();
            // A commit of history's alone says 0.
            if sequence > 0 {
                commits.lock().unwrap().push(Committed { sequence, at });
                sender.send_modify(|reached| reached.sequence = sequence);
            }
            continue;
        }
        if line.contains("/health") {
            let url = line.split_whitespace().last().unwrap_or_default();
            sender.send_modify(|reached| url.clone_into(&mut reached.health));
        }
        let mut said = said.lock().unwrap();
        said.push_back(line);
        if said.len() > LINES {
            said.pop_front();
        }
    }
}

fn lines(said: &Mutex<VecDeque<String>>) -> String {
    let said = said.lock().unwrap();
    said.iter().cloned().collect::<Vec<_>>().join("\n")
}
