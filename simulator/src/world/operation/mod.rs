//! What can happen in the world; each change returns the events that Discord would dispatch for it.
//! Whether anybody gets an event is decided here by what the bot sees, and later by the intents of each session.

mod change;
mod message;
mod permission;
pub use permission::PermissionChange;
mod place;
mod poll;
mod reaction;

use super::{Message, Presence, World};
use crate::payload::json::Json;
use crate::payload::message::Form;

/// Intents by Discord's names.
pub(crate) mod intent {
    pub(crate) const GUILDS: u64 = 1;
    pub(crate) const GUILD_MEMBERS: u64 = 1 << 1;
    pub(crate) const GUILD_MESSAGES: u64 = 1 << 9;
    pub(crate) const GUILD_MESSAGE_REACTIONS: u64 = 1 << 10;
    pub(crate) const GUILD_MESSAGE_POLLS: u64 = 1 << 24;
}

/// An event on its way to the sessions.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// Its name.
    pub(crate) t: &'static str,
    /// Sessions with this intent get it; 0 is everybody.
    pub(crate) intent: u64,
    /// Its channel: what reordering and fault injection go by.
    pub(crate) channel: Option<u64>,
    /// The text of `d`.
    pub(crate) d: String,
    /// The text of `d` for sessions without the content intent, where it differs.
    pub(crate) bare: Option<String>,
    /// The message of which `d` is the whole payload.
    pub(crate) whole: Option<u64>,
    /// The messages it is about.
    pub(crate) messages: Vec<u64>,
}

impl Event {
    pub(crate) fn guild(t: &'static str, d: &Json) -> Self {
        Self {
            t,
            intent: intent::GUILDS,
            channel: None,
            d: d.compact(),
            bare: None,
            whole: None,
            messages: Vec::new(),
        }
    }

    fn about(t: &'static str, intent: u64, channel: u64, d: &Json) -> Self {
        Self {
            t,
            intent,
            channel: Some(channel),
            d: d.compact(),
            bare: None,
            whole: None,
            messages: Vec::new(),
        }
    }

    /// An event about messages that does not hold one whole.
    fn of_messages(t: &'static str, channel: u64, messages: Vec<u64>, d: &Json) -> Self {
        Self {
            messages,
            ..Self::about(t, intent::GUILD_MESSAGES, channel, d)
        }
    }
}

impl World {
    /// MESSAGE_CREATE or MESSAGE_UPDATE with the whole message, if the bot sees the channel.
    fn whole_event(&self, t: &'static str, channel: usize, message: &Message) -> Option<Event> {
        if !self.hears(channel) {
            return None;
        }
        let update = t == "MESSAGE_UPDATE";
        let text = |form: Form| self.message_text(channel, message, Form { update, ..form });
        let d = text(Form::GATEWAY);
        let bare = (!self.exempt(channel, message)).then(|| text(Form::BARE));
        let channel = Some(self.channels[channel].id);
        Some(Event {
            t,
            intent: intent::GUILD_MESSAGES,
            channel,
            d,
            bare,
            whole: Some(message.id),
            messages: vec![message.id],
        })
    }

    /// Whether a message keeps its content without the content intent: the bot's own, and those that mention it.
    fn exempt(&self, channel: usize, message: &Message) -> bool {
        let bot = self.bot().id;
        message.author == super::BOT || self.draft(channel, message).mentions.contains(&bot)
    }

    /// Whether events of a channel or thread reach the bot now.
    fn hears(&self, channel: usize) -> bool {
        self.guild_of(channel).presence == Presence::Here && self.sees(channel)
    }
}
