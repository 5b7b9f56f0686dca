//! The binary with an environment of its own, and what it says, line by line.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use simulator::{Community, Config, Simulator};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

pub const KEY: &str = "a-key-for-tests-0123456789";

/// How long anything may take before the test says that it hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// The binary. Where it is, only the tests of its package know: `Program::at(env!("CARGO_BIN_EXE_guildlake"))`.
#[derive(Clone, Copy, Debug)]
pub struct Program(&'static str);

impl Program {
    pub const fn at(path: &'static str) -> Self {
        Self(path)
    }

    pub const fn path(self) -> &'static str {
        self.0
    }

    /// A command in `folder`, with nothing of this process's environment that it reads.
    pub fn command(self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.0);
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
    pub fn following(self, folder: &Path, simulator: &Simulator, arguments: &[&str]) -> Command {
        let guilds = simulator.guilds().into_iter();
        let guilds: Vec<String> = guilds.map(|guild| guild.id.to_string()).collect();
        let mut command = self.command(folder, arguments);
        command
            .env("API_KEY", KEY)
            .env("DISCORD_BOT_TOKEN", simulator.token())
            .env("DISCORD_GUILD_ID", guilds.join(","))
            .env("DISCORD_API_URL", simulator.api_url());
        command
    }
}

pub async fn discord(seed: u64) -> Simulator {
    println!("seed {seed}");
    let config = Config::quick().with_community(Community::small(seed));
    Simulator::start(config).await.unwrap()
}

/// What a command that ended said.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

pub async fn end(mut command: Command) -> Ended {
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    let output = output.expect("it hangs").unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A command that runs.
pub struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    /// What it said on stderr so far.
    pub said: String,
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        Self {
            child,
            lines: BufReader::new(stderr).lines(),
            said: String::new(),
        }
    }

    /// Reads on until a line holds `text`; answers that line.
    pub async fn until(&mut self, text: &str) -> String {
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
    pub async fn until_said(&mut self, text: &str) {
        if !self.said.contains(text) {
            self.until(text).await;
        }
    }

    /// Sends SIGTERM, reads on to the end, and answers the exit code.
    pub async fn terminate(mut self) -> (Option<i32>, String) {
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
