//! What happens to messages without an edit: pins, flags, embeds, a crosspost's lost source, an author's new name.

use super::{Event, intent};
use crate::draft::Draft;
use crate::error::Error;
use crate::payload::json::{Json, map};
use crate::payload::message::Form;
use crate::snowflake::timestamp;
use crate::world::change::{
    HAS_THREAD, IS_CROSSPOST, SOURCE_DELETED_CONTENT, SOURCE_MESSAGE_DELETED,
};
use crate::world::{BOT, Message, MessageChange, PayloadStyle, Presence, World};

/// The type of the notice that a message was pinned.
const PINNED_NOTICE: u8 = 6;

impl World {
    /// Change a message without an edit.
    pub(crate) fn change_message(
        &mut self,
        channel: u64,
        id: u64,
        change: MessageChange,
        style: PayloadStyle,
    ) -> Result<Vec<Event>, Error> {
        match change {
            MessageChange::Pinned(pinned) => self.pin(channel, id, pinned, style),
            MessageChange::Flags(flags) => {
                let flags = i64::try_from(flags & !HAS_THREAD)
                    .map_err(|_| Error::Invalid("these flags have more than 63 bits"))?;
                self.alter(channel, id, style, &["flags", "embeds"], |_, draft| {
                    draft.flags = flags;
                })
            }
            MessageChange::Embeds(count) => {
                self.alter(channel, id, style, &["embeds"], |_, draft| {
                    draft.embeds.clear();
                    *draft = std::mem::take(draft).embeds(count);
                })
            }
            MessageChange::SourceDeleted => {
                let at = self.channel_at(channel)?;
                let message = self.message(at, id).ok_or(Error::UnknownMessage(id))?;
                if self.draft(at, message).flags as u64 & IS_CROSSPOST == 0 {
                    return Err(Error::Invalid("this message is not a crosspost"));
                }
                let fields = ["flags", "content", "embeds", "attachments", "components"];
                self.alter(channel, id, style, &fields, |_, draft| {
                    draft.flags |= SOURCE_MESSAGE_DELETED as i64;
                    draft.content = SOURCE_DELETED_CONTENT.to_owned();
                    draft.embeds.clear();
                    draft.attachments.clear();
                    draft.components.clear();
                })
            }
        }
    }

    /// Change a message and tell of it in this style; a partial update carries these fields.
    fn alter(
        &mut self,
        channel: u64,
        id: u64,
        style: PayloadStyle,
        fields: &[&'static str],
        edit: impl FnOnce(&mut Message, &mut Draft),
    ) -> Result<Vec<Event>, Error> {
        let (at, message) = self.change(channel, id, |message, draft, _| edit(message, draft))?;
        let event = match style {
            PayloadStyle::Whole => self.whole_event("MESSAGE_UPDATE", at, &message),
            PayloadStyle::Partial => self.partial_event(at, &message, fields),
        };
        Ok(event.into_iter().collect())
    }

    /// MESSAGE_UPDATE with `id`, `channel_id` and these fields, if the bot sees the channel.
    pub(super) fn partial_event(
        &self,
        at: usize,
        message: &Message,
        fields: &[&'static str],
    ) -> Option<Event> {
        if !self.hears(at) {
            return None;
        }
        let channel = self.channels[at].id;
        let partial = |form| {
            let whole = self.message_json(at, message, form);
            let mut json = map! { "id" => Json::id(message.id), "channel_id" => Json::id(channel) };
            for &field in fields {
                if let Some(value) = whole.get(field) {
                    json.set(field, value.clone());
                }
            }
            json
        };
        let whole = partial(Form::GATEWAY);
        let mut event = Event::of_messages("MESSAGE_UPDATE", channel, vec![message.id], &whole);
        if !self.exempt(at, message) {
            event.bare = Some(partial(Form::BARE).compact());
        }
        Some(event)
    }

    fn pin(
        &mut self,
        channel: u64,
        id: u64,
        pinned: bool,
        style: PayloadStyle,
    ) -> Result<Vec<Event>, Error> {
        let at = self.channel_at(channel)?;
        let message = self.message(at, id).ok_or(Error::UnknownMessage(id))?;
        if message.pinned == pinned {
            return Ok(Vec::new());
        }
        let mut events = self.alter(channel, id, style, &["pinned"], |message, _| {
            message.pinned = pinned;
        })?;
        if pinned {
            self.channels[at].last_pin_ms = self.clock.now_ms();
        }
        if self.hears(at) {
            let last = self.channels[at].last_pin_ms;
            let d = map! {
                "guild_id" => Json::id(self.guild_of(at).id),
                "channel_id" => Json::id(channel),
                "last_pin_timestamp" => (last != 0).then(|| timestamp(last)),
            };
            events.push(Event::about(
                "CHANNEL_PINS_UPDATE",
                intent::GUILDS,
                channel,
                &d,
            ));
        }
        if pinned {
            let members = &self.guild_of(at).members;
            let pinner = self.users[*members.get(1).unwrap_or(&BOT) as usize].id;
            let mut notice = Draft::default().kind(PINNED_NOTICE).author(pinner);
            notice.reply_to = Some(id);
            let notice_id = self.clock.next_id();
            events.extend(self.post(at, notice_id, notice)?);
        }
        Ok(events)
    }

    /// Give a user another name. Every payload shows it from now on, also those of old messages, and no event says so
    /// of any message: only GUILD_MEMBER_UPDATE comes, to whoever has the intent for it.
    pub(crate) fn rename_user(&mut self, user: u64, name: String) -> Result<Vec<Event>, Error> {
        let at = self.user_at(user).ok_or(Error::UnknownUser(user))?;
        if self.users[at as usize].webhook {
            return Err(Error::Invalid(
                "what a webhook was called is kept with each message and does not change",
            ));
        }
        self.users[at as usize].name = name;
        let mut events = Vec::new();
        if at == BOT {
            let mut event = Event::guild("USER_UPDATE", &self.bot().json());
            event.intent = 0;
            events.push(event);
        }
        for guild in &self.guilds {
            let member = at == BOT || guild.members.contains(&at);
            if guild.presence != Presence::Here || !member {
                continue;
            }
            let mut d = self.full_member_json(guild, at);
            d.set("guild_id", Json::id(guild.id));
            let mut event = Event::guild("GUILD_MEMBER_UPDATE", &d);
            // A bot always hears of its own membership.
            event.intent = if at == BOT { 0 } else { intent::GUILD_MEMBERS };
            events.push(event);
        }
        Ok(events)
    }
}
