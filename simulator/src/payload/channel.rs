//! Channel and thread objects.
//! The same object serves REST and the gateway; GUILD_CREATE leaves `guild_id` out, as Discord does.

use super::json::{Json, map};
use crate::snowflake::timestamp;
use crate::world::permission::VIEW_CHANNEL;
use crate::world::{BOT, Channel, Kind, World};

/// The flag of a channel that is hidden from the bot.
const OBFUSCATED: i64 = 1 << 17;

impl World {
    /// The object of a channel as the gateway sends it: of a hidden one only its place is true.
    /// Source: <https://docs.discord.com/developers/resources/channel> (Obfuscated Channels), and discord-api-docs #8454.
    pub(crate) fn gateway_channel_json(&self, at: usize) -> Json {
        let mut json = self.channel_json(at);
        if !self.hides(at) {
            return json;
        }
        json.set("flags", OBFUSCATED.into());
        json.set("name", "___hidden___".into());
        let everyone = map! {
            "id" => Json::id(self.guild_of(at).id), "type" => 0,
            "allow" => "0", "deny" => VIEW_CHANNEL.to_string(),
        };
        json.set("permission_overwrites", vec![everyone].into());
        for (field, nothing) in [
            ("last_message_id", Json::Null),
            ("topic", Json::Null),
            ("last_pin_timestamp", Json::Null),
            ("available_tags", Json::List(Vec::new())),
        ] {
            if json.get(field).is_some() {
                json.set(field, nothing);
            }
        }
        json
    }

    /// The object of a channel or thread.
    pub(crate) fn channel_json(&self, at: usize) -> Json {
        let channel = &self.channels[at];
        let guild = &self.guilds[channel.guild];
        let mut json = map! {
            "id" => Json::id(channel.id),
            "type" => i64::from(channel.kind.number()),
            "last_message_id" => last_message_id(channel),
            "flags" => 0,
            "guild_id" => Json::id(guild.id),
            "name" => channel.name.clone(),
            "parent_id" => channel.parent.map(Json::id),
        };
        if channel.thread.is_some() {
            self.thread_fields(channel, &mut json);
            return json;
        }
        json.set("position", channel.position.into());
        json.set("nsfw", false.into());
        let overwrites = channel.overwrites.iter().map(|o| {
            map! {
                "id" => Json::id(o.id), "type" => i32::from(o.member),
                "allow" => o.allow.to_string(), "deny" => o.deny.to_string(),
            }
        });
        json.set("permission_overwrites", Json::List(overwrites.collect()));
        match channel.kind {
            Kind::Voice | Kind::Stage => {
                json.set("bitrate", 64_000.into());
                json.set("user_limit", 0.into());
                json.set("rtc_region", Json::Null);
                json.set("rate_limit_per_user", 0.into());
            }
            Kind::Category => {}
            Kind::Forum | Kind::Media => {
                json.set("topic", "Ask here".into());
                json.set("rate_limit_per_user", 0.into());
                json.set("default_auto_archive_duration", 4320.into());
                let tag = map! {
                    "id" => Json::id(channel.id + 1), "name" => "question", "moderated" => false,
                    "emoji_id" => Json::Null, "emoji_name" => Json::Null,
                };
                json.set("available_tags", vec![tag].into());
                json.set("default_reaction_emoji", Json::Null);
                json.set("default_sort_order", Json::Null);
                json.set("default_forum_layout", 0.into());
            }
            _ => {
                json.set("topic", Json::Null);
                json.set("rate_limit_per_user", 0.into());
                json.set("last_pin_timestamp", last_pin(channel));
            }
        }
        json
    }

    fn thread_fields(&self, channel: &Channel, json: &mut Json) {
        let Some(thread) = &channel.thread else {
            return;
        };
        json.set("owner_id", Json::id(self.users[thread.owner as usize].id));
        json.set("rate_limit_per_user", 0.into());
        let mut metadata = map! {
            "archived" => thread.archived,
            "archive_timestamp" => timestamp(thread.archive_ms),
            "auto_archive_duration" => 4320,
            "locked" => thread.locked,
            "create_timestamp" => timestamp(thread.created_ms),
        };
        if channel.kind == Kind::PrivateThread {
            metadata.set("invitable", true.into());
        }
        json.set("thread_metadata", metadata);
        let count = channel.alive().count();
        json.set("message_count", count.into());
        json.set("member_count", 2.into());
        json.set("total_message_sent", channel.messages.len().into());
        if channel.last_pin_ms != 0 {
            json.set("last_pin_timestamp", last_pin(channel));
        }
        if let Some(tag) = thread.tag {
            json.set("applied_tags", vec![Json::id(tag)].into());
        }
    }

    /// The bot's membership of a thread, when it has one.
    pub(crate) fn thread_member(&self, at: usize) -> Option<Json> {
        let channel = &self.channels[at];
        let thread = channel.thread.as_ref().filter(|thread| thread.joined)?;
        Some(map! {
            "id" => Json::id(channel.id),
            "user_id" => Json::id(self.users[BOT as usize].id),
            "join_timestamp" => timestamp(thread.created_ms),
            "flags" => 0,
            "muted" => false,
            "mute_config" => Json::Null,
        })
    }

    /// The object of a thread with the bot's membership in it, as lists carry it.
    pub(crate) fn listed_thread(&self, at: usize) -> Json {
        let mut json = self.channel_json(at);
        if let Some(member) = self.thread_member(at) {
            json.set("member", member);
        }
        json
    }
}

fn last_message_id(channel: &Channel) -> Json {
    if channel.kind.is_forum() || channel.kind.has_messages() {
        channel.last_message_id.map(Json::id).into()
    } else {
        Json::Null
    }
}

fn last_pin(channel: &Channel) -> Json {
    (channel.last_pin_ms != 0)
        .then(|| timestamp(channel.last_pin_ms))
        .into()
}
