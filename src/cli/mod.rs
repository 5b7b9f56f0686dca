//! The commands. Data goes to stdout, talk to stderr; no secret is ever a flag.

mod backfill;
mod demo;
mod doctor;
mod index;
mod openapi;
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

/// Collects the messages of chosen Discord channels and makes them ready for reporting.
#[derive(Parser)]
#[command(
    name = "guildlake",
    version,
    after_help = "Settings come from the environment, or from .env in the working folder; .env.example \
                  lists them.\n\nExamples:\n  guildlake demo          try it: no token, no network\n  \
                  guildlake doctor        check the settings, each with its fix\n  guildlake           \
                  \x20   the API and the ingest (same as serve)"
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API and follow Discord, live and in history (the default).
    #[command(after_help = "Example:\n  API_KEY=$(openssl rand -hex 32) guildlake serve")]
    Serve,
    /// Read the history of every chosen channel once, and end.
    #[command(
        after_help = "It goes on where it stopped, at the page. While `serve` runs it does this by itself.\n\n\
                      Examples:\n  guildlake backfill\n  guildlake backfill --verify --from 2026-01-01"
    )]
    Backfill(backfill::Arguments),
    /// Write the record as Parquet files once, and end.
    #[command(
        after_help = "Only what has changed since the last snapshot is written. While `serve` runs it does this by \
                      itself, every SNAPSHOT_INTERVAL.\n\nExample:\n  guildlake snapshot"
    )]
    Snapshot,
    /// The index of the full-text search: how it is, or make it anew.
    #[command(subcommand)]
    Index(index::Arguments),
    /// Serve a made-up community: no token, no network.
    #[command(after_help = "Example:\n  guildlake demo --messages 100000 --port 8000")]
    Demo(demo::Arguments),
    /// Check the settings, Discord's permissions and the machine: one line each, with the fix.
    #[command(after_help = "Ends with 1 if a check failed.\n\nExample:\n  guildlake doctor --json")]
    Doctor(doctor::Arguments),
    /// Print the API's description (OpenAPI 3.1).
    #[command(after_help = "Example:\n  guildlake openapi > openapi.json")]
    Openapi,
}

/// How long the end waits for threads that answer somebody.
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
        // Its words quote the line, which may hold a secret.
        Err(_) => anyhow::bail!(".env can't be read: each line is NAME=VALUE, or begins with #"),
    }
    let source = Source::environment();
    let command = arguments.command.unwrap_or(Command::Serve);
    if let Command::Openapi = command {
        return openapi::run();
    }
    begin_log(LogFormat::read(&source)?);
    let runtime = tokio::runtime::Runtime::new().context("the runtime can't be started")?;
    let done = runtime.block_on(async {
        let stop = stop_on_signal()?;
        match command {
            Command::Serve => serve::run(&source, stop).await,
            Command::Backfill(arguments) => backfill::run(&arguments, &source, stop).await,
            Command::Snapshot => snapshot::run(&source, stop).await,
            Command::Index(arguments) => index::run(arguments, &source, stop).await,
            Command::Demo(arguments) => demo::run(arguments, stop).await,
            Command::Doctor(arguments) => doctor::run(&source, &arguments).await,
            Command::Openapi => openapi::run(),
        }
    });
    // What still answers somebody ends with the process; what was committed is on disk.
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
        .context("SIGTERM can't be listened for")?;
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

/// Talk goes to stderr.
#[expect(
    clippy::print_stderr,
    reason = "the command line talks here, and nowhere else"
)]
fn say(text: &str) {
    eprintln!("{text}");
}

/// Data goes to stdout.
fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    match writeln!(std::io::stdout(), "{text}") {
        // `guildlake openapi | head` is nobody's mistake.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}
