//! `guildlake doctor`: one line per check, with the fix. It checks the bot's permissions, requests a message from
//! each of some channels, opens the gateway connection, and checks the machine. It opens the record as `serve`
//! would, and so creates the data folder and migrates the record to this version.

mod discord;
mod machine;
mod socket;

use std::process::ExitCode;

use serde::Serialize;

use crate::config::{DiscordSettings, Source};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Print one JSON object per line to stdout.
    #[arg(long)]
    json: bool,
}

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    /// The service works, but something deserves attention.
    Warning,
    Failed,
}

/// One check.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    /// What was found.
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self {
            name,
            verdict: Verdict::Ok,
            found: found.into(),
            fix: None,
        }
    }

    fn warning(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Warning,
            fix: Some(fix.into()),
            ..Self::ok(name, found)
        }
    }

    fn failed(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Failed,
            ..Self::warning(name, found, fix)
        }
    }

    fn line(&self) -> String {
        let mark = match self.verdict {
            Verdict::Ok => "✓",
            Verdict::Warning => "!",
            Verdict::Failed => "✗",
        };
        let fix = self.fix.as_ref().map(|fix| format!("\n    fix: {fix}"));
        format!(
            "{mark} {}: {}{}",
            self.name,
            self.found,
            fix.unwrap_or_default()
        )
    }
}

pub(super) async fn run(source: &Source, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut checks = machine::checks(source);
    match DiscordSettings::read_alone(source) {
        Ok(Some(settings)) => checks.extend(discord::checks(settings).await),
        Ok(None) => checks.push(Check::warning(
            "token",
            "DISCORD_BOT_TOKEN is not set: the API serves the archived messages, and no new ones are archived",
            "set it to the bot's token (Developer Portal, Bot, Reset Token)",
        )),
        Err(error) => checks.extend(error.0.into_iter().map(|problem| {
            Check::failed("settings", format!("{} {}", problem.variable, problem.reason), "see .env.example")
        })),
    }
    for check in &checks {
        super::print(&if arguments.json {
            serde_json::to_string(check)?
        } else {
            check.line()
        })?;
    }
    let failed = checks.iter().any(|check| check.verdict == Verdict::Failed);
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
