//! What happens to reactions. Source: <https://docs.discord.com/developers/events/gateway-events> (Messages).

use super::{Event, intent};
use crate::error::Error;
use crate::payload::json::Json;
use crate::world::reaction::{Reaction, burst_colors};
use crate::world::{BOT, Emoji, Message, World};

impl World {
    /// A user reacts. To react with the same again changes nothing and is no event.
    pub(crate) fn add_reaction(
        &mut self,
        channel: u64,
        id: u64,
        user: u64,
        emoji: &Emoji,
        burst: bool,
    ) -> Result<Option<Event>, Error> {
        let user = self.reactor(user)?;
        let added = self.with_reactions(channel, id, |reactions| {
            let place = reactions.iter().position(|one| one.emoji.is(emoji));
            let place = place.unwrap_or_else(|| {
                reactions.push(Reaction::new(emoji.clone()));
                reactions.len() - 1
            });
            reactions[place].people(burst).add(user)
        })?;
        let Some((at, message)) = added.filter(|(at, _)| self.hears(*at)) else {
            return Ok(None);
        };
        let mut d = self.reaction_json(at, id, Some(user), Some((emoji, burst)));
        d.set("member", self.full_member_json(self.guild_of(at), user));
        let author = &self.users[message.author as usize];
        if !author.webhook {
            d.set("message_author_id", Json::id(author.id));
        }
        if burst {
            d.set("burst_colors", burst_colors().into());
        }
        Ok(Some(reaction_event(
            "MESSAGE_REACTION_ADD",
            channel,
            id,
            &d,
        )))
    }

    /// A user takes a reaction back.
    pub(crate) fn remove_reaction(
        &mut self,
        channel: u64,
        id: u64,
        user: u64,
        emoji: &Emoji,
        burst: bool,
    ) -> Result<Option<Event>, Error> {
        let user = self.reactor(user)?;
        let removed = self.with_reactions(channel, id, |reactions| {
            let mut gone = false;
            for reaction in reactions.iter_mut() {
                gone |= reaction.emoji.is(emoji) && reaction.people(burst).remove(user);
            }
            reactions.retain(|reaction| reaction.count() > 0);
            gone
        })?;
        let Some((at, _)) = removed else {
            return Err(Error::Invalid("this user has not reacted with this emoji"));
        };
        let d = self.reaction_json(at, id, Some(user), Some((emoji, burst)));
        let event = || reaction_event("MESSAGE_REACTION_REMOVE", channel, id, &d);
        Ok(self.hears(at).then(event))
    }

    /// All reactions of a message are removed, or all of one emoji; nothing happens when there are none.
    pub(crate) fn clear_reactions(
        &mut self,
        channel: u64,
        id: u64,
        emoji: Option<&Emoji>,
    ) -> Result<Option<Event>, Error> {
        let cleared = self.with_reactions(channel, id, |reactions| {
            let before = reactions.len();
            reactions.retain(|reaction| emoji.is_some_and(|emoji| !reaction.emoji.is(emoji)));
            reactions.len() < before
        })?;
        let Some((at, _)) = cleared.filter(|(at, _)| self.hears(*at)) else {
            return Ok(None);
        };
        let mut d = self.reaction_json(at, id, None, None);
        let t = match emoji {
            Some(emoji) => {
                d.set("emoji", emoji.json());
                "MESSAGE_REACTION_REMOVE_EMOJI"
            }
            None => "MESSAGE_REACTION_REMOVE_ALL",
        };
        Ok(Some(reaction_event(t, channel, id, &d)))
    }

    /// Change the reactions of a message, if the edit says that it has changed them.
    fn with_reactions(
        &mut self,
        channel: u64,
        id: u64,
        edit: impl FnOnce(&mut Vec<Reaction>) -> bool,
    ) -> Result<Option<(usize, Message)>, Error> {
        let at = self.channel_at(channel)?;
        let message = self.message(at, id).ok_or(Error::UnknownMessage(id))?;
        let mut reactions = self.draft(at, message).reactions.clone();
        if !edit(&mut reactions) {
            return Ok(None);
        }
        self.change(channel, id, |_, draft, _| draft.reactions = reactions)
            .map(Some)
    }

    fn reaction_json(
        &self,
        at: usize,
        id: u64,
        user: Option<u32>,
        emoji: Option<(&Emoji, bool)>,
    ) -> Json {
        let mut d = Json::Map(Vec::new());
        if let Some(user) = user {
            d.set("user_id", Json::id(self.users[user as usize].id));
        }
        if let Some((emoji, burst)) = emoji {
            d.set("type", i32::from(burst).into());
            d.set("emoji", emoji.json());
            d.set("burst", burst.into());
        }
        d.set("message_id", Json::id(id));
        d.set("channel_id", Json::id(self.channels[at].id));
        d.set("guild_id", Json::id(self.guild_of(at).id));
        d
    }

    /// Whoever may react: people and bots, among them the bot itself.
    fn reactor(&self, user: u64) -> Result<u32, Error> {
        match self.user_at(user) {
            Some(at) if at == BOT || !self.users[at as usize].webhook => Ok(at),
            Some(_) => Err(Error::Invalid("a webhook does not react or vote")),
            None => Err(Error::UnknownUser(user)),
        }
    }
}

fn reaction_event(t: &'static str, channel: u64, message: u64, d: &Json) -> Event {
    Event {
        messages: vec![message],
        ..Event::about(t, intent::GUILD_MESSAGE_REACTIONS, channel, d)
    }
}
