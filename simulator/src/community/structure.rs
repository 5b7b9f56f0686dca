//! Guilds, roles, people, channels and threads of a new community.
//! The first guild has one of every kind of channel if there are enough channels for it, a private one the bot
//! cannot see and one whose history it cannot read among them.

use chrono::{DateTime, Utc};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::text;
use crate::config::Config;
use crate::random::{mix, rng};
use crate::snowflake::Clock;
use crate::world::permission::{
    CONNECT, MANAGE_THREADS, Overwrite, READ_MESSAGE_HISTORY, SEND_MESSAGES, VIEW_CHANNEL,
};
use crate::world::{Channel, Guild, Kind, Presence, Role, Thread, User, World};

const NAMES: &[&str] = &[
    "ada", "björn", "chloé", "dmitri", "emeka", "fatima", "giulia", "haruto", "inès", "joão",
    "kofi", "lena", "minjun", "noor", "olga", "priya", "quentin", "renée", "somchai", "tomás",
    "ulla", "viktor", "wanjiru", "ximena", "yuki", "zeynep",
];
const ROOMS: &[&str] = &[
    "general",
    "random",
    "help",
    "random-français",
    "entwicklung",
    "música",
    "日本語",
    "한국어",
    "support",
    "showcase",
    "off-topic",
    "feedback",
    "jobs",
    "reading",
    "games",
    "ops",
];
const DAY_MS: u64 = 86_400_000;

/// What everybody may do.
const EVERYONE: u64 = VIEW_CHANNEL | SEND_MESSAGES | READ_MESSAGE_HISTORY | CONNECT;

/// The kinds of the first channels of a guild; after them all are text channels.
const PLAN: &[(Kind, &str)] = &[
    (Kind::Category, "Community"),
    (Kind::Text, "general"),
    (Kind::Announcement, "announcements"),
    (Kind::Forum, "questions"),
    (Kind::Text, "random"),
    (Kind::Voice, "Lounge"),
    (Kind::Text, "staff-only"),
    (Kind::Text, "no-history"),
    (Kind::Text, "help"),
    (Kind::Stage, "Town hall"),
    (Kind::Media, "gallery"),
    (Kind::Text, "moderators"),
];

/// A community without messages.
pub(crate) fn build(config: &Config, anchor: DateTime<Utc>) -> World {
    let plan = &config.community;
    let mut rng = rng(plan.seed, 1);
    let mut clock = Clock::new(anchor);
    // Everything structural is older than the history.
    let now = clock.now_ms();
    let start = now - u64::from(plan.days + 30) * DAY_MS;
    let mut id = || clock.id_at(start);
    let users = people(plan.members.max(6), plan.guilds.max(1), &mut id, &mut rng);
    let mut world = World {
        seed: plan.seed,
        odd_style: config.odd_style,
        clock: Clock::new(anchor),
        users,
        guilds: Vec::new(),
        channels: Vec::new(),
        channel_at: std::collections::HashMap::new(),
        application_flags: config.application_flags,
        obfuscation: config.obfuscation,
        open_polls: Vec::new(),
    };
    let guilds = plan.guilds.max(1);
    for at in 0..guilds {
        let guild = guild(at, guilds, &world, start, &mut id, &mut rng);
        world.guilds.push(guild);
        let share = plan.channels / guilds + usize::from(at < plan.channels % guilds);
        channels(&mut world, at, share.max(1), &mut id);
    }
    threads(&mut world, config, now);
    world
}

fn people(
    count: usize,
    webhooks: usize,
    id: &mut impl FnMut() -> u64,
    rng: &mut ChaCha8Rng,
) -> Vec<User> {
    let mut users = vec![User {
        id: id(),
        name: "guildlake".to_owned(),
        global_name: None,
        bot: true,
        webhook: false,
    }];
    for at in 1..count {
        let first = NAMES[rng.random_range(0..NAMES.len())];
        let bot = at % 17 == 3;
        let name = if bot {
            format!("{first}-bot{at}")
        } else {
            format!("{first}_{at}")
        };
        let global_name = (!bot && at % 4 != 0).then(|| format!("{first} {at} ✨"));
        users.push(User {
            id: id(),
            name,
            global_name,
            bot,
            webhook: false,
        });
    }
    for at in 0..webhooks {
        users.push(User {
            id: id(),
            name: format!("Deploy hook {at}"),
            global_name: None,
            bot: true,
            webhook: true,
        });
    }
    users
}

