//! What happens to channels, threads and guilds.
//! A channel or thread that goes takes its messages with it, and only CHANNEL_DELETE or THREAD_DELETE says so.

use super::{Event, intent};
use crate::draft::Draft;
use crate::error::Error;
use crate::payload::json::{Json, map};
use crate::world::message::DeletedBy;
use crate::world::{BOT, Channel, Kind, Message, Presence, Thread, World};

impl World {
    /// A thread in a text or announcement channel: on a message (and then with its id), or free-standing.
    pub(crate) fn create_thread(
        &mut self,
        channel: u64,
        on: Option<u64>,
        name: String,
        private: bool,
    ) -> Result<(u64, Vec<Event>), Error> {
        let at = self.channel_at(channel)?;
        let parent = self.channels[at].kind;
        if !parent.has_threads()
            || parent.is_forum()
            || (private && (on.is_some() || parent != Kind::Text))
        {
            return Err(Error::Invalid("no thread of that kind can be made here"));
        }
        let owner = match on {
            Some(id) => {
                let message = self.message(at, id).ok_or(Error::UnknownMessage(id))?;
                if message.has_thread {
                    return Err(Error::Invalid("there is a thread on this message already"));
                }
                message.author
            }
            None => *self.guild_of(at).members.get(1).unwrap_or(&BOT),
        };
        let id = on.unwrap_or_else(|| self.clock.next_id());
        let kind = match parent {
            Kind::Announcement => Kind::AnnouncementThread,
            _ if private => Kind::PrivateThread,
            _ => Kind::PublicThread,
        };
        let place = self.hang(at, id, kind, name, owner, None);
        let mut events = self.created(place);
        let notice = self.clock.next_id();
        match (on, kind) {
            (Some(starter), _) => {
                let mut first = Message::new(notice, owner, 21);
                first.reference = starter;
                self.channels[place].push(first.clone());
                events.extend(self.whole_event("MESSAGE_CREATE", place, &first));
                if let Some(message) = self.channels[at].find_mut(starter) {
                    message.has_thread = true;
                    message.revision = message.revision.wrapping_add(1);
                    let message = message.clone();
                    events.extend(self.whole_event("MESSAGE_UPDATE", at, &message));
                }
            }
            (None, Kind::PrivateThread) => {}
            (None, _) => {
                let mut first = Message::new(notice, owner, 18);
                first.reference = id;
                self.channels[at].push(first.clone());
                events.extend(self.whole_event("MESSAGE_CREATE", at, &first));
            }
        }
        Ok((id, events))
    }

    /// A post in a forum or media channel: its first message has the thread's id.
    pub(crate) fn create_post(
        &mut self,
        forum: u64,
        name: String,
        draft: Draft,
    ) -> Result<(u64, Vec<Event>), Error> {
        let at = self.channel_at(forum)?;
        if !self.channels[at].kind.is_forum() {
            return Err(Error::Invalid(
                "a post can only be made in a forum or media channel",
            ));
        }
        let owner = match draft.author {
            Some(user) => self.user_at(user).ok_or(Error::UnknownUser(user))?,
            None => *self.guild_of(at).members.get(1).unwrap_or(&BOT),
        };
        let draft = draft.author(self.users[owner as usize].id);
        let id = self.clock.next_id();
        let place = self.hang(at, id, Kind::PublicThread, name, owner, Some(forum + 1));
        let mut events = self.created(place);
        events.extend(self.post(place, id, draft)?);
        Ok((id, events))
    }

    fn hang(
        &mut self,
        at: usize,
        id: u64,
        kind: Kind,
        name: String,
        owner: u32,
        tag: Option<u64>,
    ) -> usize {
        let now = self.clock.now_ms();
        let parent = &self.channels[at];
        let mut thread = Channel::new(id, parent.guild, kind, name, Some(parent.id));
        thread.thread = Some(Thread {
            owner,
            archived: false,
            archive_ms: now,
            created_ms: now,
            locked: false,
            joined: owner == BOT,
            tag,
        });
        self.add_channel(thread)
    }

    fn created(&self, place: usize) -> Vec<Event> {
        let mut d = self.listed_thread(place);
        d.set("newly_created", true.into());
        self.heard(place, "THREAD_CREATE", &d)
    }

    fn heard(&self, place: usize, t: &'static str, d: &Json) -> Vec<Event> {
        let id = self.channels[place].id;
        if self.hears(place) {
            vec![Event::about(t, intent::GUILDS, id, d)]
        } else {
            Vec::new()
        }
    }

    fn thread_at(&self, id: u64) -> Result<usize, Error> {
        let at = self.channel_at(id)?;
        if self.channels[at].thread.is_some() {
            Ok(at)
        } else {
            Err(Error::Invalid("this is not a thread"))
        }
    }

