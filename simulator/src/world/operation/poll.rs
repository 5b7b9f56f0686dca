//! What happens to polls. Sources: <https://docs.discord.com/developers/events/gateway-events> (Polls) and
//! <https://docs.discord.com/developers/resources/poll> (End Poll).

use super::{Event, intent};
use crate::draft::Draft;
use crate::error::Error;
use crate::payload::json::{Json, map};
use crate::world::World;
use crate::world::poll::Poll;

/// The type of the notice that a poll has ended.
const RESULT_NOTICE: u8 = 46;

impl World {
    /// A person votes. Where only one answer may be chosen a vote for another one is taken back first; to vote for the
    /// same again changes nothing and is no event.
    pub(crate) fn add_vote(
        &mut self,
        channel: u64,
        id: u64,
        user: u64,
        answer: u32,
    ) -> Result<Vec<Event>, Error> {
        let voter = self.voter(user)?;
        let mut left = Vec::new();
        let mut fresh = false;
        let at = self.with_poll(channel, id, |poll| {
            if poll.finalized {
                return Err(Error::Invalid("this poll has ended"));
            }
            poll.answer(answer).ok_or(UNKNOWN_ANSWER)?;
            if !poll.multiselect {
                for (other, choice) in (1..).zip(&mut poll.answers) {
                    if other != answer && choice.voters.remove(voter) {
                        left.push(other);
                    }
                }
            }
            fresh = poll
                .answer(answer)
                .is_some_and(|choice| choice.voters.add(voter));
            Ok(())
        })?;
        let votes = left
            .into_iter()
            .map(|other| ("MESSAGE_POLL_VOTE_REMOVE", other))
            .chain(fresh.then_some(("MESSAGE_POLL_VOTE_ADD", answer)));
        Ok(votes
            .filter_map(|(t, answer)| self.vote_event(t, at, id, user, answer))
            .collect())
    }

    /// A person takes a vote back.
    pub(crate) fn remove_vote(
        &mut self,
        channel: u64,
        id: u64,
        user: u64,
        answer: u32,
    ) -> Result<Vec<Event>, Error> {
        let voter = self.voter(user)?;
        let at = self.with_poll(channel, id, |poll| {
            if poll.finalized {
                return Err(Error::Invalid("this poll has ended"));
            }
            let choice = poll.answer(answer).ok_or(UNKNOWN_ANSWER)?;
            if choice.voters.remove(voter) {
                Ok(())
            } else {
                Err(Error::Invalid("this user has not voted for this answer"))
            }
        })?;
        let event = self.vote_event("MESSAGE_POLL_VOTE_REMOVE", at, id, user, answer);
        Ok(event.into_iter().collect())
    }

    /// A poll ends and its votes are counted for good: MESSAGE_UPDATE, and the notice (type 46) of the result.
    pub(crate) fn end_poll(&mut self, channel: u64, id: u64) -> Result<Vec<Event>, Error> {
        let now = self.clock.now_ms();
        let mut embed = Json::Null;
        let at = self.with_poll(channel, id, |poll| {
            if poll.finalized {
                return Err(Error::Invalid("this poll has ended"));
            }
            poll.finalized = true;
            poll.expiry_ms = poll.expiry_ms.min(now);
            embed = poll.result_embed();
            Ok(())
        })?;
        let Some(message) = self.message(at, id).cloned() else {
            return Ok(Vec::new());
        };
        let mut events: Vec<Event> = self
            .whole_event("MESSAGE_UPDATE", at, &message)
            .into_iter()
            .collect();
        let mut notice = Draft::default()
            .kind(RESULT_NOTICE)
            .author(self.users[message.author as usize].id);
        notice.reply_to = Some(id);
        notice.embeds.push(embed);
        let notice_id = self.clock.next_id();
        events.extend(self.post(at, notice_id, notice)?);
        Ok(events)
    }

    /// Change the poll of a message; where the message is. A refusal changes nothing.
    fn with_poll(
        &mut self,
        channel: u64,
        id: u64,
        edit: impl FnOnce(&mut Poll) -> Result<(), Error>,
    ) -> Result<usize, Error> {
        let at = self.channel_at(channel)?;
        let message = self.message(at, id).ok_or(Error::UnknownMessage(id))?;
        let mut poll = self
            .draft(at, message)
            .poll
            .clone()
            .ok_or(Error::Invalid("this message is not a poll"))?;
        edit(&mut poll)?;
        self.change(channel, id, |_, draft, _| draft.poll = Some(poll))?;
        Ok(at)
    }

    fn vote_event(
        &self,
        t: &'static str,
        at: usize,
        id: u64,
        user: u64,
        answer: u32,
    ) -> Option<Event> {
        let channel = self.channels[at].id;
        let d = map! {
            "user_id" => Json::id(user), "message_id" => Json::id(id), "guild_id" => Json::id(self.guild_of(at).id),
            "channel_id" => Json::id(channel), "answer_id" => answer,
        };
        self.hears(at).then(|| Event {
            messages: vec![id],
            ..Event::about(t, intent::GUILD_MESSAGE_POLLS, channel, &d)
        })
    }

    fn voter(&self, user: u64) -> Result<u32, Error> {
        let at = self.user_at(user).ok_or(Error::UnknownUser(user))?;
        if self.users[at as usize].bot || self.users[at as usize].webhook {
            return Err(Error::Invalid("apps do not vote"));
        }
        Ok(at)
    }
}

const UNKNOWN_ANSWER: Error = Error::Invalid("this poll has no such answer");
