//! What happens to messages.
//! An edit sets `edited_timestamp`; an unfurl does not; a partial update carries three fields only.

use super::Event;
use crate::community::history;
use crate::draft::Draft;
use crate::error::Error;
use crate::payload::json::{Json, map};
use crate::random::rng;
use crate::world::message::DeletedBy;
use crate::world::{Message, World};

/// How many polls are remembered as open.
const OPEN_POLLS: usize = 32;

impl World {
    /// Say something; an archived thread comes back by it.
    pub(crate) fn create_message(
        &mut self,
        channel: u64,
        draft: Draft,
    ) -> Result<(u64, Vec<Event>), Error> {
        let at = self.channel_at(channel)?;
        if !self.channels[at].kind.has_messages() {
            return Err(Error::Invalid(
                "this kind of channel has no messages of its own",
            ));
        }
        let mut events = Vec::new();
        if self.channels[at]
            .thread
            .as_ref()
            .is_some_and(|thread| thread.archived)
        {
            events = self.archive(channel, false)?;
        }
        let id = self.clock.next_id();
        events.extend(self.post(at, id, draft)?);
        Ok((id, events))
    }

    /// Put a message with this id into a channel.
    pub(super) fn post(
        &mut self,
        at: usize,
        id: u64,
        draft: Draft,
    ) -> Result<Option<Event>, Error> {
        let author = match draft.author {
            Some(user) => self.user_at(user).ok_or(Error::UnknownUser(user))?,
            None => history::author(self, at, &mut rng(self.seed, id)),
        };
        let mut message = Message::new(id, author, draft.kind);
        message.reference = draft.reply_to.unwrap_or(0);
        if draft.poll.is_some() {
            // Life goes on in the newest of them.
            if self.open_polls.len() >= OPEN_POLLS {
                self.open_polls.remove(0);
            }
            self.open_polls.push((at, id));
        }
        message.body = Some(Box::new(draft));
        self.channels[at].push(message.clone());
        if let Some(thread) = self.channels[at]
            .parent
            .filter(|_| self.channels[at].id == id)
            && let Some(&parent) = self.channel_at.get(&thread)
        {
            self.channels[parent].last_message_id = Some(id);
        }
        Ok(self.whole_event("MESSAGE_CREATE", at, &message))
    }

    /// Change a message and return its update.
    pub(super) fn change(
        &mut self,
        channel: u64,
        id: u64,
        edit: impl FnOnce(&mut Message, &mut Draft, u64),
    ) -> Result<(usize, Message), Error> {
        let at = self.channel_at(channel)?;
        let now = self.clock.now_ms();
        let message = self.message(at, id).ok_or(Error::UnknownMessage(id))?;
        let mut draft = self.draft(at, message).into_owned();
        let message = self.channels[at]
            .find_mut(id)
            .ok_or(Error::UnknownMessage(id))?;
        message.revision = message.revision.wrapping_add(1);
        edit(message, &mut draft, now);
        message.body = Some(Box::new(draft));
        let message = message.clone();
        Ok((at, message))
    }

    /// The author changes the text.
    pub(crate) fn edit_message(
        &mut self,
        channel: u64,
        id: u64,
        content: String,
    ) -> Result<Option<Event>, Error> {
        let (at, message) = self.change(channel, id, |message, draft, now| {
            draft.content = content;
            // Two edits in one millisecond are still two versions.
            message.edited_ms = now.max(message.edited_ms + 1);
        })?;
        Ok(self.whole_event("MESSAGE_UPDATE", at, &message))
    }

    /// Discord adds the embeds of links: a whole message, its edit time as it was.
    pub(crate) fn unfurl(
        &mut self,
        channel: u64,
        id: u64,
        embeds: usize,
    ) -> Result<Option<Event>, Error> {
        let (at, message) = self.change(channel, id, |_, draft, _| {
            *draft = std::mem::take(draft).embeds(embeds);
        })?;
        Ok(self.whole_event("MESSAGE_UPDATE", at, &message))
    }

    /// An update that carries `id`, `channel_id` and `embeds` only.
    pub(crate) fn partial_update(
        &mut self,
        channel: u64,
        id: u64,
        embeds: usize,
    ) -> Result<Option<Event>, Error> {
        let (at, message) = self.change(channel, id, |_, draft, _| {
            *draft = std::mem::take(draft).embeds(embeds);
        })?;
        Ok(self.partial_event(at, &message, &["embeds"]))
    }

    /// Delete one message.
    pub(crate) fn delete_message(&mut self, channel: u64, id: u64) -> Result<Option<Event>, Error> {
        let at = self.channel_at(channel)?;
        self.message(at, id).ok_or(Error::UnknownMessage(id))?;
        self.mark(at, id, DeletedBy::Delete);
        let d = map! {
            "id" => Json::id(id), "channel_id" => Json::id(channel), "guild_id" => Json::id(self.guild_of(at).id),
        };
        Ok(self
            .hears(at)
            .then(|| Event::of_messages("MESSAGE_DELETE", channel, vec![id], &d)))
    }

    /// Delete 2 to 100 messages at once; ids that are not there are passed over, as Discord does.
    pub(crate) fn bulk_delete(
        &mut self,
        channel: u64,
        ids: &[u64],
    ) -> Result<Option<Event>, Error> {
        if !(2..=100).contains(&ids.len()) {
            return Err(Error::Invalid("a bulk delete takes 2 to 100 messages"));
        }
        let at = self.channel_at(channel)?;
        let gone: Vec<u64> = ids
            .iter()
            .copied()
            .filter(|&id| self.message(at, id).is_some())
            .collect();
        for &id in &gone {
            self.mark(at, id, DeletedBy::BulkDelete);
        }
        let d = map! {
            "ids" => gone.iter().copied().map(Json::id).collect::<Vec<_>>(),
            "channel_id" => Json::id(channel),
            "guild_id" => Json::id(self.guild_of(at).id),
        };
        let heard = self.hears(at) && !gone.is_empty();
        Ok(heard.then(|| Event::of_messages("MESSAGE_DELETE_BULK", channel, gone, &d)))
    }

    fn mark(&mut self, at: usize, id: u64, how: DeletedBy) {
        let now = self.clock.now_ms();
        if let Some(message) = self.channels[at].find_mut(id) {
            message.deleted = Some(how);
            message.deleted_ms = now;
        }
    }

    /// Delete every message of a channel or thread that goes with it.
    pub(super) fn mark_all(&mut self, at: usize, how: DeletedBy) {
        let now = self.clock.now_ms();
        self.channels[at].deleted = true;
        for message in self.channels[at]
            .messages
            .iter_mut()
            .filter(|message| message.deleted.is_none())
        {
            message.deleted = Some(how);
            message.deleted_ms = now;
        }
    }
}
