//! The gateway events of reactions and votes in polls: each adds or removes one of one user, or clears several.
//! Source: <https://discord.com/developers/docs/events/gateway-events#message-reaction-add>

use serde::Deserialize;

use super::news::{GuildOf, News, Place, read as read_json};
use crate::message::{
    Counted, Emoji, Life, Message, MessageId, Observed, ReactionEvent, ReactionKind, Step, Tally,
    UserId,
};

/// The names of the events, with their kinds.
const EVENTS: [(&str, ReactionKind); 6] = [
    ("MESSAGE_REACTION_ADD", ReactionKind::ReactionAdded),
    ("MESSAGE_REACTION_REMOVE", ReactionKind::ReactionRemoved),
    ("MESSAGE_REACTION_REMOVE_EMOJI", ReactionKind::EmojiCleared),
    ("MESSAGE_REACTION_REMOVE_ALL", ReactionKind::AllCleared),
    ("MESSAGE_POLL_VOTE_ADD", ReactionKind::VoteAdded),
    ("MESSAGE_POLL_VOTE_REMOVE", ReactionKind::VoteRemoved),
];

#[derive(Deserialize)]
struct Payload {
    message_id: MessageId,
    #[serde(default)]
    user_id: Option<UserId>,
    #[serde(default)]
    emoji: Option<Emoji>,
    #[serde(default)]
    answer_id: Option<i64>,
    #[serde(default)]
    burst: bool,
}

/// Whether a dispatch of this name is such an event.
pub(super) fn is_reaction(name: &str) -> bool {
    EVENTS.iter().any(|(event, _)| *event == name)
}

/// Parses such an event.
pub(super) fn read(
    name: &str,
    payload: &str,
    observed: Observed,
    guild_of: GuildOf<'_>,
) -> Result<News, String> {
    let place: Place = read_json(payload)?;
    let event: Payload = read_json(payload)?;
    let kind = EVENTS.iter().find(|(event, _)| *event == name);
    let (Some((_, kind)), Some(guild_id), Some(channel_id)) =
        (kind, place.guild(guild_of), place.channel_id)
    else {
        return Ok(News::Other);
    };
    let emoji = event.emoji.clone().and_then(Emoji::counted);
    let answer = event.answer_id.map(|answer| Counted {
        key: answer.to_string(),
        name: None,
    });
    let change = |of: Option<Counted>, step| {
        let of = of.ok_or_else(|| format!("{name} does not name its emoji or answer"))?;
        Ok::<_, String>(Tally::change(observed, of, step, event.burst))
    };
    let mut message = Message {
        life: Life::alive(observed.at),
        ..Message::unknown(event.message_id, guild_id, channel_id)
    };
    match kind {
        ReactionKind::ReactionAdded => message.reactions = change(emoji, Step::Added)?,
        ReactionKind::ReactionRemoved => message.reactions = change(emoji, Step::Removed)?,
        ReactionKind::EmojiCleared => message.reactions = change(emoji, Step::Cleared)?,
        ReactionKind::AllCleared => message.reactions = Tally::whole(observed, true, Vec::new()),
        ReactionKind::VoteAdded => message.votes = change(answer, Step::Added)?,
        ReactionKind::VoteRemoved => message.votes = change(answer, Step::Removed)?,
    }
    let (emoji_id, emoji_name) = match event.emoji {
        Some(emoji) => (emoji.id.and_then(|id| id.parse().ok()), emoji.name),
        None => (None, None),
    };
    let event = ReactionEvent {
        happened_at: observed.at,
        kind: *kind,
        message_id: event.message_id,
        guild_id,
        channel_id,
        user_id: event.user_id,
        emoji_id,
        emoji_name,
        answer_id: event.answer_id,
        is_super: event.burst,
    };
    Ok(News::Reaction(Box::new(message), Box::new(event)))
}
