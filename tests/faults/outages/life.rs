//! What people do while nobody listens, and while somebody does: one random thing after the other,
//! each noted in the book.

mod beside;

use std::collections::{BTreeMap, HashMap};

use rand::RngExt;
use rand::rngs::StdRng;
use simulator::{ChannelInfo, Draft, Kind, PermissionChange, Simulator, VIEW_CHANNEL, unix_ms};

use super::book::{Book, Change, Heard, Part, What};

/// Fewer readable channels are left alone.
const FEW: usize = 5;

/// More channels and threads than these are not made: a pass asks for each of them.
const MANY: usize = 45;

/// How what happens now is heard of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hearing {
    pub(crate) heard: Heard,
    /// In milliseconds.
    pub(crate) clock_behind: u64,
}

impl From<Heard> for Hearing {
    fn from(heard: Heard) -> Self {
        Self {
            heard,
            clock_behind: 0,
        }
    }
}

/// What was done, by name.
pub(crate) type Done = BTreeMap<&'static str, usize>;

/// The community, as far as its life goes by it.
pub(crate) struct Life {
    simulator: Simulator,
    /// Messages older than this, in milliseconds, are old.
    window: u64,
    /// Messages that are there, with their channel.
    alive: BTreeMap<u64, u64>,
    hidden: Vec<u64>,
    said: u64,
}

impl Life {
    pub(crate) fn new(simulator: &Simulator, window: u64) -> Self {
        let mut life = Self {
            simulator: simulator.clone(),
            window,
            alive: BTreeMap::new(),
            hidden: Vec::new(),
            said: 0,
        };
        life.look();
        life
    }

    /// Sees what there is now: a thread's begin makes messages too.
    pub(crate) fn look(&mut self) {
        let truth = self.simulator.truth().into_iter();
        let alive = truth.filter(|message| !message.deleted);
        self.alive = alive
            .map(|message| (message.id, message.channel_id))
            .collect();
    }

    fn places(&self) -> Vec<ChannelInfo> {
        let mut places = self.simulator.channels();
        places.extend(self.simulator.threads());
        places
    }

    /// One thing. Answers what it was.
    pub(crate) fn step(
        &mut self,
        dice: &mut StdRng,
        book: &mut Book,
        hearing: Hearing,
        done: &mut Done,
    ) {
        let what = match dice.random_range(0..140) {
            100..112 => self.react(dice, book, hearing),
            112..118 => self.take_reactions_back(dice, book, hearing),
            118..126 => self.vote(dice, book, hearing),
            126..131 => self.pin(dice, book, hearing),
            131..138 => self.link(dice, book, hearing),
            138..140 => self.rename(dice, book),
            0..38 => self.say(dice, book, hearing),
            38..60 => self.edit(dice, book, hearing),
            60..78 => self.delete(dice, book, hearing),
            78..83 => self.purge(dice, book, hearing),
            83..88 => self.say_and_take_back(dice, book, hearing),
            88..92 => self.make_place(dice, book, hearing),
            92 | 93 => self.archive(dice),
            94..97 => self.remove_place(dice, book, hearing),
            _ => self.hide_or_show(dice, book),
        };
        if let Some((what, times)) = what {
            *done.entry(what).or_default() += times;
        }
        self.note_system_messages(book, hearing);
    }

    /// Discord writes a message of its own when a thread begins or a message is pinned: that one can
    /// be deleted with its channel by a later step, so it has to be in the book before.
    fn note_system_messages(&mut self, book: &mut Book, hearing: Hearing) {
        for message in self.simulator.truth() {
            let (id, channel) = (message.id, message.channel_id);
            if message.deleted || self.alive.contains_key(&id) {
                continue;
            }
            self.alive.insert(id, channel);
            self.note(book, id, channel, hearing, What::Written, unix_ms(id));
        }
    }

    fn note(&self, book: &mut Book, id: u64, channel: u64, hearing: Hearing, what: What, at: u64) {
        let visible = self
            .places()
            .iter()
            .any(|place| place.id == channel && place.visible);
        let heard = if visible {
            hearing.heard
        } else {
            Heard::Hidden
        };
        let clock_behind = hearing.clock_behind;
        book.note(
            id,
            Change {
                what,
                at,
                heard,
                clock_behind,
            },
        );
    }

    fn text(&mut self) -> String {
        self.said += 1;
        format!("said {}", self.said)
    }

