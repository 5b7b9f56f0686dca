//! Reactions: who gave which emoji.
//! Sources: <https://docs.discord.com/developers/resources/message> (Reaction Object, Reaction Count Details) and
//! <https://docs.discord.com/developers/resources/emoji> (Emoji Object).

use serde::Serialize;

use super::BOT;
use crate::payload::json::{Json, map};

/// An emoji: a character, or a guild's own picture.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Emoji {
    /// The id of a custom one.
    pub id: Option<u64>,
    /// The character, or the name of a custom one. A custom one without a name was deleted: Discord writes null.
    pub name: String,
    /// Whether a custom one moves.
    pub animated: bool,
}

impl Emoji {
    /// A character.
    #[must_use]
    pub fn unicode(character: impl Into<String>) -> Self {
        Self {
            id: None,
            name: character.into(),
            animated: false,
        }
    }

    /// A guild's own.
    #[must_use]
    pub fn custom(id: u64, name: impl Into<String>) -> Self {
        Self {
            id: Some(id),
            name: name.into(),
            animated: false,
        }
    }

    /// A custom one that moves.
    #[must_use]
    pub fn animated(mut self) -> Self {
        self.animated = true;
        self
    }

    /// Whether both are the same emoji: a custom one is known by its id and can be called something else.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (self.id, other.id) {
            (None, None) => self.name == other.name,
            (one, other) => one == other,
        }
    }

    pub(crate) fn json(&self) -> Json {
        let name = match (self.id, self.name.is_empty()) {
            (Some(_), true) => Json::Null,
            _ => self.name.clone().into(),
        };
        let mut json = map! { "id" => self.id.map(Json::id), "name" => name };
        if self.animated {
            json.set("animated", true.into());
        }
        json
    }
}

impl From<&str> for Emoji {
    fn from(character: &str) -> Self {
        Self::unicode(character)
    }
}

impl From<String> for Emoji {
    fn from(character: String) -> Self {
        Self::unicode(character)
    }
}

/// Those who did something: some of them known, the others only counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct People {
    /// Positions in `World::users`, in the order they came.
    pub(crate) known: Vec<u32>,
    pub(crate) others: u32,
}

impl People {
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.known.len())
            .unwrap_or(u32::MAX)
            .saturating_add(self.others)
    }

    pub(crate) fn has(&self, user: u32) -> bool {
        self.known.contains(&user)
    }

    /// Add one; whether it was not among them.
    pub(crate) fn add(&mut self, user: u32) -> bool {
        let fresh = !self.has(user);
        if fresh {
            self.known.push(user);
        }
        fresh
    }

    /// Take one away; whether it was among them.
    pub(crate) fn remove(&mut self, user: u32) -> bool {
        let before = self.known.len();
        self.known.retain(|&known| known != user);
        self.known.len() < before
    }
}

/// What a message has of one emoji.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reaction {
    pub(crate) emoji: Emoji,
    pub(crate) normal: People,
    /// Super reactions.
    pub(crate) burst: People,
}

impl Reaction {
    pub(crate) fn new(emoji: Emoji) -> Self {
        Self {
            emoji,
            normal: People::default(),
            burst: People::default(),
        }
    }

    pub(crate) fn count(&self) -> u32 {
        self.normal.count().saturating_add(self.burst.count())
    }

    pub(crate) fn people(&mut self, burst: bool) -> &mut People {
        if burst {
            &mut self.burst
        } else {
            &mut self.normal
        }
    }

    pub(crate) fn json(&self) -> Json {
        let burst = self.burst.count();
        let colors = if burst > 0 {
            burst_colors()
        } else {
            Vec::new()
        };
        map! {
            "emoji" => self.emoji.json(),
            "count" => self.count(),
            "count_details" => map! { "burst" => burst, "normal" => self.normal.count() },
            "burst_colors" => colors,
            "me_burst" => self.burst.has(BOT), "burst_me" => self.burst.has(BOT),
            "me" => self.normal.has(BOT), "burst_count" => burst,
        }
    }
}

/// The colours of a super reaction.
pub(crate) fn burst_colors() -> Vec<Json> {
    vec!["#f8d45c".into(), "#e0a435".into()]
}
