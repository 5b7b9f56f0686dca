//! Reactions and votes in Discord's form: read from a payload, and written as a payload would contain them.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::tally::{Count, Counted};

/// An emoji in an event or a payload.
#[derive(Debug, Clone, Deserialize)]
pub struct Emoji {
    /// The id of a custom emoji.
    #[serde(default)]
    pub id: Option<String>,
    /// The name of the custom emoji, or the Unicode emoji itself.
    #[serde(default)]
    pub name: Option<String>,
}

impl Emoji {
    /// The key under which the emoji is counted; none for an emoji without id and name.
    #[must_use]
    pub fn counted(self) -> Option<Counted> {
        match (self.id, self.name) {
            (Some(id), name) => Some(Counted { key: id, name }),
            (None, Some(name)) => Some(Counted {
                key: name,
                name: None,
            }),
            (None, None) => None,
        }
    }
}

#[derive(Deserialize)]
struct Reaction {
    count: i64,
    #[serde(default)]
    count_details: Option<Details>,
    emoji: Emoji,
}

#[derive(Deserialize)]
struct Details {
    #[serde(default)]
    burst: i64,
}

/// The counts in the `reactions` of a payload; none if they can't be parsed.
pub(super) fn reactions_of(json: &str) -> Option<Vec<Count>> {
    let reactions: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    let counts = reactions.into_iter().filter_map(|reaction| {
        // A reaction that can't be parsed does not affect the others.
        let reaction: Reaction = serde_json::from_str(reaction.get()).ok()?;
        Some(Count {
            of: reaction.emoji.counted()?,
            count: reaction.count,
            burst: reaction.count_details.map_or(0, |details| details.burst),
        })
    });
    Some(counts.filter(|count| count.count > 0).collect())
}

/// The counts in the `poll` of a payload; none if it has no results.
pub(super) fn votes_of(json: &str) -> Option<Vec<Count>> {
    #[derive(Deserialize)]
    struct Poll {
        results: Option<Results>,
    }
    #[derive(Deserialize)]
    struct Results {
        answer_counts: Vec<Answer>,
    }
    #[derive(Deserialize)]
    struct Answer {
        id: i64,
        count: i64,
    }
    let poll: Poll = serde_json::from_str(json).ok()?;
    let answers = poll.results?.answer_counts.into_iter();
    let counts = answers.map(|answer| Count {
        of: Counted {
            key: answer.id.to_string(),
            name: None,
        },
        count: answer.count,
        burst: 0,
    });
    Some(counts.filter(|count| count.count > 0).collect())
}

/// Whether a key is the id of a custom emoji.
fn is_id(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reactions in the form of a payload.
pub(super) fn reactions_json(counts: &[Count]) -> Value {
    let reactions = counts.iter().map(|count| {
        let emoji = if is_id(&count.of.key) {
            json!({"id": count.of.key, "name": count.of.name})
        } else {
            json!({"id": null, "name": count.of.key})
        };
        let details = json!({"burst": count.burst, "normal": count.count - count.burst});
        json!({"emoji": emoji, "count": count.count, "count_details": details})
    });
    reactions.collect()
}

/// The poll of a payload with these votes instead of its own; none if it can't be parsed.
pub(super) fn poll_json(payload: &str, counts: &[Count]) -> Option<Value> {
    #[derive(Deserialize)]
    struct WithPoll {
        poll: Value,
    }
    with_votes(serde_json::from_str::<WithPoll>(payload).ok()?.poll, counts)
}

/// The same for the text of a poll alone.
pub(super) fn poll_with(poll: &str, counts: &[Count]) -> Option<Value> {
    with_votes(serde_json::from_str(poll).ok()?, counts)
}

fn with_votes(mut poll: Value, counts: &[Count]) -> Option<Value> {
    let counts: Vec<Value> = counts
        .iter()
        .filter_map(|count| {
            let id: i64 = count.of.key.parse().ok()?;
            Some(json!({"id": id, "count": count.count}))
        })
        .collect();
    let results = poll.as_object_mut()?.entry("results").or_insert(json!({}));
    if !results.is_object() {
        *results = json!({});
    }
    results["answer_counts"] = counts.into();
    Some(poll)
}

/// Reactions in the form of a row: per emoji, with its name.
pub(super) fn reactions_shown(counts: &[Count]) -> Value {
    let shown = counts.iter().map(|count| {
        let of = &count.of;
        let (id, name) = if is_id(&of.key) {
            (Some(&of.key), of.name.as_ref())
        } else {
            (None, Some(&of.key))
        };
        json!({"emoji_id": id, "emoji_name": name, "count": count.count, "super_count": count.burst})
    });
    shown.collect()
}

/// Votes in the form of a row: per answer.
pub(super) fn votes_shown(counts: &[Count]) -> Value {
    let shown = counts.iter().filter_map(|count| {
        let answer: i64 = count.of.key.parse().ok()?;
        Some(json!({"answer_id": answer, "count": count.count}))
    });
    shown.collect()
}
