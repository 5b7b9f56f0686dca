//! The operations of the handle: each changes the world and dispatches its events, in one step.
//! The names are those of what a person or Discord does; the events are in `world::operation`.

mod change;
mod reaction;

use crate::draft::Draft;
use crate::error::Error;
use crate::simulator::Simulator;
use crate::world::{Event, Kind, PermissionChange, Presence};

impl Simulator {
    /// Say something; the new id.
    ///
    /// # Errors
    /// When there is no such channel or author, or the channel has no messages of its own.
    pub fn create_message(&self, channel: u64, draft: Draft) -> Result<u64, Error> {
        self.shared
            .change(|world| world.create_message(channel, draft))
    }

    /// Edit a message (`edited_timestamp` is set).
    ///
    /// # Errors
    /// When there is no such message.
    pub fn edit_message(
        &self,
        channel: u64,
        id: u64,
        content: impl Into<String>,
    ) -> Result<(), Error> {
        self.events(|world| world.edit_message(channel, id, content.into()))
    }

    /// Add embeds as Discord does for links: a whole MESSAGE_UPDATE, `edited_timestamp` as it was.
    ///
    /// # Errors
    /// When there is no such message.
    pub fn unfurl(&self, channel: u64, id: u64, embeds: usize) -> Result<(), Error> {
        self.events(|world| world.unfurl(channel, id, embeds))
    }

    /// Add embeds, told by `{id, channel_id, embeds}` only.
    ///
    /// # Errors
    /// When there is no such message.
    pub fn partial_update(&self, channel: u64, id: u64, embeds: usize) -> Result<(), Error> {
        self.events(|world| world.partial_update(channel, id, embeds))
    }

    /// Delete a message.
    ///
    /// # Errors
    /// When there is no such message.
    pub fn delete_message(&self, channel: u64, id: u64) -> Result<(), Error> {
        self.events(|world| world.delete_message(channel, id))
    }

    /// Delete 2 to 100 messages at once.
    ///
    /// # Errors
    /// When there is no such channel, or not 2 to 100 ids.
    pub fn bulk_delete(&self, channel: u64, ids: &[u64]) -> Result<(), Error> {
        self.events(|world| world.bulk_delete(channel, ids))
    }

    /// Start a thread on a message (it has the message's id then) or free-standing; its id.
    ///
    /// # Errors
    /// When no such thread can be made there.
    pub fn create_thread(
        &self,
        channel: u64,
        on: Option<u64>,
        name: impl Into<String>,
        private: bool,
    ) -> Result<u64, Error> {
        self.shared
            .change(|world| world.create_thread(channel, on, name.into(), private))
    }

    /// Post in a forum or media channel; the id of the thread and of its first message.
    ///
    /// # Errors
    /// When the channel is no forum.
    pub fn create_post(
        &self,
        forum: u64,
        name: impl Into<String>,
        draft: Draft,
    ) -> Result<u64, Error> {
        self.shared
            .change(|world| world.create_post(forum, name.into(), draft))
    }

    /// Archive a thread.
    ///
    /// # Errors
    /// When there is no such thread.
    pub fn archive_thread(&self, thread: u64) -> Result<(), Error> {
        self.events(|world| world.archive(thread, true))
    }

    /// Bring an archived thread back.
    ///
    /// # Errors
    /// When there is no such thread.
    pub fn unarchive_thread(&self, thread: u64) -> Result<(), Error> {
        self.events(|world| world.archive(thread, false))
    }

    /// Add the bot to a thread or take it out of it.
    ///
    /// # Errors
    /// When there is no such thread.
    pub fn join_thread(&self, thread: u64, joined: bool) -> Result<(), Error> {
        self.events(|world| world.join_thread(thread, joined))
    }

    /// Delete a thread with everything in it: THREAD_DELETE only.
    ///
    /// # Errors
    /// When there is no such thread.
    pub fn delete_thread(&self, thread: u64) -> Result<(), Error> {
        self.events(|world| world.delete_thread(thread))
    }

    /// A new channel; its id.
    ///
    /// # Errors
    /// When there is no such guild, or the kind is a thread's.
    pub fn create_channel(
        &self,
        guild: u64,
        kind: Kind,
        name: impl Into<String>,
        parent: Option<u64>,
    ) -> Result<u64, Error> {
        self.shared
            .change(|world| world.create_channel(guild, kind, name.into(), parent))
    }

    /// Delete a channel with its threads and everything in them: CHANNEL_DELETE only.
    ///
    /// # Errors
    /// When there is no such channel.
    pub fn delete_channel(&self, channel: u64) -> Result<(), Error> {
        self.events(|world| world.delete_channel(channel))
    }

    /// Change who may do what.
    ///
    /// # Errors
    /// When there is no such guild, role or channel.
    pub fn set_permission(&self, change: PermissionChange) -> Result<(), Error> {
        self.events(|world| world.set_permission(change))
    }

    /// Remove the bot from a guild.
    ///
    /// # Errors
    /// When there is no such guild.
    pub fn kick(&self, guild: u64) -> Result<(), Error> {
        self.events(|world| world.set_presence(guild, Presence::Left))
    }

    /// Take a guild down (GUILD_DELETE with `unavailable`).
    ///
    /// # Errors
    /// When there is no such guild.
    pub fn guild_outage(&self, guild: u64) -> Result<(), Error> {
        self.events(|world| world.set_presence(guild, Presence::Unavailable))
    }

    /// Bring a guild back (GUILD_CREATE), after an outage or a kick.
    ///
    /// # Errors
    /// When there is no such guild.
    pub fn guild_back(&self, guild: u64) -> Result<(), Error> {
        self.events(|world| world.set_presence(guild, Presence::Here))
    }

    pub(in crate::operations) fn events<I: IntoIterator<Item = Event>>(
        &self,
        operation: impl FnOnce(&mut crate::world::World) -> Result<I, Error>,
    ) -> Result<(), Error> {
        self.shared
            .change(|world| operation(world).map(|events| ((), events.into_iter().collect())))
    }
}
