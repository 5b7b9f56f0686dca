//! How people respond to what was said, long ago and now: reactions, votes, pins, links that lose their embeds.
//! Most messages get nothing, some a thumb, a few everything. What a generated message has follows from the seed and
//! its id, as its text does; what happens now is drawn.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::draft::Draft;
use crate::random::{mix, rng};
use crate::snowflake::unix_ms;
use crate::world::change::SUPPRESS_EMBEDS;
use crate::world::poll::Poll;
use crate::world::reaction::Reaction;
use crate::world::{Emoji, Event, Message, MessageChange, PayloadStyle, World};

const CHARACTERS: &[&str] = &[
    "👍",
    "❤️",
    "😂",
    "🎉",
    "👀",
    "🔥",
    "🙏",
    "✅",
    "🤔",
    "👍🏽",
    "😢",
    "🏳️‍🌈",
    "1️⃣",
];
const SALT: u64 = 0x0070_0b1a;
const DAY_MS: u64 = 86_400_000;

/// Give a generated message what people have given it.
pub(crate) fn respond_once(world: &World, channel: usize, message: &Message, draft: &mut Draft) {
    let fate = mix(mix(world.seed, SALT), message.id) % 1000;
    let mut rng = match (&draft.poll, fate) {
        (None, 120..) if draft.embeds.is_empty() => return,
        _ => rng(world.seed, mix(message.id, SALT)),
    };
    match fate {
        // Of the few that everybody has seen.
        0..=5 => react(world, channel, draft, 8, usize::MAX, &mut rng),
        6..=29 => react(world, channel, draft, 3, 7, &mut rng),
        30..=119 => react(world, channel, draft, 1, 2, &mut rng),
        _ => {}
    }
    if let Some(poll) = &mut draft.poll {
        poll.expiry_ms = unix_ms(message.id) + DAY_MS * [1, 3, 7][rng.random_range(0..3)];
        poll.finalized = poll.expiry_ms < world.clock.anchor_ms();
        vote(world, channel, poll, &mut rng);
    }
    // A link's embeds: hidden by its author, or taken away.
    if draft.content.contains("https://") && !draft.embeds.is_empty() {
        match rng.random_range(0..20) {
            0 => draft.flags |= SUPPRESS_EMBEDS as i64,
            1 => draft.embeds.clear(),
            _ => {}
        }
    }
}

/// Up to so many emojis, each by up to so many people.
fn react(
    world: &World,
    channel: usize,
    draft: &mut Draft,
    emojis: usize,
    people: usize,
    rng: &mut ChaCha8Rng,
) {
    let humans = humans(world, channel);
    if humans.is_empty() {
        return;
    }
    for _ in 0..rng.random_range(1..=emojis) {
        let emoji = emoji(world, channel, rng.random_range(0..1000));
        if draft.reactions.iter().any(|other| other.emoji.is(&emoji)) {
            continue;
        }
        let mut reaction = Reaction::new(emoji);
        let count = rng.random_range(1..=people.min(humans.len()));
        let first = rng.random_range(0..humans.len());
        let those = humans.iter().cycle().skip(first).take(count);
        for &user in those {
            reaction.people(rng.random_bool(0.02)).add(user);
        }
        draft.reactions.push(reaction);
    }
}

fn vote(world: &World, channel: usize, poll: &mut Poll, rng: &mut ChaCha8Rng) {
    let interest = rng.random_range(0.0..0.8);
    let answers = poll.answers.len();
    for user in humans(world, channel) {
        if answers > 0 && rng.random_bool(interest) {
            // The first answers are chosen more often.
            let draw: f64 = rng.random();
            let place = ((draw * draw) * answers as f64) as usize;
            poll.answers[place.min(answers - 1)].voters.add(user);
        }
    }
}

/// People who can react and vote in a place: its guild's members but the apps.
fn humans(world: &World, channel: usize) -> Vec<u32> {
    let members = world.guild_of(channel).members.iter().copied();
    members
        .filter(|&user| !world.users[user as usize].bot)
        .collect()
}

/// An emoji by a number below 1000: small numbers are common, and the guild's own are among them.
fn emoji(world: &World, channel: usize, draw: usize) -> Emoji {
    let own = world.emojis(world.channels[channel].guild);
    match draw {
        0..=149 => own[draw % own.len()].clone(),
        // Deleted since: known by its id only.
        150..=154 => Emoji::custom(own[0].id.unwrap_or(0) - 1, ""),
        _ => {
            let share = (draw - 155) as f64 / 845.0;
            let place = (share * share * CHARACTERS.len() as f64) as usize;
            Emoji::unicode(CHARACTERS[place.min(CHARACTERS.len() - 1)])
        }
    }
}

