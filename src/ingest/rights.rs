//! The roles and channels as the gateway last sent them, so that a change of permissions or of the parent can
//! be told from a change of a name, a colour or a topic. The first event about a role or channel counts as a
//! change.

use std::collections::{BTreeSet, HashMap};

use serenity::model::channel::ChannelType;
use twilight_model::channel::permission_overwrite::PermissionOverwrite;
use twilight_model::guild::Permissions;

use crate::discord::rest::{ChannelInfo, RoleId, RoleInfo};
use crate::message::{ChannelId, GuildId};

/// The data that decides who can read which channel, as far as the present session has sent it.
#[derive(Debug, Default)]
pub(super) struct Rights {
    roles: HashMap<RoleId, Permissions>,
    channels: HashMap<ChannelId, Rules>,
    /// The bot's own roles.
    own: HashMap<GuildId, BTreeSet<RoleId>>,
}

/// The properties of a channel that decide whether it is archived and can be read.
#[derive(Debug, PartialEq, Eq)]
struct Rules {
    kind: ChannelType,
    parent: Option<ChannelId>,
    is_hidden: bool,
    overwrites: Vec<PermissionOverwrite>,
}

impl Rights {
    /// Records a role; returns whether its permissions changed.
    pub(super) fn role(&mut self, role: RoleInfo) -> bool {
        self.roles.insert(role.id, role.permissions) != Some(role.permissions)
    }

    /// Records the bot's own roles in a guild; returns whether they changed.
    pub(super) fn own_roles(&mut self, guild: GuildId, roles: Vec<RoleId>) -> bool {
        let roles: BTreeSet<RoleId> = roles.into_iter().collect();
        let is_news = self.own.get(&guild) != Some(&roles);
        self.own.insert(guild, roles);
        is_news
    }

    /// Records a channel; returns whether one of its relevant properties changed.
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
