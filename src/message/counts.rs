//! Reactions and votes in the shapes that Discord gives them: read from a payload, and written as one would have
//! them.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::tally::{Count, Counted};

/// An emoji as an event or a payload names it.
#[derive(Debug, Clone, Deserialize)]
pub struct Emoji {
    /// The id of a guild's own emoji.
    #[serde(default)]
    pub id: Option<String>,
    /// Its name, or the emoji of Unicode itself.
    #[serde(default)]
    pub name: Option<String>,
}

impl Emoji {
    /// What is counted under it; none for an emoji without id and name.
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

/// The counts of a payload's `reactions`; none if they can't be read.
pub(super) fn reactions_of(json: &str) -> Option<Vec<Count>> {
    let reactions: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    let counts = reactions.into_iter().filter_map(|reaction| {
        // One that can't be read leaves the others as they are.
        let reaction: Reaction = serde_json::from_str(reaction.get()).ok()?;
        Some(Count {
            of: reaction.emoji.counted()?,
            count: reaction.count,
            burst: reaction.count_details.map_or(0, |details| details.burst),
        })
    });
    Some(counts.filter(|count| count.count > 0).collect())
}

/// The counts of a payload's `poll`; none if it has no results.
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

/// Whether a key is the id of a guild's own emoji.
fn is_id(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reactions as a payload would have them.
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

/// The poll of a payload with these votes instead of its own; none if it can't be read.
pub(super) fn poll_json(payload: &str, counts: &[Count]) -> Option<Value> {
    #[derive(Deserialize)]
    struct WithPoll {
        poll: Value,
    }
    with_votes(serde_json::from_str::<WithPoll>(payload).ok()?.poll, counts)
}

/// The same of a poll that came by itself.
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

/// Reactions as a row shows them: by emoji, with its name.
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

/// Votes as a row shows them: by the number of the answer.
pub(super) fn votes_shown(counts: &[Count]) -> Value {
    let shown = counts.iter().filter_map(|count| {
        let answer: i64 = count.of.key.parse().ok()?;
        Some(json!({"answer_id": answer, "count": count.count}))
    });
    shown.collect()
}
