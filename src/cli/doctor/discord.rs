//! Checks against Discord: token, clock, intents, session budget, and what of the chosen guilds
//! and channels the bot may read.

use std::time::Duration;

use chrono::TimeDelta;

use super::Check;
use crate::config::{DiscordSettings, token_has_the_form};
use crate::discord::rest::{Rest, RestError, RestSettings};
use crate::ingest::{Catalog, Scope};
use crate::store::Access;

/// A clock further off than this makes ranges of ids wrong.
const SKEW: i64 = 30;

/// With more sessions used up than this a loop of restarts is near the limit.
const FEW_SESSIONS: u32 = 50;

pub(super) async fn checks(settings: DiscordSettings) -> Vec<Check> {
    let mut checks = vec![if token_has_the_form(&settings.token) {
        Check::ok("token", "has the form of a bot token")
    } else {
        Check::warning(
            "token",
            "does not look like a bot token (three parts with dots between)",
            "copy it again: Developer Portal, Bot, Reset Token",
        )
    }];
    // A person waits: no minutes of patience.
    let patience = RestSettings {
        attempts: 2,
        request_timeout: Duration::from_secs(10),
        ..settings.rest
    };
    let rest = match Rest::new(&settings.api_url, &settings.token, patience) {
        Ok(rest) => rest,
        Err(error) => {
            checks.push(Check::failed(
                "Discord",
                error.to_string(),
                "correct DISCORD_API_URL",
            ));
            return checks;
        }
    };
    let scope = Scope::new(&settings.guilds, &settings.channels);
    if let Err(error) = ask(&rest, &scope, &mut checks).await {
        checks.push(failed(&error));
    }
    checks
}

async fn ask(rest: &Rest, scope: &Scope, checks: &mut Vec<Check>) -> Result<(), RestError> {
    let me = rest.me().await?;
    checks.push(Check::ok(
        "Discord",
        format!("answers; the bot is {}", me.username),
    ));
    checks.extend(rest.clock().skew().map(clock));

    let application = rest.application().await?;
    checks.push(if application.message_content_granted() {
        Check::ok("intents", "Message Content is switched on")
    } else {
        Check::failed(
            "intents",
            "Message Content is switched off: every message would come without its text",
            "Developer Portal, Bot, Privileged Gateway Intents: switch on Message Content Intent \
             (with 10,000 users or more who can see the app, Discord reviews it first)",
        )
    });
    let budget = rest.gateway_bot().await?.session_start_limit;
    let found = format!(
        "{} of {} new sessions left today",
        budget.remaining, budget.total
    );
    checks.push(if budget.remaining < FEW_SESSIONS {
        Check::warning(
            "sessions",
            found,
            "something restarts in a loop: at 0, Discord resets the token",
        )
    } else {
        Check::ok("sessions", found)
    });

    let catalog = Catalog::read(rest, scope).await?;
    for guild in scope.guilds() {
        let name = catalog.guilds.iter().find(|known| known.id == guild);
        checks.push(match name {
            Some(known) => Check::ok("guild", format!("{guild} is {}", known.name)),
            None => Check::failed(
                "guild",
                format!("{guild} can't be read"),
                "invite the bot to it, or correct DISCORD_GUILD_ID",
            ),
        });
    }
    let channels = catalog
        .entries
        .iter()
        .filter(|entry| entry.holds_messages());
    for entry in channels {
        let name = format!("{} #{}", entry.info.id, entry.info.name);
        checks.push(match entry.access {
            Access::Readable => Check::ok("channel", format!("{name} is readable")),
            Access::NoHistory => Check::warning(
                "channel",
                format!("{name}: Read Message History is missing, so its history looks empty"),
                "grant the bot's role Read Message History there",
            ),
            _ => Check::warning(
                "channel",
                format!("{name} is not visible to the bot"),
                "grant the bot's role View Channel (voice: Connect too), or leave it out",
            ),
        });
    }
    for channel in scope.channels() {
        if !catalog.entries.iter().any(|entry| entry.info.id == channel) {
            checks.push(Check::failed(
                "channel",
                format!("{channel} of DISCORD_CHANNEL_IDS is not in the guild, or not visible"),
                "correct the id, or let the bot see the channel",
            ));
        }
    }
    Ok(())
}

fn clock(skew: TimeDelta) -> Check {
    let skew = skew.num_seconds();
    if skew.abs() > SKEW {
        Check::warning(
            "clock",
            format!("this machine's clock is {skew} s off Discord's"),
            "let it be set by NTP",
        )
    } else {
        Check::ok("clock", format!("within {SKEW} s of Discord's"))
    }
}

fn failed(error: &RestError) -> Check {
    let fix = match error {
        RestError::Unauthorized { .. } => {
            "Developer Portal, Bot, Reset Token; set DISCORD_BOT_TOKEN to the new one"
        }
        error if error.is_transient() => "check the network, and Discord's status page",
        _ => "see the message",
    };
    Check::failed("Discord", error.to_string(), fix)
}