    fn say(
        &mut self,
        dice: &mut StdRng,
        book: &mut Book,
        hearing: Hearing,
    ) -> Option<(&'static str, usize)> {
        let places = self.places();
        // Mostly where the bot sees it.
        let anywhere = dice.random_bool(0.05);
        let open = |place: &&ChannelInfo| {
            place.kind.has_messages() && (place.visible || anywhere) && !place.archived
        };
        let open: Vec<_> = places.iter().filter(open).collect();
        let place = open[dice.random_range(0..open.len())].id;
        self.say_in(place, book, hearing);
        Some(("written", 1))
    }

    fn say_in(&mut self, place: u64, book: &mut Book, hearing: Hearing) -> u64 {
        let text = self.text();
        let id = self.simulator.create_message(place, Draft::text(text));
        let id = id.unwrap();
        self.alive.insert(id, place);
        self.note(book, id, place, hearing, What::Written, unix_ms(id));
        id
    }

    /// A message that is there: half of them inside the repair window.
    fn pick(&self, dice: &mut StdRng) -> Option<(u64, u64)> {
        let edge = self.simulator.now_ms() - self.window;
        let is_young = dice.random_bool(0.5);
        let alive = self.alive.iter().map(|(id, channel)| (*id, *channel));
        let fitting: Vec<_> = alive
            .filter(|(id, _)| (unix_ms(*id) >= edge) == is_young)
            .collect();
        (!fitting.is_empty()).then(|| fitting[dice.random_range(0..fitting.len())])
    }

    /// An ordinary channel that is read.
    pub(crate) fn ordinary(&self, dice: &mut StdRng) -> Option<u64> {
        let channels = self.simulator.channels().into_iter();
        let ordinary: Vec<_> = channels.filter(is_ordinary).collect();
        let chosen = ordinary.get(dice.random_range(0..ordinary.len().max(1)))?;
        Some(chosen.id)
    }

    fn edit(
        &mut self,
        dice: &mut StdRng,
        book: &mut Book,
        hearing: Hearing,
    ) -> Option<(&'static str, usize)> {
        let (id, channel) = self.pick(dice)?;
        let text = self.text();
        let at = self.simulator.now_ms();
        self.simulator
            .edit_message(channel, id, text.clone())
            .unwrap();
        self.note(book, id, channel, hearing, What::Edited(text), at);
        Some(("edited", 1))
    }

    fn delete(
        &mut self,
        dice: &mut StdRng,
        book: &mut Book,
        hearing: Hearing,
    ) -> Option<(&'static str, usize)> {
        let (id, channel) = self.pick(dice)?;
        self.take_back(id, channel, book, hearing);
        Some(("deleted", 1))
    }

    fn take_back(&mut self, id: u64, channel: u64, book: &mut Book, hearing: Hearing) {
        let at = self.simulator.now_ms();
        self.simulator.delete_message(channel, id).unwrap();
        self.alive.remove(&id);
        self.note(book, id, channel, hearing, What::Deleted, at);
    }

    fn purge(
        &mut self,
        dice: &mut StdRng,
        book: &mut Book,
        hearing: Hearing,
    ) -> Option<(&'static str, usize)> {
        let (first, channel) = self.pick(dice)?;
        let many = dice.random_range(2..=20);
        // Those before it, as a moderator does.
        let before = self.alive.range(..=first).rev();
        let ids: Vec<u64> = before
            .filter(|(_, of)| **of == channel)
            .take(many)
            .map(|(id, _)| *id)
            .collect();
        if ids.len() < 2 {
            return None;
        }
        let at = self.simulator.now_ms();
        self.simulator.bulk_delete(channel, &ids).unwrap();
        for id in &ids {
            self.alive.remove(id);
            self.note(book, *id, channel, hearing, What::Deleted, at);
        }
        Some(("purged", ids.len()))
    }

    fn say_and_take_back(
        &mut self,
        dice: &mut StdRng,
        book: &mut Book,
        hearing: Hearing,
    ) -> Option<(&'static str, usize)> {
        self.say(dice, book, hearing)?;
        let (id, channel) = self.alive.last_key_value()?;
        let (id, channel) = (*id, *channel);
        self.take_back(id, channel, book, hearing);
        Some(("written and deleted", 1))
    }

