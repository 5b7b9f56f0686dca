//! The binary with an environment of its own, and what it says, line by line.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use simulator::{Community, Config, Simulator};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

pub(crate) const KEY: &str = "a-key-for-tests-0123456789";

/// How long anything may take before the test says that it hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A command in `folder`, with nothing of this process's environment that it reads.
pub(crate) fn guildlake(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guildlake"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("BIND", "127.0.0.1:0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// The same over a simulated Discord.
pub(crate) fn following(folder: &Path, simulator: &Simulator, arguments: &[&str]) -> Command {
    let guilds: Vec<String> = simulator
        .guilds()
        .iter()
        .map(|guild| guild.id.to_string())
        .collect();
    let mut command = guildlake(folder, arguments);
    command
        .env("API_KEY", KEY)
        .env("DISCORD_BOT_TOKEN", simulator.token())
        .env("DISCORD_GUILD_ID", guilds.join(","))
        .env("DISCORD_API_URL", simulator.api_url());
    command
}

pub(crate) async fn discord(seed: u64) -> Simulator {
    println!("seed {seed}");
    let config = Config::quick().with_community(Community::small(seed));
    Simulator::start(config).await.unwrap()
}

/// The programs of `make venv`: DuckDB's command line, Python with pandas.
pub(crate) fn venv() -> PathBuf {
    let venv = std::env::var_os("GUILDLAKE_VENV").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/venv"),
        PathBuf::from,
    );
    assert!(
        venv.join("bin/duckdb").exists(),
        "no Python tools in {}: run `make venv`",
        venv.display()
    );
    venv.join("bin")
}

/// What a command that ended said.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) async fn end(mut command: Command) -> Ended {
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    let output = output.expect("it hangs").unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A command that runs.
pub(crate) struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    /// What it said on stderr so far.
    pub(crate) said: String,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        Self {
            child,
            lines: BufReader::new(stderr).lines(),
            said: String::new(),
        }
    }

    /// Reads on until a line holds `text`; answers that line.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        loop {
            let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await;
            let Some(line) = line
                .unwrap_or_else(|_| panic!("no {text:?} in:\n{}", self.said))
                .unwrap()
            else {
                panic!("it ended without {text:?}:\n{}", self.said);
            };
            self.said.push_str(&line);
            self.said.push('\n');
            if line.contains(text) {
                return line;
            }
        }
    }

    /// The same, if it was not said before.
    pub(crate) async fn until_said(&mut self, text: &str) {
        if !self.said.contains(text) {
            self.until(text).await;
        }
    }

    /// Sends SIGTERM, reads on to the end, and answers the exit code.
    pub(crate) async fn terminate(mut self) -> (Option<i32>, String) {
        let pid = self.child.id().unwrap().to_string();
        let sent = Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .await
            .unwrap();
        assert!(sent.success());
        while let Some(line) = self.lines.next_line().await.unwrap() {
            self.said.push_str(&line);
            self.said.push('\n');
        }
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        (status.expect("it hangs").unwrap().code(), self.said)
    }
}
