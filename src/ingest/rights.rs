//! What the socket last told of roles and channels, so that a change of rights or place is told
//! from one of a name, a colour or a topic. What is not known yet counts as changed.

use std::collections::{BTreeSet, HashMap};

use serenity::model::channel::ChannelType;
use twilight_model::channel::permission_overwrite::PermissionOverwrite;
use twilight_model::guild::Permissions;

use crate::discord::rest::{ChannelInfo, RoleId, RoleInfo};
use crate::message::{ChannelId, GuildId};

/// What decides who can read what, as far as the session under way told.
#[derive(Debug, Default)]
pub(super) struct Rights {
    roles: HashMap<RoleId, Permissions>,
    channels: HashMap<ChannelId, Rules>,
    /// The bot's own roles.
    own: HashMap<GuildId, BTreeSet<RoleId>>,
}

/// What of a channel decides whether it is collected, and can be read.
#[derive(Debug, PartialEq, Eq)]
struct Rules {
    kind: ChannelType,
    parent: Option<ChannelId>,
    is_hidden: bool,
    overwrites: Vec<PermissionOverwrite>,
}

impl Rights {
    /// Notes a role; answers whether what it allows is news.
    pub(super) fn role(&mut self, role: RoleInfo) -> bool {
        self.roles.insert(role.id, role.permissions) != Some(role.permissions)
    }

    /// Notes the bot's own roles in a guild; answers whether they are news.
    pub(super) fn own_roles(&mut self, guild: GuildId, roles: Vec<RoleId>) -> bool {
        let roles: BTreeSet<RoleId> = roles.into_iter().collect();
        let is_news = self.own.get(&guild) != Some(&roles);
        self.own.insert(guild, roles);
        is_news
    }

    /// Notes a channel; answers whether something that counts is news.
    pub(super) fn channel(&mut self, channel: &ChannelInfo) -> bool {
        let mut overwrites = channel.permission_overwrites.clone();
        overwrites.sort_by_key(|overwrite| overwrite.id);
        let rules = Rules {
            kind: channel.kind,
            parent: channel.parent_id,
            is_hidden: channel.is_hidden(),
            overwrites,
        };
        let is_news = self.channels.get(&channel.id) != Some(&rules);
        self.channels.insert(channel.id, rules);
        is_news
    }
}
