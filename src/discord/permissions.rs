//! The bot's permissions in channels. Discord answers with an empty page if READ_MESSAGE_HISTORY is missing, so
//! only the permissions tell an empty channel from a closed one. twilight does the arithmetic; this module
//! supplies its input and the table of channel types.

use serenity::model::channel::ChannelType;
use twilight_model::channel::ChannelType as CalculatedType;
use twilight_model::channel::permission_overwrite::PermissionOverwrite;
use twilight_model::guild::Permissions;
use twilight_model::id::Id;
use twilight_util::permission_calculator::PermissionCalculator;

use super::rest::{ArchivedKind, ChannelInfo, GuildInfo, RoleId};
use crate::guild::Access;
use crate::message::{GuildId, UserId};

/// What a type of channel can contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Messages; text and announcement channels can contain threads as well.
    Messages,
    /// Threads only.
    Threads,
    /// Nothing that belongs to a guild's conversation.
    Nothing,
}

/// A type of channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelKind {
    /// Discord's number.
    pub number: u8,
    /// Discord's name.
    pub name: &'static str,
    /// What channels of this type can contain.
    pub holds: Holds,
    /// Whether reading needs CONNECT.
    pub is_voice: bool,
    /// Whether it is a thread, for which the permissions of its channel count.
    pub is_thread: bool,
}

const fn kind(number: u8, name: &'static str, holds: Holds) -> ChannelKind {
    ChannelKind {
        number,
        name,
        holds,
        is_voice: matches!(number, 2 | 13),
        is_thread: matches!(number, 10..=12),
    }
}

/// Discord's channel types.
/// Source: <https://discord.com/developers/docs/resources/channel#channel-object-channel-types>
pub const CHANNEL_KINDS: [ChannelKind; 13] = [
    kind(0, "GUILD_TEXT", Holds::Messages),
    kind(1, "DM", Holds::Nothing),
    kind(2, "GUILD_VOICE", Holds::Messages),
    kind(3, "GROUP_DM", Holds::Nothing),
    kind(4, "GUILD_CATEGORY", Holds::Nothing),
    kind(5, "GUILD_ANNOUNCEMENT", Holds::Messages),
    kind(10, "ANNOUNCEMENT_THREAD", Holds::Messages),
    kind(11, "PUBLIC_THREAD", Holds::Messages),
    kind(12, "PRIVATE_THREAD", Holds::Messages),
    kind(13, "GUILD_STAGE_VOICE", Holds::Messages),
    kind(14, "GUILD_DIRECTORY", Holds::Nothing),
    kind(15, "GUILD_FORUM", Holds::Threads),
    kind(16, "GUILD_MEDIA", Holds::Threads),
];

impl ChannelKind {
    /// The kind with this number. A kind that Discord adds later counts as containing nothing.
    #[must_use]
    pub fn of(number: impl Into<u8>) -> Self {
        let number = number.into();
        CHANNEL_KINDS
            .into_iter()
            .find(|kind| kind.number == number)
            .unwrap_or(kind(number, "UNKNOWN", Holds::Nothing))
    }
}

/// The lists of archived threads that exist for this type of channel and that these permissions allow to
/// request.
fn archived_lists(kind: ChannelType, permissions: Permissions) -> Vec<ArchivedKind> {
    if !permissions.contains(Permissions::VIEW_CHANNEL | Permissions::READ_MESSAGE_HISTORY) {
        return Vec::new();
    }
    let private = if permissions.contains(Permissions::MANAGE_THREADS) {
        ArchivedKind::Private
    } else {
        ArchivedKind::JoinedPrivate
    };
    match ChannelKind::of(kind).number {
        // Private threads exist in text channels only.
        0 => vec![ArchivedKind::Public, private],
        5 | 15 | 16 => vec![ArchivedKind::Public],
        _ => Vec::new(),
    }
}

/// A member's permissions in a guild.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MemberPermissions {
    guild: GuildId,
    owner: UserId,
    user: UserId,
    everyone: Permissions,
    roles: Vec<(RoleId, Permissions)>,
}

impl MemberPermissions {
    /// The permissions of `user`, who has `member_roles` in `guild`.
    #[must_use]
    pub fn new(guild: &GuildInfo, user: UserId, member_roles: &[RoleId]) -> Self {
        let everyone = RoleId::new(number(guild.id.as_i64()));
        let of = |role: RoleId| guild.roles.iter().find(|known| known.id == role);
        Self {
            guild: guild.id,
            owner: guild.owner_id,
            user,
            everyone: of(everyone).map_or(Permissions::empty(), |role| role.permissions),
            roles: member_roles
                .iter()
                .filter(|role| **role != everyone)
                // A role that the guild does not list allows nothing, but overwrites can name it.
                .map(|role| {
                    (
                        *role,
                        of(*role).map_or(Permissions::empty(), |r| r.permissions),
                    )
                })
                .collect(),
        }
    }

    /// The permissions in a channel with these overwrites.
    #[must_use]
    pub fn in_channel(&self, overwrites: &[PermissionOverwrite]) -> Permissions {
        PermissionCalculator::new(
            Id::new(number(self.guild.as_i64())),
            Id::new(number(self.user.as_i64())),
            self.everyone,
            &self.roles,
        )
        .owner_id(Id::new(number(self.owner.as_i64())))
        // The calculator removes permissions that it considers meaningless for a type of channel, and with them
        // READ_MESSAGE_HISTORY in voice channels, because it does not know their text. For an announcement
        // channel it removes nothing.
        .in_channel(CalculatedType::GuildAnnouncement, overwrites)
    }

    /// Whether the history of `channel` can be read. For a thread, `parent` is its channel; without it, the
    /// answer is unknown. A forum is readable if its threads are.
    #[must_use]
    pub fn access(&self, channel: &ChannelInfo, parent: Option<&ChannelInfo>) -> Access {
        let kind = ChannelKind::of(channel.kind);
        let holder = match (kind.is_thread, parent) {
            (false, _) => channel,
            (true, Some(parent)) => parent,
            (true, None) => return Access::Unknown,
        };
        let permissions = self.in_channel(&holder.permission_overwrites);
        let mut needed = Permissions::VIEW_CHANNEL;
        if kind.is_voice {
            needed |= Permissions::CONNECT;
        }
        if channel.kind == ChannelType::PrivateThread && !channel.joined {
            needed |= Permissions::MANAGE_THREADS;
        }
        if !permissions.contains(needed) {
            return Access::Forbidden;
        }
        if !permissions.contains(Permissions::READ_MESSAGE_HISTORY) {
            return Access::NoHistory;
        }
        Access::Readable
    }

    /// The lists of archived threads of `channel` that may be requested.
    #[must_use]
    pub fn archived_lists(&self, channel: &ChannelInfo) -> Vec<ArchivedKind> {
        archived_lists(
            channel.kind,
            self.in_channel(&channel.permission_overwrites),
        )
    }
}

/// Ids are between 1 and `i64::MAX`.
fn number(id: i64) -> u64 {
    id.unsigned_abs()
}

#[cfg(test)]
mod tests;
