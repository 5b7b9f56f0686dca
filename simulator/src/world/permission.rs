//! What the bot may see, computed as Discord does: roles, then the channel's overwrites, threads by their parent.
//! Only the bot asks, so this is about the bot alone.

use super::{Channel, Kind, World};

/// See a channel.
pub const VIEW_CHANNEL: u64 = 1 << 10;
/// Send a message.
pub const SEND_MESSAGES: u64 = 1 << 11;
/// Read what was said before.
pub const READ_MESSAGE_HISTORY: u64 = 1 << 16;
/// Connect to a voice channel; reading its messages needs it too.
pub const CONNECT: u64 = 1 << 20;
/// See and change every thread, private ones too.
pub const MANAGE_THREADS: u64 = 1 << 34;
/// Everything, whatever the overwrites say.
pub const ADMINISTRATOR: u64 = 1 << 3;

/// What a channel grants or takes from a role or a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overwrite {
    pub(crate) id: u64,
    pub(crate) member: bool,
    pub(crate) allow: u64,
    pub(crate) deny: u64,
}

impl World {
    /// The bot's permissions in a channel or thread.
    pub(crate) fn permissions(&self, channel: usize) -> u64 {
        let place = &self.channels[channel];
        let place = match (
            place.kind.is_thread(),
            place.parent.and_then(|id| self.channel_at.get(&id)),
        ) {
            (true, Some(&parent)) => &self.channels[parent],
            _ => place,
        };
        let guild = &self.guilds[place.guild];
        let held = |id: u64| id == guild.id || guild.bot_roles.contains(&id);
        let base = guild
            .roles
            .iter()
            .filter(|role| held(role.id))
            .fold(0, |sum, role| sum | role.permissions);
        if base & ADMINISTRATOR != 0 {
            return u64::MAX;
        }
        let mut permissions = base;
        let mut apply = |allow: u64, deny: u64| permissions = (permissions & !deny) | allow;
        for everyone in place
            .overwrites
            .iter()
            .filter(|o| !o.member && o.id == guild.id)
        {
            apply(everyone.allow, everyone.deny);
        }
        let roles = place
            .overwrites
            .iter()
            .filter(|o| !o.member && guild.bot_roles.contains(&o.id));
        let (allow, deny) = roles.fold((0, 0), |(allow, deny), o| (allow | o.allow, deny | o.deny));
        apply(allow, deny);
        for own in place
            .overwrites
            .iter()
            .filter(|o| o.member && o.id == self.bot().id)
        {
            apply(own.allow, own.deny);
        }
        if permissions & VIEW_CHANNEL == 0 {
            0
        } else {
            permissions
        }
    }

    /// Whether the bot sees that a channel or thread is there and what is said in it now.
    pub(crate) fn sees(&self, channel: usize) -> bool {
        let place = &self.channels[channel];
        let permissions = self.permissions(channel);
        permissions & VIEW_CHANNEL != 0 && self.may_enter(place, permissions)
    }

    /// Whether a channel is hidden from the bot: it lacks VIEW_CHANNEL there, and in all channels of a category.
    pub(crate) fn hides(&self, channel: usize) -> bool {
        let views = |at: usize| self.permissions(at) & VIEW_CHANNEL != 0;
        let place = &self.channels[channel];
        let viewed_through = |(at, child): (usize, &Channel)| {
            child.parent == Some(place.id) && child.thread.is_none() && views(at)
        };
        self.obfuscation
            && !views(channel)
            && !(place.kind == Kind::Category && self.channels_of(place.guild).any(viewed_through))
    }

    fn may_enter(&self, place: &Channel, permissions: u64) -> bool {
        match (&place.thread, place.kind) {
            (Some(thread), Kind::PrivateThread) => {
                thread.joined || permissions & MANAGE_THREADS != 0
            }
            (_, Kind::Voice | Kind::Stage) => permissions & CONNECT != 0,
            _ => true,
        }
    }
}
