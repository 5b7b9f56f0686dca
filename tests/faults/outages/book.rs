//! What happened to each message, when, and whether anybody listened: beside the simulator's truth,
//! which knows the end of it.

use std::collections::{HashMap, HashSet};

/// Who could hear of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The socket tells it, now or when the session is resumed.
    Told,
    /// Nobody: it happened in the outage of this number.
    Lost(usize),
    /// Perhaps: on the way when that outage began, or while its repair was under way.
    Perhaps(usize),
    /// The bot could not see the channel.
    Hidden,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Written,
    Edited(String),
    /// Alone, in a purge or with its channel.
    Deleted,
    /// Without an edit.
    Beside(Part),
}

/// What of a message changes without an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Pinned,
    Flags,
    Embeds,
    Reactions,
    Votes,
}

/// Something that happened to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) what: What,
    /// Simulated Unix milliseconds.
    pub(crate) at: u64,
    pub(crate) heard: Heard,
    /// How far the service's clock was behind when it was told: its steady clock did not see the
    /// simulated one jump, and no REST answer had told it yet.
    pub(crate) clock_behind: u64,
}

/// A time in which nobody listened, as it really was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrueOutage {
    pub(crate) began: u64,
    pub(crate) ended: u64,
    /// Whether the service could know at its end what time it was.
    pub(crate) time_was_told: bool,
    pub(crate) process_ran: bool,
}

/// What happened so far.
#[derive(Default)]
pub(crate) struct Book {
    changes: HashMap<u64, Vec<Change>>,
    /// Channels that were hidden from the bot at some time.
    pub(crate) hidden_once: HashSet<u64>,
    /// When channels and threads went, and how far the service's clock was behind then.
    pub(crate) places_gone: HashMap<u64, (u64, u64)>,
    /// The names that people had, and until when.
    pub(crate) names: HashMap<u64, Vec<(String, u64)>>,
    /// The outages in which the session was lost.
    pub(crate) outages: HashMap<usize, TrueOutage>,
}

impl Book {
    pub(crate) fn note(&mut self, message: u64, change: Change) {
        self.changes.entry(message).or_default().push(change);
    }

    /// What happened to a message since the simulator runs.
    pub(crate) fn of(&self, message: u64) -> &[Change] {
        self.changes.get(&message).map_or(&[], Vec::as_slice)
    }

    /// Every change.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u64, &Change)> {
        self.changes
            .iter()
            .flat_map(|(id, changes)| changes.iter().map(move |change| (*id, change)))
    }

    /// How it was heard of that a message was written; none if it is older than the test.
    pub(crate) fn written(&self, message: u64) -> Option<Heard> {
        let written = self.of(message).iter().find(|it| it.what == What::Written);
        written.map(|it| it.heard)
    }

    /// The end of a message.
    pub(crate) fn end(&self, message: u64) -> Option<&Change> {
        self.of(message)
            .iter()
            .rev()
            .find(|it| it.what == What::Deleted)
    }

    /// The last change of a part that nobody may have heard.
    pub(crate) fn unheard(&self, message: u64, part: Part) -> Option<&Change> {
        let of = self.of(message).iter().rev();
        let mut of = of.filter(|it| it.what == What::Beside(part));
        of.find(|it| it.heard != Heard::Told)
    }

    /// The first edit after the version that has this edit time, in milliseconds.
    pub(crate) fn edit_after(&self, message: u64, version: Option<u64>) -> Option<&Change> {
        self.of(message).iter().find(|it| {
            matches!(it.what, What::Edited(_)) && version.is_none_or(|version| it.at > version)
        })
    }
}
