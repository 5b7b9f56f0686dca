//! The messages of a new community: who, where, when, of which type.
//! All times are drawn first and sorted, so that ids ascend through the whole community as they do on Discord.

use chrono::{DateTime, Utc};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::rhythm::Rhythm;
use crate::config::Community;
use crate::random::rng;
use crate::world::{BOT, Kind, Message, World};

const DAY_MS: u64 = 86_400_000;

/// What comes to be at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Birth {
    Thread,
    Message,
}

/// Fill the channels and threads of a world without messages.
pub(crate) fn fill(world: &mut World, plan: &Community, anchor: DateTime<Utc>) {
    let now = u64::try_from(anchor.timestamp_millis()).unwrap_or(0);
    let mut rng = rng(plan.seed, 3);
    let mut births = Vec::with_capacity(plan.messages + plan.threads);
    for (at, share) in shares(world, plan.messages, &mut rng) {
        let from = match &world.channels[at].thread {
            Some(thread) => thread.created_ms,
            None => now - u64::from(plan.days.max(1)) * DAY_MS,
        };
        let to = match &world.channels[at].thread {
            Some(thread) if thread.archived => thread.archive_ms,
            _ => now - 1000,
        };
        if world.channels[at].kind.is_thread() {
            births.push((from, Birth::Thread, at));
        }
        draw(&mut births, at, share, from, to, &mut rng);
    }
    births.sort_unstable();
    let mut clock = crate::snowflake::Clock::new(anchor);
    for (ms, birth, at) in births {
        let id = clock.id_at(ms);
        match birth {
            Birth::Thread => thread(world, at, id, clock.id_at(ms), &mut rng),
            Birth::Message => message(world, at, id, &mut rng),
        }
    }
    // Live ids must come after all of these.
    let last = clock.id_at(0);
    world.clock.id_at(crate::snowflake::unix_ms(last));
}

/// How many messages each place gets: a Zipf law over a seeded order of the places.
fn shares(world: &World, messages: usize, rng: &mut ChaCha8Rng) -> Vec<(usize, usize)> {
    let mut places: Vec<usize> = (0..world.channels.len())
        .filter(|&c| world.channels[c].kind.has_messages())
        .collect();
    // Threads are smaller than channels, and what the bot cannot see is smaller still: they come last.
    places.sort_by_cached_key(|&c| {
        (
            !world.sees(c),
            world.channels[c].kind.is_thread(),
            rng.random::<u32>(),
        )
    });
    let weight = |rank: usize| 1.0 / (rank as f64 + 1.0).powf(1.07);
    let total: f64 = (0..places.len()).map(weight).sum();
    let mut left = messages;
    let mut shares: Vec<(usize, usize)> = Vec::with_capacity(places.len());
    for (rank, &at) in places.iter().enumerate().rev() {
        let share = if rank == 0 {
            left
        } else {
            (messages as f64 * weight(rank) / total).round() as usize
        };
        let share = share.min(left);
        left -= share;
        shares.push((at, share));
    }
    shares
}

fn draw(
    births: &mut Vec<(u64, Birth, usize)>,
    at: usize,
    share: usize,
    from: u64,
    to: u64,
    rng: &mut ChaCha8Rng,
) {
    let rhythm = Rhythm::new();
    let mut last = 0;
    for _ in 0..share {
        // People answer each other: half of the messages follow the one before by seconds, some by nothing at all.
        let ms = match rng.random_range(0..100) {
            0..=2 if last != 0 => last,
            3..=49 if last != 0 => (last + rng.random_range(1..90_000)).min(to.max(from)),
            _ => rhythm.draw(rng, from, to.max(from + 1)),
        };
        births.push((ms, Birth::Message, at));
        last = ms;
    }
}

/// A thread comes to be: with a message of its parent, with a post, or with a notice in the parent.
fn thread(world: &mut World, at: usize, id: u64, second: u64, rng: &mut ChaCha8Rng) {
    let parent_id = world.channels[at].parent.unwrap_or(0);
    let Some(&parent) = world.channel_at.get(&parent_id) else {
        return;
    };
    world.channels[at].id = id;
    world.channel_at.insert(id, at);
    let owner = world.channels[at]
        .thread
        .as_ref()
        .map_or(BOT, |thread| thread.owner);
    if world.channels[parent].kind.is_forum() {
        world.channels[at].push(Message::new(id, owner, 0));
        world.channels[parent].last_message_id = Some(id);
    } else if world.channels[at].kind == Kind::PrivateThread {
        // A private thread leaves no trace in its parent.
    } else if rng.random_bool(0.5) {
        let mut starter = Message::new(id, owner, 0);
        starter.has_thread = true;
        world.channels[parent].push(starter);
        let mut notice = Message::new(second, owner, 21);
        notice.reference = id;
        world.channels[at].push(notice);
    } else {
        let mut notice = Message::new(second, owner, 18);
        notice.reference = id;
        world.channels[parent].push(notice);
    }
}

fn message(world: &mut World, at: usize, id: u64, rng: &mut ChaCha8Rng) {
    let author = author(world, at, rng);
    let kind = kind(world, at, author, rng);
    let mut message = Message::new(id, author, kind);
    let earlier = &world.channels[at].messages;
    match kind {
        // A reply mostly answers something near; now and then what it answered is gone.
        19 if !earlier.is_empty() => {
            let back = rng.random_range(1..=earlier.len().min(30));
            let target = earlier[earlier.len() - back].id;
            message.reference = if rng.random_bool(0.04) {
                target + (1 << 22) - 1
            } else {
                target
            };
        }
        6 | 46 if !earlier.is_empty() => message.reference = earlier[earlier.len() - 1].id,
        _ => {}
    }
    if matches!(kind, 0 | 19) && rng.random_bool(0.05) {
        message.edited_ms = crate::snowflake::unix_ms(id) + rng.random_range(2_000..3_600_000);
    }
    message.pinned = rng.random_bool(0.002);
    world.channels[at].push(message);
}

/// Some talk a lot, most a little (the square of an even draw); webhooks post in some channels.
pub(crate) fn author(world: &World, at: usize, rng: &mut ChaCha8Rng) -> u32 {
    let guild = &world.guilds[world.channels[at].guild];
    if at.is_multiple_of(4) && rng.random_bool(0.15) && !world.channels[at].kind.is_thread() {
        return guild.webhooks[0];
    }
    let draw: f64 = rng.random();
    let others = guild.members.len().saturating_sub(1).max(1);
    let place = 1 + ((draw * draw) * others as f64) as usize;
    guild.members[place.min(guild.members.len() - 1)]
}

fn kind(world: &World, at: usize, author: u32, rng: &mut ChaCha8Rng) -> u8 {
    let user = &world.users[author as usize];
    let first = world.channels[at].messages.is_empty();
    if user.webhook {
        return 0;
    }
    match rng.random_range(0..1000) {
        0..=249 if !first => 19,
        250..=259 if user.bot => 20,
        260..=262 if user.bot && !first => 23,
        263..=268 => 7,
        269..=270 => 8,
        271..=272 if !first => 6,
        273..=275 if !first => 46,
        276 => 55,
        _ => 0,
    }
}
