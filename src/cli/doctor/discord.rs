//! Checks against Discord: token, clock, intents, session budget, the gateway connection, and the permissions in
//! the selected guilds and channels. Messages are really requested, because Discord's answer can differ from what
//! the permissions say.

use std::time::Duration;

use chrono::TimeDelta;

use super::{Check, socket};
use crate::config::{DiscordSettings, token_has_the_form};
use crate::discord::rest::{
    Application, GatewayInfo, HistoryCursor, Rest, RestError, RestSettings,
};
use crate::guild::Access;
use crate::ingest::{Catalog, Entry, Scope};
use crate::message::GuildId;

/// The maximum clock skew in seconds; a larger one makes ranges of ids wrong.
const SKEW: i64 = 30;

/// The number of channels of which a message is requested if no channels are selected.
const TRIED: usize = 3;

/// The number of used sessions from which a restart loop is close to Discord's limit.
const FEW_SESSIONS: u32 = 50;

pub(super) async fn checks(settings: DiscordSettings) -> Vec<Check> {
    let mut checks = vec![if token_has_the_form(&settings.token) {
        Check::ok("token", "the token has the form of a bot token")
    } else {
        Check::warning(
            "token",
            "the token does not have the form of a bot token (three parts separated by dots)",
            "copy it again: Developer Portal, Bot, Reset Token",
        )
    }];
    // A person waits for the result, so there are few attempts and a short time limit.
    let patience = RestSettings {
        attempts: 2,
        request_timeout: Duration::from_secs(10),
        ..settings.rest.clone()
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
        format!("Discord answers; the bot is {}", me.username),
    ));
    checks.extend(rest.clock().skew().map(clock));
    checks.push(intents(&rest.application().await?));
    let gateway = rest.gateway_bot().await?;
    checks.push(sessions(&gateway));
    checks.push(socket::check(&gateway).await);

    let catalog = Catalog::read(rest, scope).await?;
    checks.extend(scope.guilds().map(|id| guild(id, &catalog)));
    let channels = catalog
        .entries
        .iter()
        .filter(|entry| entry.holds_messages());
    checks.extend(channels.map(access));
    for entry in to_try(&catalog, scope) {
        checks.push(message(rest, entry).await?);
    }
    checks.extend(not_listed(&catalog, scope));
    Ok(())
}

fn intents(application: &Application) -> Check {
    if application.message_content_granted() {
        Check::ok("intents", "the Message Content intent is enabled")
    } else {
        Check::failed(
            "intents",
            "the Message Content intent is disabled: every message would arrive without its text",
            "Developer Portal, Bot, Privileged Gateway Intents: enable Message Content Intent \
             (with 10,000 users or more who can see the app, Discord reviews it first)",
        )
    }
}

fn sessions(gateway: &GatewayInfo) -> Check {
    let budget = gateway.session_start_limit;
    let found = format!(
        "{} of {} new gateway sessions left today",
        budget.remaining, budget.total
    );
    if budget.remaining < FEW_SESSIONS {
        Check::warning(
            "sessions",
            found,
            "find out what restarts in a loop: at 0, Discord resets the token",
        )
    } else {
        Check::ok("sessions", found)
    }
}

fn guild(id: GuildId, catalog: &Catalog) -> Check {
    match catalog.guilds.iter().find(|known| known.id == id) {
        Some(known) => Check::ok("guild", format!("{id} is {}", known.name)),
        None => Check::failed(
            "guild",
            format!("{id} can't be read"),
            "invite the bot to the guild, or correct DISCORD_GUILD_ID",
        ),
    }
}

/// What the permissions say about a channel.
fn access(entry: &Entry) -> Check {
    let name = format!("{} #{}", entry.info.id, entry.info.name);
    match entry.access {
        Access::Readable => Check::ok("channel", format!("{name} is readable")),
        Access::NoHistory => Check::warning(
            "channel",
            format!(
                "{name}: the permission Read Message History is missing, so the history looks empty"
            ),
            "grant the bot's role Read Message History in the channel",
        ),
        _ => Check::warning(
            "channel",
            format!("{name} is not visible to the bot"),
            "grant the bot's role View Channel (for voice channels also Connect), or do not select the channel",
        ),
    }
}

/// The readable channels of which a message is requested: the selected ones, or a few if none is selected.
fn to_try<'a>(catalog: &'a Catalog, scope: &Scope) -> Vec<&'a Entry> {
    let readable = catalog
        .entries
        .iter()
        .filter(|entry| entry.holds_messages() && entry.access == Access::Readable);
    // Channels that most likely contain a message come first.
    let mut readable: Vec<&Entry> = readable.collect();
    readable.sort_by_key(|entry| std::cmp::Reverse(entry.info.last_message_id));
    let is_chosen = |entry: &&Entry| scope.channels().any(|channel| channel == entry.info.id);
    if readable.iter().any(is_chosen) {
        readable.retain(is_chosen);
    } else {
        readable.truncate(TRIED);
    }
    readable
}

/// The selected channels that Discord does not list.
fn not_listed(catalog: &Catalog, scope: &Scope) -> impl Iterator<Item = Check> {
    let missing = scope
        .channels()
        .filter(|channel| !catalog.entries.iter().any(|it| it.info.id == *channel));
    missing.map(|channel| {
        Check::failed(
            "channel",
            format!("channel {channel} of DISCORD_CHANNEL_IDS is not in the guild, or not visible to the bot"),
            "correct the id, or grant the bot's role View Channel",
        )
    })
}

/// Requests the newest message of a channel that should be readable.
async fn message(rest: &Rest, entry: &Entry) -> Result<Check, RestError> {
    const NAME: &str = "message";
    let channel = format!("{} #{}", entry.info.id, entry.info.name);
    let newest = rest
        .history_page(entry.info.id, HistoryCursor::Latest, 1)
        .await;
    Ok(match newest {
        Ok(page) if !page.items.is_empty() => {
            Check::ok(NAME, format!("a message of {channel} could be read"))
        }
        Ok(_) if entry.info.last_message_id.is_some() => Check::warning(
            NAME,
            format!(
                "{channel} shows no messages although it has had some: all were deleted, or the bot may not see them"
            ),
            "look into the channel; if it has messages, grant the bot's role Read Message History in it",
        ),
        Ok(_) => Check::ok(NAME, format!("{channel} has no messages yet")),
        Err(error) if error.is_about_the_place() => Check::failed(
            NAME,
            format!(
                "Discord refuses to show a message of {channel}, although the permissions allow it: {error}"
            ),
            "check the permission overwrites of the channel and its category for the bot and its roles (View Channel, \
             Read Message History; for voice channels Connect), and whether members must accept rules first",
        ),
        Err(error) => return Err(error),
    })
}

fn clock(skew: TimeDelta) -> Check {
    let skew = skew.num_seconds();
    if skew.abs() > SKEW {
        Check::warning(
            "clock",
            format!("this machine's clock differs from Discord's by {skew} s"),
            "synchronise the clock with NTP",
        )
    } else {
        Check::ok(
            "clock",
            format!("this machine's clock is within {SKEW} s of Discord's"),
        )
    }
}

fn failed(error: &RestError) -> Check {
    let fix = match error {
        RestError::Unauthorized { .. } => {
            "Developer Portal, Bot, Reset Token; set DISCORD_BOT_TOKEN to the new one"
        }
        error if error.is_transient() => "check the network and Discord's status page",
        _ => "see the message",
    };
    Check::failed("Discord", error.to_string(), fix)
}
