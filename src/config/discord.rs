//! The settings of Discord: the bot and what it archives.

use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::source::{Problems, Source};
use crate::discord::gateway::ReconnectSettings;
use crate::discord::rest::RestSettings;
use crate::message::{ChannelId, GuildId};

/// The delay between the start of a gateway session and the first backfill pass.
const SETTLE: Duration = Duration::from_secs(5);

/// The bot, and the guilds and channels to archive.
#[derive(Debug, Clone)]
pub struct DiscordSettings {
    /// `DISCORD_BOT_TOKEN`: without a token nothing is archived. The token is never logged.
    pub token: SecretString,
    /// `DISCORD_GUILD_ID`: the guilds to archive.
    pub guilds: Vec<GuildId>,
    /// `DISCORD_CHANNEL_IDS`: the channels to archive; without it every readable channel of the guilds.
    pub channels: Vec<ChannelId>,
    /// `DISCORD_API_URL`, default `https://discord.com`: the base URL of Discord's REST API.
    pub api_url: Url,
    /// `REACTIONS`, default `counts`: stores the numbers of reactions and votes; `full` also stores who reacted
    /// or voted, and when.
    pub reactions: Reactions,
    /// `SECOND_LOOK`, default `5m`: the delay before a channel that was found missing is checked again. Its
    /// messages are marked as deleted only after the second check.
    pub second_look: Duration,
    /// `ASK_AGAIN`, default `40s`: the delay before a message is requested again by its id, because its
    /// reactions may be counted twice or because only a part of it was received.
    pub ask_again: Duration,
    /// The pauses and limits of REST requests; not configurable.
    pub rest: RestSettings,
    /// The pauses between gateway connections; not configurable.
    pub reconnect: ReconnectSettings,
    /// The delay between the start of a gateway session and the first backfill pass, so that Discord's REST API
    /// already returns what its gateway has sent; not configurable.
    pub settle: Duration,
}

/// What is stored of reactions and poll votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reactions {
    /// Only the numbers.
    Counts,
    /// Also who reacted or voted, and when.
    Full,
}

impl FromStr for Reactions {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "counts" => Ok(Self::Counts),
            "full" => Ok(Self::Full),
            _ => Err(()),
        }
    }
}

/// The default of `SECOND_LOOK`.
const SECOND_LOOK: Duration = Duration::from_secs(300);

/// The default of `ASK_AGAIN`. Reactions come in bursts, and every reaction that arrives while a response is on
/// its way makes another request necessary: about one request per minute of a burst is enough.
const ASK_AGAIN: Duration = Duration::from_secs(40);

/// Whether a token has the form of a bot token: three parts, the first of which is the bot's id in base64.
#[must_use]
pub fn token_has_the_form(token: &SecretString) -> bool {
    let mut parts = token.expose_secret().split('.');
    let id = parts.next().and_then(|id| STANDARD_NO_PAD.decode(id).ok());
    let id_is_a_number = id.is_some_and(|id| !id.is_empty() && id.iter().all(u8::is_ascii_digit));
    id_is_a_number && parts.next().is_some() && parts.next().is_some() && parts.next().is_none()
}

impl DiscordSettings {
    /// Reads only these settings, for `backfill` and `doctor`. `Ok(None)` without a token.
    ///
    /// # Errors
    /// If a variable is missing or not valid.
    pub fn read_alone(source: &Source) -> Result<Option<Self>, super::SettingsError> {
        source.collect(|problems| Self::read(source, problems))
    }

    pub(super) fn read(source: &Source, problems: &mut Problems) -> Option<Option<Self>> {
        let guilds = ids(source, "DISCORD_GUILD_ID", problems);
        let channels = ids(source, "DISCORD_CHANNEL_IDS", problems);
        let api_url = source.parse(
            "DISCORD_API_URL",
            Url::parse("https://discord.com").expect("a URL"),
            "must be a URL such as https://discord.com",
            problems,
        );
        let reactions = source.parse(
            "REACTIONS",
            Reactions::Counts,
            "must be counts or full",
            problems,
        );
        let second_look = source.parse(
            "SECOND_LOOK",
            humantime::Duration::from(SECOND_LOOK),
            "must be a duration such as 5m",
            problems,
        );
        let ask_again = source.parse(
            "ASK_AGAIN",
            humantime::Duration::from(ASK_AGAIN),
            "must be a duration such as 40s",
            problems,
        );
        let Some(token) = source.get("DISCORD_BOT_TOKEN") else {
            return Some(None);
        };
        let (guilds, channels) = (guilds?, channels?);
        if guilds.is_empty() && channels.is_empty() {
            return problems.add(
                "DISCORD_GUILD_ID",
                "is not set; with DISCORD_BOT_TOKEN, set the guild to archive (or channels in DISCORD_CHANNEL_IDS)",
            );
        }
        Some(Some(Self {
            token: token.into(),
            guilds,
            channels,
            api_url: api_url?,
            reactions: reactions?,
            second_look: Duration::from(second_look?),
            ask_again: Duration::from(ask_again?),
            rest: RestSettings::default(),
            reconnect: ReconnectSettings::default(),
            settle: SETTLE,
        }))
    }
}

/// Reads a list of ids, separated by commas.
fn ids<T: FromStr>(source: &Source, name: &'static str, problems: &mut Problems) -> Option<Vec<T>> {
    let text = source.get(name).unwrap_or_default();
    let parts = text.split(',').map(str::trim).filter(|id| !id.is_empty());
    let ids: Result<Vec<T>, _> = parts.map(str::parse).collect();
    match ids {
        Ok(ids) => Some(ids),
        Err(_) => problems.add(
            name,
            "must be a list of Discord ids (numbers of 17 to 19 digits, separated by commas)",
        ),
    }
}
