//! Guilds, roles, members, the application, READY.
//! GUILD_CREATE carries everything a client needs to know a guild: channels, active threads, the bot's membership.

use super::json::{Json, map};
use crate::snowflake::timestamp;
use crate::world::{BOT, Emoji, Guild, Role, World};

impl World {
    pub(crate) fn role_json(&self, role: &Role, position: usize) -> Json {
        let mut json = map! {
            "id" => Json::id(role.id),
            "name" => role.name.clone(),
            "description" => Json::Null,
            "permissions" => role.permissions.to_string(),
            "position" => position,
            "color" => 0,
            "colors" => map! { "primary_color" => 0, "secondary_color" => Json::Null, "tertiary_color" => Json::Null },
            "hoist" => false,
            "managed" => role.managed,
            "mentionable" => false,
            "icon" => Json::Null,
            "unicode_emoji" => Json::Null,
            "flags" => 0,
        };
        if role.managed {
            json.set("tags", map! { "bot_id" => Json::id(self.bot().id) });
        }
        json
    }

    pub(crate) fn roles_json(&self, guild: &Guild) -> Vec<Json> {
        guild
            .roles
            .iter()
            .enumerate()
            .map(|(at, role)| self.role_json(role, at))
            .collect()
    }

    /// A membership, without the `user` (as it hangs on a message).
    pub(crate) fn member_json(&self, guild: &Guild, user: u32) -> Json {
        let roles = if user == BOT {
            guild.bot_roles.iter().copied().map(Json::id).collect()
        } else {
            Vec::new()
        };
        map! {
            "roles" => roles,
            "premium_since" => Json::Null,
            "pending" => false,
            "nick" => Json::Null,
            "mute" => false,
            "joined_at" => timestamp(guild.joined_ms),
            "flags" => 0,
            "deaf" => false,
            "communication_disabled_until" => Json::Null,
            "banner" => Json::Null,
            "avatar" => Json::Null,
        }
    }

    /// A membership with its `user`, as REST and GUILD_CREATE show it.
    pub(crate) fn full_member_json(&self, guild: &Guild, user: u32) -> Json {
        let mut member = self.member_json(guild, user);
        member.set("user", self.users[user as usize].json());
        member
    }

    /// The guild as REST shows it.
    pub(crate) fn guild_json(&self, at: usize) -> Json {
        let guild = &self.guilds[at];
        let none = Vec::<Json>::new;
        map! {
            "id" => Json::id(guild.id),
            "name" => guild.name.clone(),
            "icon" => Json::Null,
            "description" => Json::Null,
            "home_header" => Json::Null,
            "splash" => Json::Null,
            "discovery_splash" => Json::Null,
            "features" => vec![Json::from("COMMUNITY"), Json::from("NEWS")],
            "banner" => Json::Null,
            "owner_id" => Json::id(self.users[guild.owner as usize].id),
            "application_id" => Json::Null,
            "region" => "deprecated",
            "afk_channel_id" => Json::Null,
            "afk_timeout" => 300,
            "system_channel_id" => Json::Null,
            "system_channel_flags" => 0,
            "widget_enabled" => false,
            "widget_channel_id" => Json::Null,
            "verification_level" => 1,
            "roles" => self.roles_json(guild),
            "default_message_notifications" => 1,
            "mfa_level" => 0,
            "explicit_content_filter" => 2,
            "max_presences" => Json::Null,
            "max_members" => 25_000_000,
            "max_stage_video_channel_users" => 50,
            "max_video_channel_users" => 25,
            "vanity_url_code" => Json::Null,
            "premium_tier" => 0,
            "premium_subscription_count" => 0,
            "preferred_locale" => "en-US",
            "rules_channel_id" => Json::Null,
            "safety_alerts_channel_id" => Json::Null,
            "public_updates_channel_id" => Json::Null,
            "premium_progress_bar_enabled" => false,
            "nsfw" => false,
            "nsfw_level" => 0,
            "emojis" => self.emojis(at).iter().map(own_emoji).collect::<Vec<_>>(),
            "stickers" => none(),
        }
    }

