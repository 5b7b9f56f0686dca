//! IDENTIFY and RESUME: what a client must say, and what it gets.
//! A refusal is a close code by Discord's table, or op 9.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::sync::mpsc::UnboundedSender;

use super::hub::{Command, ResumeError};
use crate::config::Config;
use crate::observe::Happening;
use crate::shared::Shared;
use crate::world::Presence;

/// Every intent that Discord knows.
const KNOWN: u64 = ((1 << 17) - 1) | (1 << 20) | (1 << 21) | (1 << 24) | (1 << 25);
/// Privileged intents with the application flags that allow them.
const PRIVILEGED: [(u64, u64); 3] = [
    (1 << 1, 0b11 << 14),
    (1 << 8, 0b11 << 12),
    (1 << 15, 0b11 << 18),
];

/// The `d` of op 2, as far as it is judged.
#[derive(Debug, Deserialize)]
pub(crate) struct Identify {
    token: String,
    intents: serde_json::Number,
    #[serde(default)]
    pub(crate) compress: bool,
    #[serde(default)]
    shard: Option<(i64, i64)>,
    #[serde(default, rename = "properties")]
    _properties: serde_json::Value,
}

/// The `d` of op 6.
#[derive(Debug, Deserialize)]
pub(crate) struct Resume {
    token: String,
    session_id: String,
    seq: u64,
}

/// Why a handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Close with this code.
    Close(u16),
    /// op 9.
    Invalid {
        /// Whether the client may resume.
        resumable: bool,
    },
}

/// Answer an IDENTIFY: READY and a GUILD_CREATE for each guild go into the new session.
pub(crate) fn identify(
    shared: &Shared,
    asked: &Identify,
    link: (u64, UnboundedSender<Command>),
) -> Result<String, Refusal> {
    let config = &shared.config;
    if asked.token.trim_start_matches("Bot ") != config.token {
        return Err(Refusal::Close(4004));
    }
    let intents = asked
        .intents
        .as_u64()
        .filter(|bits| bits & !KNOWN == 0)
        .ok_or(Refusal::Close(4013))?;
    if PRIVILEGED
        .iter()
        .any(|(intent, flags)| intents & intent != 0 && config.application_flags & flags == 0)
    {
        return Err(Refusal::Close(4014));
    }
    let shard = match asked.shard {
        None => None,
        Some((id, count)) if id >= 0 && count > 0 && id < count => Some((
            u32::try_from(id).unwrap_or(0),
            u32::try_from(count).unwrap_or(1),
        )),
        Some(_) => return Err(Refusal::Close(4010)),
    };
    let mut state = shared.lock();
    let state = &mut *state;
    if shard.is_none() && state.faults.gateway.sharding_required {
        return Err(Refusal::Close(4011));
    }
    take_turn(&mut state.hub.identify_times, config)?;
    let same_id = config.same_session_id;
    let session = state.hub.open(state.world.seed, same_id, intents, link);
    let buffer = config.replay_buffer;
    let ready = state
        .world
        .ready_json(&session, &shared.resume_url(), shard)
        .compact();
    state.hub.send_to(&session, "READY", &ready, buffer);
    if intents & 1 != 0 {
        for at in 0..state.world.guilds.len() {
            let guild = &state.world.guilds[at];
            // A guild belongs to the shard `(id >> 22) % count`.
            let other = shard
                .is_some_and(|(id, count)| (guild.id >> 22) % u64::from(count) != u64::from(id));
            if guild.presence == Presence::Here && !other {
                let d = state.world.guild_create_json(at).compact();
                state.hub.send_to(&session, "GUILD_CREATE", &d, buffer);
            }
        }
    }
    shared.tell(Happening::Identified {
        session: session.clone(),
        intents,
    });
    Ok(session)
}

/// Count an IDENTIFY against the limits of the interval and of the day.
fn take_turn(times: &mut VecDeque<Instant>, config: &Config) -> Result<(), Refusal> {
    let now = Instant::now();
    while times
        .front()
        .is_some_and(|time| now.duration_since(*time) > Duration::from_secs(86_400))
    {
        times.pop_front();
    }
    let recent = times
        .iter()
        .filter(|time| now.duration_since(**time) < config.identify_interval)
        .count();
    if recent >= config.max_concurrency as usize {
        return Err(Refusal::Invalid { resumable: false });
    }
    if times.len() >= config.identify_limit as usize {
        // Discord ends all sessions and resets the token; the old one is refused from then on.
        return Err(Refusal::Close(4004));
    }
    times.push_back(now);
    Ok(())
}

/// Answer a RESUME: the missed frames, then RESUMED.
pub(crate) fn resume(
    shared: &Shared,
    asked: &Resume,
    link: (u64, UnboundedSender<Command>),
    resume_url: bool,
) -> Result<String, Refusal> {
    if asked.token.trim_start_matches("Bot ") != shared.config.token {
        return Err(Refusal::Close(4004));
    }
    let mut state = shared.lock();
    let state = &mut *state;
    let sender = link.1.clone();
    let missed = state
        .hub
        .resume(&asked.session_id, asked.seq, link)
        .map_err(|error| match error {
            ResumeError::Unknown => Refusal::Invalid { resumable: false },
            ResumeError::Sequence => Refusal::Close(4007),
        })?;
    let rounds = if state.faults.gateway.take_duplicate_replay() {
        2
    } else {
        1
    };
    for frame in (0..rounds).flat_map(|_| &missed) {
        let _ = sender.send(Command::Frame(frame.clone()));
    }
    let d = r#"{"_trace":["[\"gateway-sim\",{\"micros\":1}]"]}"#;
    state
        .hub
        .send_to(&asked.session_id, "RESUMED", d, shared.config.replay_buffer);
    if let Some(last) = missed
        .last()
        .filter(|_| state.faults.gateway.take_repeat_after_resumed())
    {
        let _ = sender.send(Command::Frame(last.clone()));
    }
    let happening = Happening::Resumed {
        session: asked.session_id.clone(),
        replayed: missed.len(),
        resume_url,
    };
    shared.tell(happening);
    Ok(asked.session_id.clone())
}
