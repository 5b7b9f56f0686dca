//! What is collected, and as whom.

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

/// How long the first reading of history waits after a session began.
const SETTLE: Duration = Duration::from_secs(5);

/// Whom to follow.
#[derive(Debug, Clone)]
pub struct DiscordSettings {
    /// `DISCORD_BOT_TOKEN`: without one nothing is collected. Never logged.
    pub token: SecretString,
    /// `DISCORD_GUILD_ID`: the guilds to collect.
    pub guilds: Vec<GuildId>,
    /// `DISCORD_CHANNEL_IDS`: the channels to collect; none for every readable one of the guilds.
    pub channels: Vec<ChannelId>,
    /// `DISCORD_API_URL`, default `https://discord.com`: the base of Discord's REST API.
    pub api_url: Url,
    /// `REACTIONS`, default `counts`: how many reactions and votes there are; `full` keeps who reacted or voted, and
    /// when, too.
    pub reactions: Reactions,
    /// `SECOND_LOOK`, default `5m`: how long after a channel was first found missing it is looked for again, before
    /// its messages are recorded as deleted.
    pub second_look: Duration,
    /// `ASK_AGAIN`, default `40s`: how long a message is left alone before it is asked for by its id, where its
    /// reactions may be counted twice, or a part of it came and never the whole.
    pub ask_again: Duration,
    /// How patiently Discord is asked; no variable.
    pub rest: RestSettings,
    /// How patiently the socket is connected again; no variable.
    pub reconnect: ReconnectSettings,
    /// How long the first reading of history waits after a session began, so that Discord's REST
    /// side shows what its socket has sent; no variable.
    pub settle: Duration,
}

/// What is kept of reactions and of votes in polls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reactions {
    /// How many there are.
    Counts,
    /// Who reacted or voted, and when, too.
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

/// How long after a channel was first found missing it is looked for again.
const SECOND_LOOK: Duration = Duration::from_secs(300);

/// How long a message is left alone before it is asked for. Reactions come in bursts, and what came while an answer
/// was on its way makes the next one necessary: one request for each minute of a burst is enough.
const ASK_AGAIN: Duration = Duration::from_secs(40);

/// Whether a token looks like one: three parts, the first of which is the bot's id in base64.
#[must_use]
pub fn token_has_the_form(token: &SecretString) -> bool {
    let mut parts = token.expose_secret().split('.');
    let id = parts.next().and_then(|id| STANDARD_NO_PAD.decode(id).ok());
    let id_is_a_number = id.is_some_and(|id| !id.is_empty() && id.iter().all(u8::is_ascii_digit));
    id_is_a_number && parts.next().is_some() && parts.next().is_some() && parts.next().is_none()
}

impl DiscordSettings {
    /// Reads what `backfill` and `doctor` need of Discord.
    ///
    /// # Errors
    /// What is missing or wrong. `Ok(None)` without a token.
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

/// Ids, separated by commas.
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
