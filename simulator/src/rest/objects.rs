//! The single objects: gateway, bot, application, guild, channel, member.
//! What the bot may not see is 403 with code 50001, what is not there 404 with Discord's code.

use super::Answer;
use crate::faults::List;
use crate::payload::json::{Json, map};
use crate::shared::{Shared, State};
use crate::world::{BOT, Presence};

pub(super) fn gateway(shared: &Shared) -> Answer {
    Answer::json(200, map! { "url" => shared.gateway_url() }.compact())
}

pub(super) fn gateway_bot(shared: &Shared, state: &State) -> Answer {
    let used = u32::try_from(state.hub.identify_times.len()).unwrap_or(u32::MAX);
    let limit = map! {
        "total" => shared.config.identify_limit,
        "remaining" => shared.config.identify_limit.saturating_sub(used),
        "reset_after" => 86_400_000 - 1,
        "max_concurrency" => shared.config.max_concurrency,
    };
    let body =
        map! { "url" => shared.gateway_url(), "session_start_limit" => limit, "shards" => 1 };
    Answer::json(200, body.compact())
}

pub(super) fn me(state: &State) -> Answer {
    let mut user = state.world.bot().json();
    for (key, value) in [
        ("mfa_enabled", Json::Bool(true)),
        ("locale", "en-US".into()),
        ("premium_type", 0.into()),
        ("email", Json::Null),
        ("verified", true.into()),
        ("bio", "".into()),
    ] {
        user.set(key, value);
    }
    Answer::json(200, user.compact())
}

pub(super) fn application(state: &State) -> Answer {
    Answer::json(200, state.world.application_json().compact())
}

pub(super) fn guilds(state: &State) -> Answer {
    let here = state
        .world
        .guilds
        .iter()
        .filter(|guild| guild.presence != Presence::Left);
    let list = here.map(|guild| {
        let permissions = guild.roles.iter().fold(0, |sum, role| sum | role.permissions);
        map! {
            "id" => Json::id(guild.id), "name" => guild.name.clone(), "icon" => Json::Null, "banner" => Json::Null,
            "owner" => false, "permissions" => permissions.to_string(), "features" => Vec::<Json>::new(),
        }
    });
    Answer::json(200, Json::List(list.collect()).compact())
}

/// The guild of a path, if the bot is in it.
pub(super) fn guild_at(state: &State, id: &str) -> Result<usize, Answer> {
    let id: u64 = id
        .parse()
        .map_err(|_| Answer::error(404, 0, "404: Not Found"))?;
    match state.world.guild_at(id) {
        Ok(at) if state.world.guilds[at].presence == Presence::Left => {
            Err(Answer::error(403, 50_001, "Missing Access"))
        }
        Ok(at) => Ok(at),
        Err(_) => Err(Answer::error(404, 10_004, "Unknown Guild")),
    }
}

/// The channel or thread of a path, if the bot sees it.
pub(super) fn channel_at(state: &State, id: &str) -> Result<usize, Answer> {
    let id: u64 = id
        .parse()
        .map_err(|_| Answer::error(404, 0, "404: Not Found"))?;
    let at = state
        .world
        .channel_at(id)
        .map_err(|_| Answer::error(404, 10_003, "Unknown Channel"))?;
    let left = state.world.guild_of(at).presence == Presence::Left;
    if left || !state.world.sees(at) {
        Err(Answer::error(403, 50_001, "Missing Access"))
    } else {
        Ok(at)
    }
}

pub(super) fn guild(state: &State, at: usize) -> Answer {
    Answer::json(200, state.world.guild_json(at).compact())
}

pub(super) fn channels(state: &mut State, guild: usize) -> Answer {
    let world = &state.world;
    let mut listed: Vec<(u64, usize)> = world
        .channels_of(guild)
        .filter(|(at, c)| c.thread.is_none() && !world.hides(*at))
        .map(|(at, channel)| (channel.id, at))
        .collect();
    let ids: Vec<u64> = listed.iter().map(|(id, _)| *id).collect();
    let place = world.guilds[guild].id;
    let wrong = state.faults.lists.hit(List::Channels, place, &ids);
    listed.retain(|(id, _)| !wrong.without.contains(id));
    listed.truncate(wrong.keep.unwrap_or(usize::MAX));
    let list = listed.into_iter().map(|(_, at)| {
        let mut json = world.channel_json(at);
        wrong.bare.iter().for_each(|field| json.remove(field));
        json
    });
    Answer::json(200, Json::List(list.collect()).compact())
}

pub(super) fn roles(state: &State, guild: usize) -> Answer {
    Answer::json(
        200,
        Json::List(state.world.roles_json(&state.world.guilds[guild])).compact(),
    )
}

pub(super) fn member(state: &State, guild: usize, user: &str) -> Answer {
    let world = &state.world;
    let id = if user == "@me" {
        Some(world.bot().id)
    } else {
        user.parse().ok()
    };
    let members = &world.guilds[guild].members;
    match id
        .and_then(|id| world.user_at(id))
        .filter(|at| *at == BOT || members.contains(at))
    {
        Some(at) => Answer::json(
            200,
            world.full_member_json(&world.guilds[guild], at).compact(),
        ),
        None => Answer::error(404, 10_007, "Unknown Member"),
    }
}

pub(super) fn channel(state: &State, at: usize) -> Answer {
    Answer::json(200, state.world.listed_thread(at).compact())
}
