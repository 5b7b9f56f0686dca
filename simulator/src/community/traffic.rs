//! Life as it goes on: one random thing happens, then the next.
//! Mostly somebody says something; people edit, delete, link, start threads and post in forums, and respond to what
//! was said.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{history, popularity, shape, text};
use crate::draft::Draft;
use crate::error::Error;
use crate::random::{mix, rng};
use crate::world::{Event, Presence, World};

/// How far back people edit and delete.
const RECENT: usize = 200;
const RESPONSE: u64 = 0x4e5b;

/// Life, as far as it is random.
#[derive(Debug)]
pub(crate) struct Life {
    /// What is said and done.
    rng: ChaCha8Rng,
    /// How people respond to it; apart, so that what is said does not depend on it.
    response: ChaCha8Rng,
    /// Whether some updates are partial.
    partials: bool,
}

impl Life {
    pub(crate) fn new(seed: u64, salt: u64, partials: bool) -> Self {
        Self {
            rng: rng(seed, salt),
            response: rng(mix(seed, salt), RESPONSE),
            partials,
        }
    }

    /// Let one thing happen in one of the channels the bot sees, and people respond to what was said there; the events
    /// it brings about.
    pub(crate) fn step(&mut self, world: &mut World) -> Result<Vec<Event>, Error> {
        let Some(at) = place(world, &mut self.rng) else {
            return Err(Error::Invalid("no channel here has messages"));
        };
        let mut events = happen(world, at, &mut self.rng, self.partials)?;
        if let Some(recent) = recent(world, at, &mut self.response) {
            let partials = self.partials;
            events.extend(popularity::respond(
                world,
                at,
                recent,
                partials,
                &mut self.response,
            ));
        }
        Ok(events)
    }
}

fn happen(
    world: &mut World,
    at: usize,
    rng: &mut ChaCha8Rng,
    partials: bool,
) -> Result<Vec<Event>, Error> {
    let channel = world.channels[at].id;
    let draw = rng.random_range(0..1000);
    let Some(recent) = recent(world, at, rng) else {
        return say(world, at, rng);
    };
    let one = |event: Option<Event>| event.into_iter().collect();
    let home = channel;
    match draw {
        0..=89 => {
            let content = text::say(rng, home);
            world.edit_message(channel, recent, content).map(one)
        }
        90..=129 => world.delete_message(channel, recent).map(one),
        130..=136 => {
            let count = rng.random_range(2..=20);
            let ids: Vec<u64> = world.channels[at]
                .alive()
                .rev()
                .take(count)
                .map(|message| message.id)
                .collect();
            if ids.len() < 2 {
                say(world, at, rng)
            } else {
                world.bulk_delete(channel, &ids).map(one)
            }
        }
        137..=176 => world
            .unfurl(channel, recent, rng.random_range(1..=2))
            .map(one),
        177..=196 if partials => world.partial_update(channel, recent, 1).map(one),
        197..=206 => start(world, at, recent, rng),
        207..=211 => archive(world, rng),
        _ => say(world, at, rng),
    }
}

/// A channel or active thread; of two draws the fuller one, so that big channels stay big.
fn place(world: &World, rng: &mut ChaCha8Rng) -> Option<usize> {
    let open = |at: &usize| {
        let channel = &world.channels[*at];
        !channel.deleted
            && channel.kind.has_messages()
            && channel
                .thread
                .as_ref()
                .is_none_or(|thread| !thread.archived)
            && world.guild_of(*at).presence == Presence::Here
            && world.sees(*at)
    };
    let places: Vec<usize> = (0..world.channels.len()).filter(open).collect();
    if places.is_empty() {
        return None;
    }
    let mut draw = || places[rng.random_range(0..places.len())];
    let (one, other) = (draw(), draw());
    Some(
        if world.channels[one].messages.len() >= world.channels[other].messages.len() {
            one
        } else {
            other
        },
    )
}

fn recent(world: &World, at: usize, rng: &mut ChaCha8Rng) -> Option<u64> {
    let recent: Vec<u64> = world.channels[at]
        .alive()
        .rev()
        .take(RECENT)
        .map(|message| message.id)
        .collect();
    if recent.is_empty() {
        None
    } else {
        Some(recent[rng.random_range(0..recent.len())])
    }
}

fn say(world: &mut World, at: usize, rng: &mut ChaCha8Rng) -> Result<Vec<Event>, Error> {
    let author = history::author(world, at, rng);
    let mut draft = shape::live(world, at, author, rng);
    if draft.forwarded.is_none()
        && rng.random_bool(0.25)
        && let Some(target) = recent(world, at, rng)
    {
        draft = draft.reply_to(target);
    }
    // The embeds of a link come a moment after the message.
    let unfurls = !draft.content.is_empty() && !draft.embeds.is_empty();
    if unfurls {
        draft.embeds.clear();
    }
    let draft = Draft {
        author: Some(world.users[author as usize].id),
        ..draft
    };
    let channel = world.channels[at].id;
    let (id, mut events) = world.create_message(channel, draft)?;
    if unfurls {
        events.extend(world.unfurl(channel, id, 1)?);
    }
    Ok(events)
}

/// A thread on a message, or a post in a forum of the same guild.
fn start(
    world: &mut World,
    at: usize,
    recent: u64,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<Event>, Error> {
    let guild = world.channels[at].guild;
    let forum = world
        .channels_of(guild)
        .find(|(_, channel)| channel.kind.is_forum())
        .map(|(_, channel)| channel.id);
    let name = text::title(rng);
    match forum {
        Some(forum) if rng.random_bool(0.4) => {
            let draft = Draft::text(text::say(rng, forum));
            world
                .create_post(forum, name, draft)
                .map(|(_, events)| events)
        }
        _ => {
            let free = world
                .message(at, recent)
                .is_some_and(|message| !message.has_thread);
            if !world.channels[at].kind.has_threads() || !free {
                return say(world, at, rng);
            }
            let on = rng.random_bool(0.6).then_some(recent);
            world
                .create_thread(world.channels[at].id, on, name, false)
                .map(|(_, events)| events)
        }
    }
}

fn archive(world: &mut World, rng: &mut ChaCha8Rng) -> Result<Vec<Event>, Error> {
    let threads = world
        .channels
        .iter()
        .filter(|channel| !channel.deleted && channel.kind.is_thread());
    let threads: Vec<(u64, bool)> = threads
        .filter_map(|c| c.thread.as_ref().map(|thread| (c.id, thread.archived)))
        .collect();
    if threads.is_empty() {
        return Ok(Vec::new());
    }
    let (thread, archived) = threads[rng.random_range(0..threads.len())];
    world.archive(thread, !archived)
}
