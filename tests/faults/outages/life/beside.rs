//! What happens to a message without an edit: reactions, votes, pins, embeds, and its author's name.

use rand::RngExt;
use rand::rngs::StdRng;
use simulator::{ChannelInfo, Draft, TruthMessage, unix_ms};

use super::{Hearing, Life};
use crate::outages::book::{Book, Part, What};

impl Life {
    /// A message that is there, with what it is.
    fn pick_whole(&self, dice: &mut StdRng) -> Option<TruthMessage> {
        let (id, channel) = self.pick(dice)?;
        let truth = self.simulator.truth_in(channel).into_iter();
        truth
            .filter(|message| message.id == id)
            .find(|it| !it.deleted)
    }

    fn person(&self, dice: &mut StdRng) -> u64 {
        let members = self.simulator.members(self.simulator.guilds()[0].id);
        let people: Vec<u64> = members
            .iter()
            .filter(|user| !user.bot)
            .map(|user| user.id)
            .collect();
        people[dice.random_range(0..people.len())]
    }

    fn beside(&self, book: &mut Book, message: &TruthMessage, hearing: Hearing, part: Part) {
        let at = self.simulator.now_ms();
        let what = What::Beside(part);
        self.note(book, message.id, message.channel_id, hearing, what, at);
    }

    pub(super) fn react(
        &mut self,
        dice: &mut StdRng,
        book: &mut Book,
        hearing: Hearing,
    ) -> Option<(&'static str, usize)> {
        let message = self.pick_whole(dice)?;
        let times = dice.random_range(1..4);
        for _ in 0..times {
            let person = self.person(dice);
            let emoji = ["👍", "🎉", "❤️"][dice.random_range(0..3)];
            let burst = dice.random_bool(0.1);
            let simulator = &self.simulator;
            self.beside(book, &message, hearing, Part::Reactions);
            simulator
                .add_reaction(message.channel_id, message.id, person, emoji, burst)
                .unwrap();
        }
        Some(("reacted", times))
    }

    /// One of them, those with one emoji, or all.
    pub(super) fn take_reactions_back(
        &mut self,
        dice: &mut StdRng,
        book: &mut Book,
        hearing: Hearing,
    ) -> Option<(&'static str, usize)> {
        let truth = self.simulator.truth().into_iter();
        let liked: Vec<_> = truth.filter(|it| !it.reactions.is_empty()).collect();
        if liked.is_empty() {
            return None;
        }
        let message = &liked[dice.random_range(0..liked.len())];
        let (channel, id) = (message.channel_id, message.id);
        let reaction = &message.reactions[dice.random_range(0..message.reactions.len())];
        let emoji = reaction.emoji.clone();
        let simulator = &self.simulator;
        self.beside(book, message, hearing, Part::Reactions);
        match dice.random_range(0..6) {
            0 => simulator.clear_reactions(channel, id).unwrap(),
            1 => simulator.clear_emoji(channel, id, emoji).unwrap(),
            _ => {
                let user = *reaction.users.first()?;
                let is_burst = reaction.burst > 0 && reaction.burst == reaction.count;
                // Who gave it both ways stands there twice.
                let taken = simulator.remove_reaction(channel, id, user, emoji, is_burst);
                taken.ok()?;
            }
        }
        Some(("reactions taken back", 1))
    }

    /// In a poll that is there, or in a new one.
    pub(super) fn vote(
        &mut self,
        dice: &mut StdRng,
        book: &mut Book,
        hearing: Hearing,
    ) -> Option<(&'static str, usize)> {
        let truth = self.simulator.truth().into_iter();
        let is_open = |it: &TruthMessage| it.poll.as_ref().is_some_and(|poll| !poll.finalized);
        let polls: Vec<_> = truth.filter(|it| !it.deleted && is_open(it)).collect();
        let Some(poll) = polls.get(dice.random_range(0..polls.len() + 1)) else {
            let (_, channel) = self.pick(dice)?;
            let is_open = |it: &ChannelInfo| it.id == channel && !it.archived;
            self.places().iter().find(|it| is_open(it))?;
            let poll = Draft::default().poll(self.text(), &["yes", "no"]);
            let id = self.simulator.create_message(channel, poll).unwrap();
            self.alive.insert(id, channel);
            self.note(book, id, channel, hearing, What::Written, unix_ms(id));
            return Some(("polls", 1));
        };
        let (channel, id, person) = (poll.channel_id, poll.id, self.person(dice));
        let answer = dice.random_range(1..=2);
        self.beside(book, poll, hearing, Part::Votes);
        let taken_back = self.simulator.remove_vote(channel, id, person, answer);
        if taken_back.is_err() {
            self.simulator.add_vote(channel, id, person, answer).ok()?;
        }
        Some(("voted", 1))
    }

    pub(super) fn pin(
        &mut self,
        dice: &mut StdRng,
        book: &mut Book,
        hearing: Hearing,
    ) -> Option<(&'static str, usize)> {
        let message = self.pick_whole(dice)?;
        let (channel, id) = (message.channel_id, message.id);
        self.beside(book, &message, hearing, Part::Pinned);
        if message.pinned {
            self.simulator.unpin_message(channel, id).unwrap();
        } else {
            self.simulator.pin_message(channel, id).unwrap();
        }
        Some(("pinned or not any more", 1))
    }

    /// A link's embeds come or go.
    pub(super) fn link(
        &mut self,
        dice: &mut StdRng,
        book: &mut Book,
        hearing: Hearing,
    ) -> Option<(&'static str, usize)> {
        let message = self.pick_whole(dice)?;
        let (channel, id) = (message.channel_id, message.id);
        self.beside(book, &message, hearing, Part::Embeds);
        if message.embed_count > 0 {
            self.simulator.remove_embeds(channel, id).unwrap();
        } else {
            let embeds = dice.random_range(1..3);
            self.simulator.unfurl(channel, id, embeds).unwrap();
        }
        Some(("embeds", 1))
    }

    pub(super) fn rename(
        &mut self,
        dice: &mut StdRng,
        book: &mut Book,
    ) -> Option<(&'static str, usize)> {
        let members = self.simulator.members(self.simulator.guilds()[0].id);
        let person = self.person(dice);
        let before = members.into_iter().find(|user| user.id == person)?.name;
        let until = self.simulator.now_ms();
        book.names.entry(person).or_default().push((before, until));
        let name = format!("{}{}", ["a", "z"][dice.random_range(0..2)], self.text());
        self.simulator.rename_user(person, name).unwrap();
        Some(("renamed", 1))
    }
}