    /// Archive a thread or bring it back.
    pub(crate) fn archive(&mut self, thread: u64, archived: bool) -> Result<Vec<Event>, Error> {
        let at = self.thread_at(thread)?;
        let now = self.clock.now_ms();
        if let Some(thread) = &mut self.channels[at].thread {
            thread.archived = archived;
            thread.archive_ms = now;
        }
        let d = self.listed_thread(at);
        Ok(self.heard(at, "THREAD_UPDATE", &d))
    }

    /// Add the bot to a thread (THREAD_CREATE with `member`) or take it out.
    pub(crate) fn join_thread(&mut self, thread: u64, joined: bool) -> Result<Vec<Event>, Error> {
        let at = self.thread_at(thread)?;
        if let Some(thread) = &mut self.channels[at].thread {
            thread.joined = joined;
        }
        if joined {
            let d = self.listed_thread(at);
            return Ok(self.heard(at, "THREAD_CREATE", &d));
        }
        let guild = self.guild_of(at);
        let d = map! {
            "id" => Json::id(thread), "guild_id" => Json::id(guild.id), "member_count" => 1,
            "removed_member_ids" => vec![Json::id(self.bot().id)],
        };
        let here = guild.presence == Presence::Here;
        Ok(here
            .then(|| Event::about("THREAD_MEMBERS_UPDATE", intent::GUILDS, thread, &d))
            .into_iter()
            .collect())
    }

    /// Delete a thread with everything in it.
    pub(crate) fn delete_thread(&mut self, thread: u64) -> Result<Vec<Event>, Error> {
        let at = self.thread_at(thread)?;
        let channel = &self.channels[at];
        let d = map! {
            "id" => Json::id(thread), "guild_id" => Json::id(self.guild_of(at).id),
            "parent_id" => channel.parent.map(Json::id), "type" => i64::from(channel.kind.number()),
        };
        let events = self.heard(at, "THREAD_DELETE", &d);
        self.mark_all(at, DeletedBy::ThreadDelete);
        Ok(events)
    }

    /// A new channel.
    pub(crate) fn create_channel(
        &mut self,
        guild: u64,
        kind: Kind,
        name: String,
        parent: Option<u64>,
    ) -> Result<(u64, Vec<Event>), Error> {
        let guild = self.guild_at(guild)?;
        if kind.is_thread() {
            return Err(Error::Invalid("a thread is made in a channel"));
        }
        let id = self.clock.next_id();
        let mut channel = Channel::new(id, guild, kind, name, parent);
        channel.position = self.channels_of(guild).count();
        let at = self.add_channel(channel);
        Ok((id, self.guild_event(at, "CHANNEL_CREATE")))
    }

    /// Delete a channel with its threads and everything in them.
    pub(crate) fn delete_channel(&mut self, channel: u64) -> Result<Vec<Event>, Error> {
        let at = self.channel_at(channel)?;
        if self.channels[at].thread.is_some() {
            return self.delete_thread(channel);
        }
        let events = self.guild_event(at, "CHANNEL_DELETE");
        let under = |(_, c): &(usize, &Channel)| {
            c.parent == Some(channel) && c.kind.is_thread() && !c.deleted
        };
        let threads: Vec<usize> = self
            .channels
            .iter()
            .enumerate()
            .filter(under)
            .map(|(at, _)| at)
            .collect();
        for thread in threads {
            self.mark_all(thread, DeletedBy::ChannelDelete);
        }
        self.mark_all(at, DeletedBy::ChannelDelete);
        Ok(events)
    }

    /// An event about a channel, which everybody in the guild gets.
    pub(super) fn guild_event(&self, at: usize, t: &'static str) -> Vec<Event> {
        if self.guild_of(at).presence != Presence::Here {
            return Vec::new();
        }
        vec![Event::about(
            t,
            intent::GUILDS,
            self.channels[at].id,
            &self.gateway_channel_json(at),
        )]
    }

    /// Remove the bot from a guild, take the guild down, or bring it back.
    pub(crate) fn set_presence(
        &mut self,
        guild: u64,
        presence: Presence,
    ) -> Result<Vec<Event>, Error> {
        let at = self.guild_at(guild)?;
        self.guilds[at].presence = presence;
        Ok(vec![match presence {
            Presence::Here => Event::guild("GUILD_CREATE", &self.guild_create_json(at)),
            Presence::Left => Event::guild("GUILD_DELETE", &map! { "id" => Json::id(guild) }),
            Presence::Unavailable => Event::guild(
                "GUILD_DELETE",
                &map! { "id" => Json::id(guild), "unavailable" => true },
            ),
        }])
    }
}