/// Let people respond to what was said lately in a place, or not.
pub(crate) fn respond(
    world: &mut World,
    at: usize,
    recent: u64,
    partials: bool,
    rng: &mut ChaCha8Rng,
) -> Vec<Event> {
    let channel = world.channels[at].id;
    let whole = PayloadStyle::Whole;
    let Some(message) = world.message(at, recent) else {
        return Vec::new();
    };
    let pinned = message.pinned;
    let embedded = |world: &World| {
        let message = world.message(at, recent)?;
        let draft = world.draft(at, message);
        (!draft.shown_embeds().is_empty()).then(|| draft.shown_flags(false))
    };
    let events = match rng.random_range(0..1000) {
        0..=199 => return add_reactions(world, at, recent, rng),
        200..=229 => return remove_reactions(world, at, recent, rng),
        230..=289 => return vote_now(world, rng),
        290..=295 => world.change_message(channel, recent, MessageChange::Pinned(!pinned), whole),
        296..=325 => {
            let Some(flags) = embedded(world) else {
                return Vec::new();
            };
            let (change, style) = match rng.random_range(0..3) {
                0 => (MessageChange::Flags(flags | SUPPRESS_EMBEDS), whole),
                1 if partials => (MessageChange::Embeds(0), PayloadStyle::Partial),
                _ => (MessageChange::Embeds(0), whole),
            };
            world.change_message(channel, recent, change, style)
        }
        _ => Ok(Vec::new()),
    };
    // What cannot be done is not done.
    events.unwrap_or_default()
}

/// One reaction, or several to a message that everybody likes.
fn add_reactions(world: &mut World, at: usize, id: u64, rng: &mut ChaCha8Rng) -> Vec<Event> {
    let humans = humans(world, at);
    if humans.is_empty() {
        return Vec::new();
    }
    let channel = world.channels[at].id;
    let popular = mix(world.seed, id).is_multiple_of(40);
    let count = if popular { rng.random_range(3..=10) } else { 1 };
    let mut events = Vec::new();
    for _ in 0..count {
        let user = world.users[humans[rng.random_range(0..humans.len())] as usize].id;
        // People add to what is there: a message has two favourites.
        let favourite = mix(id, rng.random_range(0..2)) % 1000;
        let emoji = emoji(world, at, usize::try_from(favourite).unwrap_or(0));
        let burst = rng.random_bool(0.03);
        events.extend(
            world
                .add_reaction(channel, id, user, &emoji, burst)
                .ok()
                .flatten(),
        );
    }
    events
}

/// Somebody takes a reaction back, or a moderator clears them.
fn remove_reactions(world: &mut World, at: usize, id: u64, rng: &mut ChaCha8Rng) -> Vec<Event> {
    let Some(message) = world.message(at, id) else {
        return Vec::new();
    };
    let reactions = world.draft(at, message).reactions.clone();
    if reactions.is_empty() {
        return Vec::new();
    }
    let channel = world.channels[at].id;
    let chosen = &reactions[rng.random_range(0..reactions.len())];
    let event = match rng.random_range(0..20) {
        0 => world.clear_reactions(channel, id, None),
        1 => world.clear_reactions(channel, id, Some(&chosen.emoji)),
        _ => {
            let burst = chosen.normal.known.is_empty();
            let known = if burst { &chosen.burst } else { &chosen.normal };
            let Some(&user) = known.known.last() else {
                return Vec::new();
            };
            let user = world.users[user as usize].id;
            world.remove_reaction(channel, id, user, &chosen.emoji, burst)
        }
    };
    event.ok().flatten().into_iter().collect()
}

/// A vote in a poll that was begun lately, a vote taken back, or its end.
fn vote_now(world: &mut World, rng: &mut ChaCha8Rng) -> Vec<Event> {
    if world.open_polls.is_empty() {
        return Vec::new();
    }
    let chosen = rng.random_range(0..world.open_polls.len());
    let (at, id) = world.open_polls[chosen];
    let channel = world.channels[at].id;
    let poll = world
        .message(at, id)
        .and_then(|message| world.draft(at, message).poll.clone());
    let humans = humans(world, at);
    let Some(mut poll) = poll.filter(|poll| !poll.finalized && !humans.is_empty()) else {
        world.open_polls.swap_remove(chosen);
        return Vec::new();
    };
    let user = humans[rng.random_range(0..humans.len())];
    let answers = u32::try_from(poll.answers.len()).unwrap_or(0).max(1);
    let answer = rng.random_range(1..=answers);
    let name = world.users[user as usize].id;
    let voted = poll.answer(answer).is_some_and(|one| one.voters.has(user));
    let events = match rng.random_range(0..15) {
        0 => world.end_poll(channel, id),
        _ if voted => world.remove_vote(channel, id, name, answer),
        _ => world.add_vote(channel, id, name, answer),
    };
    events.unwrap_or_default()
}