fn guild(
    at: usize,
    guilds: usize,
    world: &World,
    start: u64,
    id: &mut impl FnMut() -> u64,
    rng: &mut ChaCha8Rng,
) -> Guild {
    let guild_id = id();
    let position = |(at, _): (usize, &User)| u32::try_from(at).unwrap_or(0);
    let everybody = world.users.iter().enumerate();
    // The bot is everywhere, a person in one guild and now and then in a second.
    let members: Vec<u32> = everybody
        .clone()
        .filter(|(n, user)| !user.webhook && (*n == 0 || n % guilds == at || rng.random_bool(0.1)))
        .map(position)
        .collect();
    let hooks: Vec<u32> = everybody
        .filter(|(_, user)| user.webhook)
        .map(position)
        .collect();
    let everyone = Role {
        id: guild_id,
        name: "@everyone".to_owned(),
        permissions: EVERYONE,
        managed: false,
    };
    let bot_role = Role {
        id: id(),
        name: "guildlake".to_owned(),
        permissions: EVERYONE,
        managed: true,
    };
    let staff = Role {
        id: id(),
        name: "staff".to_owned(),
        permissions: EVERYONE | MANAGE_THREADS,
        managed: false,
    };
    Guild {
        id: guild_id,
        name: format!("Guild {} – été", at + 1),
        owner: *members.get(1).unwrap_or(&0),
        bot_roles: vec![bot_role.id],
        roles: vec![everyone, bot_role, staff],
        members,
        webhooks: vec![hooks[at % hooks.len()]],
        joined_ms: start,
        presence: Presence::Here,
    }
}

fn channels(world: &mut World, guild: usize, count: usize, id: &mut impl FnMut() -> u64) {
    let mut category = None;
    for at in 0..count {
        // With few channels the plan is cut; a guild of one channel still has a text channel.
        let (kind, name) = match PLAN.get(if count < 3 { at + 1 } else { at }) {
            Some((kind, name)) => (*kind, (*name).to_owned()),
            None => (Kind::Text, format!("{}-{at}", ROOMS[at % ROOMS.len()])),
        };
        let mut channel = Channel::new(id(), guild, kind, name, category.filter(|_| at % 5 != 4));
        channel.position = at;
        let everyone = world.guilds[guild].id;
        match channel.name.as_str() {
            "staff-only" => {
                let staff = world.guilds[guild].roles[2].id;
                channel.overwrites.push(Overwrite {
                    id: everyone,
                    member: false,
                    allow: 0,
                    deny: VIEW_CHANNEL,
                });
                channel.overwrites.push(Overwrite {
                    id: staff,
                    member: false,
                    allow: VIEW_CHANNEL,
                    deny: 0,
                });
            }
            "no-history" => {
                channel.overwrites.push(Overwrite {
                    id: everyone,
                    member: false,
                    allow: 0,
                    deny: READ_MESSAGE_HISTORY,
                });
            }
            "moderators" => {
                // The bot sees this one by an overwrite of its own, and all private threads in it.
                let bot = world.bot().id;
                channel.overwrites.push(Overwrite {
                    id: everyone,
                    member: false,
                    allow: 0,
                    deny: VIEW_CHANNEL,
                });
                let allow = VIEW_CHANNEL | MANAGE_THREADS;
                channel.overwrites.push(Overwrite {
                    id: bot,
                    member: true,
                    allow,
                    deny: 0,
                });
            }
            _ => {}
        }
        if kind == Kind::Category {
            category = Some(channel.id);
        }
        world.add_channel(channel);
    }
}

/// Threads get their ids with the history (a thread's id can be a message's); here they are placed and named.
fn threads(world: &mut World, config: &Config, now: u64) {
    let plan = &config.community;
    let mut rng = rng(plan.seed, 2);
    let homes: Vec<usize> = (0..world.channels.len())
        .filter(|&c| world.channels[c].kind.has_threads())
        .collect();
    if homes.is_empty() {
        return;
    }
    for at in 0..plan.threads {
        let home = homes[at % homes.len()];
        let parent = &world.channels[home];
        let kind = match (parent.kind, at / homes.len() % 3) {
            (Kind::Text, 1) => Kind::PrivateThread,
            (Kind::Announcement, _) => Kind::AnnouncementThread,
            _ => Kind::PublicThread,
        };
        let age = rng.random_range(DAY_MS..u64::from(plan.days.max(2)) * DAY_MS);
        let created_ms = now - age;
        let archived = rng.random_bool(0.5);
        let members = &world.guilds[parent.guild].members;
        let thread = Thread {
            owner: members[rng.random_range(0..members.len())],
            archived,
            archive_ms: if archived {
                created_ms + rng.random_range(age / 2..age)
            } else {
                created_ms
            },
            created_ms,
            locked: archived && rng.random_bool(0.2),
            joined: kind == Kind::PrivateThread && mix(plan.seed, at as u64).is_multiple_of(2),
            tag: parent.kind.is_forum().then_some(parent.id + 1),
        };
        let guild = parent.guild;
        let mut channel = Channel::new(0, guild, kind, text::title(&mut rng), Some(parent.id));
        channel.thread = Some(thread);
        // Not yet in `channel_at`: the id comes with the first message.
        world.channels.push(channel);
    }
}
