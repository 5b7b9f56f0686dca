//! The data that is parsed from Discord's responses. The structs are minimal: unknown fields are ignored, and
//! an invalid field counts as absent instead of failing the whole list. Messages are not parsed here; their
//! text is kept unchanged.

use chrono::{DateTime, Utc};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use serenity::model::application::ApplicationFlags;
use serenity::model::channel::ChannelType;
use serenity::model::id::ApplicationId;
use twilight_model::channel::permission_overwrite::PermissionOverwrite;
use twilight_model::guild::Permissions;
use twilight_model::id::Id;
use twilight_model::id::marker::RoleMarker;
use url::Url;

use crate::guild::{Channel, Guild};
use crate::message::{ChannelId, GuildId, MessageId, UserId};

/// A role, as the permission calculator names it.
pub type RoleId = Id<RoleMarker>;

/// `GET /gateway/bot`: the URL of the gateway, and the number of sessions that may still be started.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GatewayInfo {
    /// The URL of the gateway.
    pub url: Url,
    /// How many shards Discord recommends.
    pub shards: u32,
    /// The budget of new sessions.
    pub session_start_limit: SessionStartLimit,
}

/// The daily budget of new sessions (IDENTIFY); if it is exceeded, Discord resets the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct SessionStartLimit {
    /// New sessions per day.
    pub total: u32,
    /// Remaining new sessions.
    pub remaining: u32,
    /// Milliseconds until `remaining` is reset to `total`.
    #[serde(rename = "reset_after")]
    pub reset_after_ms: u64,
    /// How many sessions may start within 5 seconds.
    pub max_concurrency: u32,
}

/// `GET /users/@me`: the bot's own user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CurrentUser {
    /// The id of the user.
    pub id: UserId,
    /// The user name.
    pub username: String,
}

/// `GET /applications/@me`: the application of the bot.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Application {
    /// The application.
    pub id: ApplicationId,
    /// The enabled features.
    #[serde(default = "ApplicationFlags::empty", deserialize_with = "flags")]
    pub flags: ApplicationFlags,
    /// The number of guilds that the bot is a member of.
    #[serde(default, deserialize_with = "lenient")]
    pub approximate_guild_count: Option<u64>,
}

impl Application {
    /// Whether messages contain their text. Without the intent `content`, `embeds`, `attachments` and
    /// `components` are empty, also in the history.
    #[must_use]
    pub fn message_content_granted(&self) -> bool {
        self.flags.intersects(
            ApplicationFlags::GATEWAY_MESSAGE_CONTENT
                | ApplicationFlags::GATEWAY_MESSAGE_CONTENT_LIMITED,
        )
    }
}

/// `GET /guilds/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GuildInfo {
    /// The id of the guild.
    pub id: GuildId,
    /// The name of the guild.
    #[serde(default, deserialize_with = "lenient")]
    pub name: String,
    /// The owner, who has all permissions.
    pub owner_id: UserId,
    /// The roles; the one with the guild's id is @everyone.
    #[serde(default, deserialize_with = "lenient_list")]
    pub roles: Vec<RoleInfo>,
}

impl GuildInfo {
    /// Whether the role @everyone is among the roles, as it is in every guild.
    #[must_use]
    pub fn has_everyone(&self) -> bool {
        let everyone = self.id.as_i64().unsigned_abs();
        self.roles.iter().any(|role| role.id.get() == everyone)
    }
}

/// A role of a guild.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct RoleInfo {
    /// The id of the role.
    pub id: RoleId,
    /// The permissions of the role in the whole guild.
    pub permissions: Permissions,
}

impl From<&GuildInfo> for Guild {
    fn from(guild: &GuildInfo) -> Self {
        Self {
            id: guild.id,
            name: guild.name.clone(),
        }
    }
}

/// A guild member, of which only the roles are parsed.
#[derive(Debug, Deserialize)]
pub(super) struct Member {
    #[serde(default)]
    pub(super) roles: Vec<RoleId>,
}

/// A channel or thread, from a list or from the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChannelInfo {
    /// The id of the channel.
    pub id: ChannelId,
    /// The type; unknown types keep their number (255 stands for any larger one).
    #[serde(rename = "type", deserialize_with = "channel_type")]
    pub kind: ChannelType,
    /// The guild, if it is named: lists of a guild's channels may omit it.
    #[serde(default, deserialize_with = "lenient")]
    pub guild_id: Option<GuildId>,
    /// Of a thread, its channel; of a channel, its category.
    #[serde(default, deserialize_with = "lenient")]
    pub parent_id: Option<ChannelId>,
    /// The name of the channel.
    #[serde(default, deserialize_with = "lenient")]
    pub name: String,
    /// The newest message that was ever written in the channel, which may be deleted; for a forum the newest
    /// thread.
    #[serde(default, deserialize_with = "lenient")]
    pub last_message_id: Option<MessageId>,
    /// The permission overwrites of the channel. Threads have none; those of their channel apply.
    #[serde(default, deserialize_with = "lenient_list")]
    pub permission_overwrites: Vec<PermissionOverwrite>,
    /// The fields that only threads have.
    #[serde(default, deserialize_with = "lenient")]
    pub thread_metadata: Option<ThreadMetadata>,
    /// Discord's flags of the channel.
    #[serde(default, deserialize_with = "lenient")]
    pub flags: u64,
    /// Whether the bot has joined the thread.
    #[serde(default, rename = "member", deserialize_with = "present")]
    pub joined: bool,
}

