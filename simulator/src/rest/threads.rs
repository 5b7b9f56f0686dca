//! The lists of threads.
//! Active ones by guild; archived ones by channel, public and private by the time they were archived, the joined
//! private ones by id.

use chrono::DateTime;

use super::Answer;
use super::query::{Query, form_error};
use crate::faults::List;
use crate::faults::list::Wrong;
use crate::payload::json::{Json, map};
use crate::shared::State;
use crate::world::permission::{MANAGE_THREADS, READ_MESSAGE_HISTORY};
use crate::world::{Kind, Thread};

/// All active threads of a guild that the bot sees.
pub(super) fn active(state: &mut State, guild: usize) -> Answer {
    let world = &state.world;
    let mut threads: Vec<usize> = world
        .channels_of(guild)
        .map(|(at, _)| at)
        .filter(|&at| world.active_thread(at) && world.sees(at))
        .collect();
    threads.sort_by_key(|&at| std::cmp::Reverse(world.channels[at].id));
    let place = world.guilds[guild].id;
    let wrong = wrong(state, place, &mut threads, usize::MAX);
    Answer::json(200, list(state, &threads, &wrong).compact())
}

/// The archived public or private threads of a channel.
pub(super) fn archived(state: &mut State, channel: usize, query: &Query, private: bool) -> Answer {
    let needed = if private {
        READ_MESSAGE_HISTORY | MANAGE_THREADS
    } else {
        READ_MESSAGE_HISTORY
    };
    if state.world.permissions(channel) & needed != needed {
        return Answer::error(403, 50_013, "Missing Permissions");
    }
    let limit = match query.limit(2, 50) {
        Ok(limit) => limit,
        Err(answer) => return answer,
    };
    let before = match query.get("before").map(DateTime::parse_from_rfc3339) {
        None => u64::MAX,
        Some(Ok(time)) => u64::try_from(time.timestamp_millis()).unwrap_or(0),
        Some(Err(_)) => return form_error("before", "DATETIME_TYPE_PARSE", "Could not parse."),
    };
    let mut threads = under(state, channel, |kind, thread| {
        thread.archived && (kind == Kind::PrivateThread) == private && thread.archive_ms < before
    });
    let archived = |at: usize| {
        state.world.channels[at]
            .thread
            .as_ref()
            .map_or(0, |thread| thread.archive_ms)
    };
    threads.sort_by_key(|&at| std::cmp::Reverse(archived(at)));
    page(state, channel, threads, limit)
}

/// The archived private threads of a channel that the bot is a member of.
pub(super) fn joined(state: &mut State, channel: usize, query: &Query) -> Answer {
    if state.world.permissions(channel) & READ_MESSAGE_HISTORY == 0 {
        return Answer::error(403, 50_013, "Missing Permissions");
    }
    let (limit, before) = match (query.limit(2, 50), query.snowflake("before")) {
        (Ok(limit), Ok(before)) => (limit, before.unwrap_or(u64::MAX)),
        (Err(answer), _) | (_, Err(answer)) => return answer,
    };
    let mut threads = under(state, channel, |kind, thread| {
        thread.archived && kind == Kind::PrivateThread && thread.joined
    });
    threads.retain(|&at| state.world.channels[at].id < before);
    threads.sort_by_key(|&at| std::cmp::Reverse(state.world.channels[at].id));
    page(state, channel, threads, limit)
}

fn under(state: &State, channel: usize, wanted: impl Fn(Kind, &Thread) -> bool) -> Vec<usize> {
    let parent = &state.world.channels[channel];
    let children = state
        .world
        .channels_of(parent.guild)
        .filter(|(_, child)| child.parent == Some(parent.id));
    let threads = children
        .filter_map(|(at, child)| child.thread.as_ref().map(|thread| (at, child.kind, thread)));
    threads
        .filter(|(_, kind, thread)| wanted(*kind, thread))
        .map(|(at, ..)| at)
        .collect()
}

fn page(state: &mut State, channel: usize, mut threads: Vec<usize>, limit: usize) -> Answer {
    let place = state.world.channels[channel].id;
    let wrong = wrong(state, place, &mut threads, limit);
    let more = threads.len() > limit;
    threads.truncate(limit);
    let mut json = list(state, &threads, &wrong);
    json.set("has_more", more.into());
    Answer::json(200, json.compact())
}

/// Take out of these threads what a fault leaves out of a page of them.
fn wrong(state: &mut State, place: u64, threads: &mut Vec<usize>, limit: usize) -> Wrong {
    let channels = &state.world.channels;
    let ids: Vec<u64> = threads.iter().map(|&at| channels[at].id).collect();
    let page = &ids[..limit.min(ids.len())];
    let wrong = state.faults.lists.hit(List::Threads, place, page);
    threads.retain(|&at| !wrong.without.contains(&channels[at].id));
    threads.truncate(wrong.keep.unwrap_or(usize::MAX));
    wrong
}

fn list(state: &State, threads: &[usize], wrong: &Wrong) -> Json {
    let world = &state.world;
    let listed = |&at: &usize| {
        let mut json = world.listed_thread(at);
        wrong.bare.iter().for_each(|field| json.remove(field));
        json
    };
    map! {
        "threads" => threads.iter().map(listed).collect::<Vec<_>>(),
        "members" => threads.iter().filter_map(|&at| world.thread_member(at)).collect::<Vec<_>>(),
    }
}
