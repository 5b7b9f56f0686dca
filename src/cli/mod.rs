//! The commands. Data goes to stdout, messages go to stderr; no secret is ever a flag.

mod backfill;
mod demo;
mod doctor;
mod index;
mod keys;
mod openapi;
mod progress;
mod rows;
mod serve;
mod snapshot;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Source};

/// Archives the messages of chosen Discord channels and serves them for reporting.
#[derive(Parser)]
#[command(
    name = "guildlake",
    version,
    after_help = "Settings come from the environment, or from .env in the working folder; .env.example \
                  lists them.\n\nExamples:\n  guildlake demo          try guildlake without a token or network\n  \
                  guildlake doctor        check the settings and show how to fix them\n  guildlake           \
                  \x20   run the API and the ingest (same as serve)"
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service: serve the API, archive new messages and read the history (the default).
    #[command(after_help = "Example:\n  API_KEY=$(openssl rand -hex 32) guildlake serve")]
    Serve,
    /// Read the history of every chosen channel once, then exit.
    #[command(
        after_help = "An interrupted backfill continues at the page where it stopped. `serve` backfills by itself.\n\n\
                      Examples:\n  guildlake backfill\n  guildlake backfill --verify --from 2026-01-01"
    )]
    Backfill(backfill::Arguments),
    /// Take one snapshot of the database as Parquet files, then exit.
    #[command(
        after_help = "Only files that changed since the last snapshot are written. `serve` takes snapshots by itself, \
                      every SNAPSHOT_INTERVAL.\n\nExample:\n  guildlake snapshot"
    )]
    Snapshot,
    /// Make, list, rotate and revoke API keys.
    #[command(subcommand)]
    Keys(keys::Arguments),
    /// Show or rebuild the full-text search index.
    #[command(subcommand)]
    Index(index::Arguments),
    /// Show or rebuild the row store, from which pages and single messages are read.
    #[command(subcommand)]
    Rows(rows::Arguments),
    /// Run the service with a generated community; needs no token and no network.
    #[command(after_help = "Example:\n  guildlake demo --messages 100000 --port 8000")]
    Demo(demo::Arguments),
    /// Check the settings, the bot's permissions and the machine: one line per check, with the fix.
    #[command(
        after_help = "The exit code is 1 if a check failed.\n\nExample:\n  guildlake doctor --json"
    )]
    Doctor(doctor::Arguments),
    /// Print the OpenAPI 3.1 description of the API.
    #[command(after_help = "Example:\n  guildlake openapi > openapi.json")]
    Openapi,
}

/// How long the shutdown waits for threads that still serve a request.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// Runs the command that the arguments name.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(code) => code,
        Err(error) => {
            say(&format!("guildlake: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match dotenvy::from_path(".env") {
        Ok(_) => {}
        Err(error) if error.not_found() => {}
        // The library's message quotes the line, which may contain a secret.
        Err(_) => {
            anyhow::bail!(".env can't be parsed: each line must be NAME=VALUE or begin with #")
        }
    }
    let source = Source::environment();
    let command = match arguments.command.unwrap_or(Command::Serve) {
        // These need no log and no runtime.
        Command::Openapi => return openapi::run(),
        Command::Keys(arguments) => return keys::run(arguments, &source),
        command => command,
    };
    begin_log(LogFormat::read(&source)?);
    let runtime = tokio::runtime::Runtime::new().context("the runtime can't be started")?;
    let done = runtime.block_on(async {
        let stop = stop_on_signal()?;
        match command {
            Command::Serve => serve::run(&source, stop).await,
            Command::Backfill(arguments) => backfill::run(&arguments, &source, stop).await,
            Command::Snapshot => snapshot::run(&source, stop).await,
            Command::Index(arguments) => index::run(arguments, &source, stop).await,
            Command::Rows(arguments) => rows::run(arguments, &source, stop).await,
            Command::Demo(arguments) => demo::run(arguments, stop).await,
            Command::Doctor(arguments) => doctor::run(&source, &arguments).await,
            Command::Openapi => openapi::run(),
            Command::Keys(arguments) => keys::run(arguments, &source),
        }
    });
    // Threads that still serve a request end with the process; everything that was committed is on disk.
    runtime.shutdown_timeout(LAST_ANSWERS);
    done
}

/// Logs to stderr; `RUST_LOG` chooses how much.
fn begin_log(format: LogFormat) {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,guildlake=info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Json => log.json().flatten_event(true).init(),
        LogFormat::Pretty => {
            let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            let ansi = std::io::stderr().is_terminal() && !no_color;
            log.with_ansi(ansi).with_target(false).init();
        }
    }
}

/// A token that Ctrl-C and SIGTERM cancel.
fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let told = stop.clone();
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .context("the handler for SIGTERM can't be installed")?;
    tokio::spawn(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
        told.cancel();
    });
    Ok(stop)
}

/// Prints a message for people, to stderr.
#[expect(
    clippy::print_stderr,
    reason = "the only place where the command line prints messages"
)]
fn say(text: &str) {
    eprintln!("{text}");
}

/// Prints data, to stdout.
fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    match writeln!(std::io::stdout(), "{text}") {
        // A closed pipe, as in `guildlake openapi | head`, is not an error.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}