/// The fields that only threads have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct ThreadMetadata {
    /// Whether the thread is archived.
    #[serde(default)]
    pub archived: bool,
    /// When the thread was last archived or unarchived.
    pub archive_timestamp: DateTime<Utc>,
}

/// Bit 17 of a channel's flags: the bot may not see the channel, and its other fields are placeholders.
/// Source: Discord's announcement of channel obfuscation, discord-api-docs #8454.
const HIDDEN: u64 = 1 << 17;

impl ChannelInfo {
    /// Whether Discord hides the channel from this bot: then only its id is real.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.flags & HIDDEN != 0
    }

    /// The channel in the form of the database.
    #[must_use]
    pub fn to_record(&self, guild_id: GuildId) -> Channel {
        Channel {
            id: self.id,
            guild_id,
            parent_id: self.parent_id,
            channel_type: self.kind.into(),
            name: self.name.clone(),
        }
    }
}

/// `GET /guilds/{id}/threads/active` and the lists of archived threads.
#[derive(Debug, Deserialize)]
pub(super) struct ThreadList {
    pub(super) threads: Vec<Box<RawValue>>,
    /// The bot's memberships of these threads.
    #[serde(default, deserialize_with = "lenient_list")]
    pub(super) members: Vec<ThreadMember>,
    #[serde(default)]
    pub(super) has_more: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ThreadMember {
    /// The id of the thread.
    pub(super) id: ChannelId,
}

/// The content of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// The channels or threads that could be parsed.
    pub channels: Vec<ChannelInfo>,
    /// The number of items that could not be parsed.
    pub odd: usize,
}

/// The items that can be parsed, and the number of the others.
pub(super) fn readable<T: DeserializeOwned>(items: &[Box<RawValue>]) -> (Vec<T>, usize) {
    let read: Vec<T> = items
        .iter()
        .filter_map(|item| serde_json::from_str(item.get()).ok())
        .collect();
    let odd = items.len() - read.len();
    (read, odd)
}

/// A field that has its default value if it is null or has another shape.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    from: D,
) -> Result<T, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(from)?).unwrap_or_default())
}

/// A list without the items that can't be parsed.
fn lenient_list<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    from: D,
) -> Result<Vec<T>, D::Error> {
    let items: Vec<Value> = lenient(from)?;
    Ok(items
        .into_iter()
        .filter_map(|item| serde_json::from_value(item).ok())
        .collect())
}

fn channel_type<'de, D: Deserializer<'de>>(from: D) -> Result<ChannelType, D::Error> {
    let number = u64::deserialize(from)?;
    Ok(u8::try_from(number).unwrap_or(u8::MAX).into())
}

fn flags<'de, D: Deserializer<'de>>(from: D) -> Result<ApplicationFlags, D::Error> {
    let bits: Option<u64> = lenient(from)?;
    Ok(ApplicationFlags::from_bits_truncate(
        bits.unwrap_or_default(),
    ))
}

fn present<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    Ok(Option::<IgnoredAny>::deserialize(from)?.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_with_odd_fields_is_still_one() {
        let channel: ChannelInfo = serde_json::from_str(
            r#"{"id":"7","type":4711,"name":null,"parent_id":0,"guild_id":"x","last_message_id":{},
                "permission_overwrites":[{"odd":1},{"id":"1","type":0,"allow":"1024","deny":"0"}],
                "thread_metadata":{"archived":true},"new_field":[1,2]}"#,
        )
        .unwrap();
        assert_eq!(u8::from(channel.kind), 255);
        assert_eq!((channel.parent_id, channel.guild_id), (None, None));
        assert_eq!(channel.permission_overwrites.len(), 1);
        assert_eq!(channel.thread_metadata, None);
        assert!(!channel.joined);
    }

    #[test]
    fn message_content_is_bit_18_or_19() {
        let granted = |json: &str| {
            serde_json::from_str::<Application>(json)
                .unwrap()
                .message_content_granted()
        };
        assert!(granted(r#"{"id":"1","flags":262144}"#));
        assert!(granted(
            r#"{"id":"1","flags":524288,"approximate_guild_count":3}"#
        ));
        assert!(!granted(r#"{"id":"1","flags":32768}"#));
        assert!(!granted(r#"{"id":"1"}"#));
        assert!(granted(r#"{"id":"1","flags":9007199254740991}"#));
    }
}
