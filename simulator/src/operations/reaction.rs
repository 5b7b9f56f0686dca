//! Reactions and votes.

use crate::error::Error;
use crate::simulator::Simulator;
use crate::world::Emoji;

impl Simulator {
    /// A user reacts; with `burst` it is a super reaction. To react with the same again is no event.
    ///
    /// # Errors
    /// When there is no such message or user, or the user is a webhook.
    pub fn add_reaction(
        &self,
        channel: u64,
        id: u64,
        user: u64,
        emoji: impl Into<Emoji>,
        burst: bool,
    ) -> Result<(), Error> {
        self.events(|world| world.add_reaction(channel, id, user, &emoji.into(), burst))
    }

    /// A user takes a reaction back.
    ///
    /// # Errors
    /// When there is no such message or user, or the user has not reacted like this.
    pub fn remove_reaction(
        &self,
        channel: u64,
        id: u64,
        user: u64,
        emoji: impl Into<Emoji>,
        burst: bool,
    ) -> Result<(), Error> {
        self.events(|world| world.remove_reaction(channel, id, user, &emoji.into(), burst))
    }

    /// All reactions of a message are removed at once; nothing happens when there are none.
    ///
    /// # Errors
    /// When there is no such message.
    pub fn clear_reactions(&self, channel: u64, id: u64) -> Result<(), Error> {
        self.events(|world| world.clear_reactions(channel, id, None))
    }

    /// All reactions with one emoji are removed at once; nothing happens when there are none.
    ///
    /// # Errors
    /// When there is no such message.
    pub fn clear_emoji(&self, channel: u64, id: u64, emoji: impl Into<Emoji>) -> Result<(), Error> {
        self.events(|world| world.clear_reactions(channel, id, Some(&emoji.into())))
    }

    /// A person votes for an answer (they are counted from 1). Where one answer may be chosen, a vote for another one
    /// is taken back first.
    ///
    /// # Errors
    /// When there is no such message, user or answer, the poll has ended, or the user is an app.
    pub fn add_vote(&self, channel: u64, id: u64, user: u64, answer: u32) -> Result<(), Error> {
        self.events(|world| world.add_vote(channel, id, user, answer))
    }

    /// A person takes a vote back.
    ///
    /// # Errors
    /// When there is no such message, user, answer or vote, or the poll has ended.
    pub fn remove_vote(&self, channel: u64, id: u64, user: u64, answer: u32) -> Result<(), Error> {
        self.events(|world| world.remove_vote(channel, id, user, answer))
    }

    /// A poll ends and its votes are final: MESSAGE_UPDATE, and the notice (type 46) of its result.
    ///
    /// # Errors
    /// When there is no such message, it is no poll, or the poll has ended.
    pub fn end_poll(&self, channel: u64, id: u64) -> Result<(), Error> {
        self.events(|world| world.end_poll(channel, id))
    }
}