    /// The `d` of GUILD_CREATE.
    pub(crate) fn guild_create_json(&self, at: usize) -> Json {
        let guild = &self.guilds[at];
        let none = Vec::<Json>::new;
        let mut json = self.guild_json(at);
        let here: Vec<usize> = self.channels_of(at).map(|(at, _)| at).collect();
        let channels = here.iter().filter(|&&c| self.channels[c].thread.is_none());
        let threads = here
            .iter()
            .filter(|&&c| self.active_thread(c) && self.sees(c));
        json.set("joined_at", timestamp(guild.joined_ms).into());
        json.set("large", (guild.members.len() > 50).into());
        json.set("unavailable", false.into());
        json.set("member_count", guild.members.len().into());
        json.set("voice_states", none().into());
        json.set("members", vec![self.full_member_json(guild, BOT)].into());
        json.set(
            "channels",
            Json::List(channels.map(|&c| self.gateway_channel_json(c)).collect()),
        );
        json.set(
            "threads",
            Json::List(threads.map(|&c| self.listed_thread(c)).collect()),
        );
        json.set("presences", none().into());
        json.set("stage_instances", none().into());
        json.set("guild_scheduled_events", none().into());
        json.set("soundboard_sounds", none().into());
        json
    }

    pub(crate) fn active_thread(&self, at: usize) -> bool {
        self.channels[at]
            .thread
            .as_ref()
            .is_some_and(|thread| !thread.archived)
    }

    /// The application, as `/applications/@me` shows it.
    pub(crate) fn application_json(&self) -> Json {
        let bot = self.bot();
        let owner = &self.users[self.guilds.first().map_or(0, |guild| guild.owner) as usize];
        map! {
            "id" => Json::id(bot.id),
            "name" => bot.name.clone(),
            "icon" => Json::Null,
            "description" => "A bot that lives in a simulator.",
            "summary" => "",
            "type" => Json::Null,
            "bot_public" => false,
            "bot_require_code_grant" => false,
            "verify_key" => "0".repeat(64),
            "flags" => i64::try_from(self.application_flags).unwrap_or(0),
            "hook" => true,
            "is_monetized" => false,
            "redirect_uris" => Vec::<Json>::new(),
            "interactions_endpoint_url" => Json::Null,
            "role_connections_verification_url" => Json::Null,
            "approximate_guild_count" => self.guilds.len(),
            "approximate_user_install_count" => 0,
            "owner" => owner.json(),
            "team" => Json::Null,
            "bot" => bot.json(),
        }
    }

    /// The `d` of READY.
    pub(crate) fn ready_json(
        &self,
        session: &str,
        resume_url: &str,
        shard: Option<(u32, u32)>,
    ) -> Json {
        let guilds = self
            .guilds
            .iter()
            .filter(|guild| guild.presence != crate::world::Presence::Left);
        let mut user = self.bot().json();
        for (key, value) in [
            ("verified", Json::Bool(true)),
            ("mfa_enabled", true.into()),
            ("email", Json::Null),
        ] {
            user.set(key, value);
        }
        let flags = i64::try_from(self.application_flags).unwrap_or(0);
        let mut json = map! {
            "v" => 10,
            "user_settings" => Json::Map(Vec::new()),
            "user" => user,
            "session_type" => "normal",
            "session_id" => session.to_owned(),
            "resume_gateway_url" => resume_url.to_owned(),
            "relationships" => Vec::<Json>::new(),
            "private_channels" => Vec::<Json>::new(),
            "presences" => Vec::<Json>::new(),
            "guilds" => guilds.map(|g| map! { "unavailable" => true, "id" => Json::id(g.id) }).collect::<Vec<_>>(),
            "guild_join_requests" => Vec::<Json>::new(),
            "geo_ordered_rtc_regions" => vec![Json::from("rotterdam")],
            "auth" => Json::Map(Vec::new()),
            "application" => map! { "id" => Json::id(self.bot().id), "flags" => flags },
            "_trace" => vec![Json::from("[\"gateway-sim\",{\"micros\":1}]")],
        };
        if let Some((id, count)) = shard {
            json.set("shard", vec![Json::from(id), Json::from(count)].into());
        }
        json
    }
}

/// A guild's own emoji, as the guild lists it.
fn own_emoji(emoji: &Emoji) -> Json {
    let mut json = emoji.json();
    json.set("roles", Vec::<Json>::new().into());
    json.set("require_colons", true.into());
    json.set("managed", false.into());
    json.set("animated", emoji.animated.into());
    json.set("available", true.into());
    json
}
