//! Changes of messages that are not edits, and people's names.

use crate::error::Error;
use crate::simulator::Simulator;
use crate::world::{MessageChange, PayloadStyle};

impl Simulator {
    /// Change a message without an edit, told in this style.
    ///
    /// # Errors
    /// When there is no such message, or it cannot change like this.
    pub fn change_message(
        &self,
        channel: u64,
        id: u64,
        change: MessageChange,
        style: PayloadStyle,
    ) -> Result<(), Error> {
        self.events(|world| world.change_message(channel, id, change, style))
    }

    /// Pin a message: MESSAGE_UPDATE, CHANNEL_PINS_UPDATE and the notice (type 6). Nothing happens when it is pinned.
    ///
    /// # Errors
    /// When there is no such message.
    pub fn pin_message(&self, channel: u64, id: u64) -> Result<(), Error> {
        self.change_message(
            channel,
            id,
            MessageChange::Pinned(true),
            PayloadStyle::Whole,
        )
    }

    /// Unpin a message: MESSAGE_UPDATE and CHANNEL_PINS_UPDATE. Nothing happens when it is not pinned.
    ///
    /// # Errors
    /// When there is no such message.
    pub fn unpin_message(&self, channel: u64, id: u64) -> Result<(), Error> {
        self.change_message(
            channel,
            id,
            MessageChange::Pinned(false),
            PayloadStyle::Whole,
        )
    }

    /// Give a message these flags ([`crate::SUPPRESS_EMBEDS`] and others).
    ///
    /// # Errors
    /// When there is no such message.
    pub fn set_flags(&self, channel: u64, id: u64, flags: u64) -> Result<(), Error> {
        self.change_message(
            channel,
            id,
            MessageChange::Flags(flags),
            PayloadStyle::Whole,
        )
    }

    /// Take the embeds of a message away.
    ///
    /// # Errors
    /// When there is no such message.
    pub fn remove_embeds(&self, channel: u64, id: u64) -> Result<(), Error> {
        self.change_message(channel, id, MessageChange::Embeds(0), PayloadStyle::Whole)
    }

    /// The message that a crosspost (`Draft::crosspost`) shows was deleted where it was written.
    ///
    /// # Errors
    /// When there is no such message, or it is no crosspost.
    pub fn delete_crosspost_source(&self, channel: u64, id: u64) -> Result<(), Error> {
        self.change_message(
            channel,
            id,
            MessageChange::SourceDeleted,
            PayloadStyle::Whole,
        )
    }

    /// Give a user another `username`. All payloads show it from now on, those of old messages too; no event comes for
    /// a message, only GUILD_MEMBER_UPDATE for sessions with GUILD_MEMBERS.
    ///
    /// # Errors
    /// When there is no such user, or it is a webhook, whose name is kept with each message.
    pub fn rename_user(&self, user: u64, name: impl Into<String>) -> Result<(), Error> {
        self.events(|world| world.rename_user(user, name.into()))
    }
}