    /// A channel, or a thread on a message or on nothing, with something in it.
    fn make_place(
        &mut self,
        dice: &mut StdRng,
        book: &mut Book,
        hearing: Hearing,
    ) -> Option<(&'static str, usize)> {
        let places = self.places();
        if places.len() >= MANY {
            return None;
        }
        let (name, place) = if dice.random_bool(0.3) {
            let guild = self.simulator.guilds()[0].id;
            let name = format!("made-{}", self.said);
            let made = self
                .simulator
                .create_channel(guild, Kind::Text, name, None)
                .unwrap();
            ("channels made", made)
        } else {
            let homes: Vec<_> = places
                .iter()
                .filter(|place| place.kind == Kind::Text && place.visible)
                .collect();
            let home = homes[dice.random_range(0..homes.len())].id;
            let on = self.alive.iter().rev().find(|(_, of)| **of == home);
            let on = on.map(|(id, _)| *id).filter(|_| dice.random_bool(0.5));
            let made = self.simulator.create_thread(home, on, "a thread", false);
            if let (Some(on), Ok(_)) = (on, &made) {
                let (what, at) = (What::Beside(Part::Flags), self.simulator.now_ms());
                self.note(book, on, home, hearing, what, at);
            }
            ("threads made", made.ok()?)
        };
        for _ in 0..dice.random_range(0..4) {
            self.say_in(place, book, hearing);
        }
        Some((name, 1))
    }

    fn archive(&mut self, dice: &mut StdRng) -> Option<(&'static str, usize)> {
        let threads = self.simulator.threads();
        let thread = threads.get(dice.random_range(0..threads.len().max(1)))?;
        if thread.archived {
            self.simulator.unarchive_thread(thread.id).unwrap();
        } else {
            self.simulator.archive_thread(thread.id).unwrap();
        }
        Some(("threads archived or back", 1))
    }

    fn remove_place(
        &mut self,
        dice: &mut StdRng,
        book: &mut Book,
        hearing: Hearing,
    ) -> Option<(&'static str, usize)> {
        let places = self.places();
        let readable = places.iter().filter(|place| is_ordinary(place)).count();
        let is_thread = readable <= FEW || dice.random_bool(0.6);
        let fitting: Vec<_> = places
            .iter()
            .filter(|place| place.kind.is_thread() == is_thread)
            .filter(|place| place.visible && (is_thread || is_ordinary(place)))
            .collect();
        if fitting.is_empty() {
            return None;
        }
        let place = fitting[dice.random_range(0..fitting.len())].id;
        let at = self.simulator.now_ms();
        let is_in = |id: u64| {
            id == place
                || places
                    .iter()
                    .any(|it| it.id == id && it.kind.is_thread() && it.parent_id == Some(place))
        };
        let of: HashMap<u64, u64> = self
            .alive
            .iter()
            .filter(|(_, channel)| is_in(**channel))
            .map(|(id, channel)| (*id, *channel))
            .collect();
        for (id, channel) in of {
            self.note(book, id, channel, hearing, What::Deleted, at);
            self.alive.remove(&id);
        }
        let gone = places.iter().filter(|it| is_in(it.id));
        book.places_gone
            .extend(gone.map(|it| (it.id, (at, hearing.clock_behind))));
        if is_thread {
            self.simulator.delete_thread(place).unwrap();
            Some(("threads deleted", 1))
        } else {
            self.simulator.delete_channel(place).unwrap();
            Some(("channels deleted", 1))
        }
    }

    fn hide_or_show(
        &mut self,
        dice: &mut StdRng,
        book: &mut Book,
    ) -> Option<(&'static str, usize)> {
        let set = |channel_id, deny| {
            let change = PermissionChange::Bot {
                channel_id,
                allow: 0,
                deny,
            };
            self.simulator.set_permission(change).unwrap();
        };
        self.hidden.retain(|id| {
            let channels = self.simulator.channels();
            channels.iter().any(|channel| channel.id == *id)
        });
        if self.hidden.len() >= 2 || !self.hidden.is_empty() && dice.random_bool(0.5) {
            let shown = self.hidden.remove(0);
            set(shown, 0);
            return Some(("channels shown", 1));
        }
        let channels = self.simulator.channels();
        let ordinary: Vec<_> = channels.iter().filter(|it| is_ordinary(it)).collect();
        if ordinary.len() <= FEW {
            return None;
        }
        let channel = ordinary[dice.random_range(0..ordinary.len())].id;
        book.hidden_once.insert(channel);
        let threads = self.simulator.threads();
        let below = threads.iter().filter(|it| it.parent_id == Some(channel));
        book.hidden_once.extend(below.map(|thread| thread.id));
        set(channel, VIEW_CHANNEL);
        self.hidden.push(channel);
        Some(("channels hidden", 1))
    }
}

/// A text channel that the bot reads by what everybody may do.
fn is_ordinary(place: &ChannelInfo) -> bool {
    place.kind == Kind::Text && place.visible && place.history && place.name != "moderators"
}
