//! Pages of history.
//! `before`, `after` and `around` compare ids as numbers; whatever was asked, a page is newest first.

use super::Answer;
use super::query::{Query, form_error};
use crate::faults::{List, RestFaultKind};
use crate::payload::message::Form;
use crate::shared::{Shared, State};
use crate::world::permission::READ_MESSAGE_HISTORY;
use crate::world::{BOT, Message};

/// GET /channels/{id}/messages
pub(super) fn page(
    shared: &Shared,
    state: &mut State,
    channel: usize,
    query: &Query,
    fault: Option<&RestFaultKind>,
) -> Answer {
    if !state.world.channels[channel].kind.has_messages() {
        return Answer::error(400, 50_024, "Cannot execute action on this channel type");
    }
    let limit = match query.limit(1, 50) {
        Ok(limit) => limit,
        Err(answer) => return answer,
    };
    let mut bounds = Vec::new();
    for name in ["before", "after", "around"] {
        match query.snowflake(name) {
            Ok(Some(id)) => bounds.push((name, id)),
            Ok(None) => {}
            Err(answer) => return answer,
        }
    }
    if bounds.len() > 1 {
        return form_error(
            bounds[1].0,
            "MUTUALLY_EXCLUSIVE",
            "Only one of before, after and around may be given.",
        );
    }
    if state.world.permissions(channel) & READ_MESSAGE_HISTORY == 0 {
        return Answer::json(200, "[]".to_owned());
    }
    let overlap = if let Some(RestFaultKind::OverlappingPage { by }) = fault {
        *by
    } else {
        0
    };
    let bound = bounds.first().copied();
    let mut ids = select(state, channel, bound, limit, overlap, &[]);
    let place = state.world.channels[channel].id;
    let wrong = state.faults.lists.hit(List::Messages, place, &ids);
    if !wrong.without.is_empty() {
        ids = select(state, channel, bound, limit, overlap, &wrong.without);
    }
    ids.truncate(wrong.keep.unwrap_or(usize::MAX));
    let body = render(state, channel, &ids, fault);
    if let (Some(RestFaultKind::DeleteBetweenPages { count }), Some(&oldest)) = (fault, ids.last())
    {
        let older = select(state, channel, Some(("before", oldest)), *count, 0, &[]);
        for id in older {
            if let Ok(event) = state.world.delete_message(place, id) {
                state.dispatch(event.into_iter().collect(), shared.config.replay_buffer);
            }
        }
    }
    Answer::json(200, body)
}

/// The ids of a page, newest first, as if some messages were not there.
fn select(
    state: &State,
    channel: usize,
    bound: Option<(&str, u64)>,
    limit: usize,
    overlap: usize,
    without: &[u64],
) -> Vec<u64> {
    let messages = &state.world.channels[channel].messages;
    let below = |id: u64| messages.partition_point(|message| message.id < id);
    let upto = |id: u64| messages.partition_point(|message| message.id <= id);
    let alive = |message: &&Message| message.deleted.is_none() && !without.contains(&message.id);
    let older = |end: usize, count: usize| -> Vec<u64> {
        messages[..end]
            .iter()
            .rev()
            .filter(alive)
            .take(count)
            .map(|message| message.id)
            .collect()
    };
    let newer = |start: usize, count: usize| -> Vec<u64> {
        let mut ids: Vec<u64> = messages[start..]
            .iter()
            .filter(alive)
            .take(count)
            .map(|message| message.id)
            .collect();
        ids.reverse();
        ids
    };
    match bound {
        None => older(messages.len(), limit),
        Some(("before", id)) => {
            let mut ids = newer(below(id), overlap);
            ids.extend(older(below(id), limit - ids.len().min(limit)));
            ids
        }
        Some(("after", id)) => {
            let before = older(upto(id), overlap.min(limit));
            let mut ids = newer(upto(id), limit - before.len());
            ids.extend(before);
            ids
        }
        Some((_, id)) => {
            let half = older(below(id), limit / 2);
            let mut ids = newer(below(id), limit - half.len());
            ids.extend(half);
            ids
        }
    }
}

/// The form in which REST shows a message.
fn form(state: &State, channel: usize, message: &Message) -> Form {
    let world = &state.world;
    let allowed = world.application_flags & (0b11 << 18) != 0;
    let exempt = || {
        message.author == BOT
            || world
                .draft(channel, message)
                .mentions
                .contains(&world.bot().id)
    };
    Form {
        content: allowed || exempt(),
        ..Form::REST
    }
}

fn text(state: &mut State, channel: usize, id: u64) -> Option<String> {
    let message = state.world.message(channel, id)?;
    let text = state
        .world
        .message_text(channel, message, form(state, channel, message));
    state.ledger.rest(id, &text);
    Some(text)
}

fn render(state: &mut State, channel: usize, ids: &[u64], fault: Option<&RestFaultKind>) -> String {
    let place = state.world.channels[channel].id;
    let mut items: Vec<String> = Vec::with_capacity(ids.len() + 1);
    for (at, &id) in ids.iter().enumerate() {
        if at == ids.len() / 2 {
            match fault {
                Some(RestFaultKind::OddMessage) => {
                    let odd = format!(
                        "{{\"id\":\"{id}\",\"channel_id\":\"{place}\",\"type\":\"unheard of\",\"content\":null,\"author\":[1,2.5,{{}}],\"timestamp\":false}}"
                    );
                    state.ledger.rest(id, &odd);
                    items.push(odd);
                    continue;
                }
                Some(RestFaultKind::StrayMessage) => {
                    // Styles differ in the space before the id, never in the id.
                    let (here, elsewhere) = (format!("\"{place}\""), format!("\"{}\"", place + 1));
                    items.extend(text(state, channel, id).map(|it| it.replace(&here, &elsewhere)));
                    continue;
                }
                Some(RestFaultKind::GarbageId) => items.push(format!(
                    "{{\"id\":\"not-a-snowflake\",\"channel_id\":\"{place}\",\"type\":0,\"content\":\"whose am I?\"}}"
                )),
                _ => {}
            }
        }
        items.extend(text(state, channel, id));
    }
    format!("[{}]", items.join(","))
}

/// GET /channels/{id}/messages/{id}
pub(super) fn one(state: &mut State, channel: usize, id: &str) -> Answer {
    if state.world.permissions(channel) & READ_MESSAGE_HISTORY == 0 {
        return Answer::error(403, 50_001, "Missing Access");
    }
    let id = id.parse().ok();
    match id.and_then(|id| text(state, channel, id)) {
        Some(text) => Answer::json(200, text),
        None => Answer::error(404, 10_008, "Unknown Message"),
    }
}
