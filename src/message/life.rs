//! Whether a message still exists. That it is gone can be *told* (Discord said so), which is final, or *inferred*
//! (a reading did not show it), which yields to every later sign of life, and otherwise says of an end that is told
//! that it was not later than that reading.

use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::MessageId;

/// How the end of a message became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeletedBy {
    /// Told by MESSAGE_DELETE.
    Gateway,
    /// Told by MESSAGE_DELETE_BULK: a moderator's purge.
    Bulk,
    /// Told by CHANNEL_DELETE or THREAD_DELETE: it went with its channel, thread or parent channel.
    Channel,
    /// Inferred: two complete readings of exactly its range of history did not show it.
    Rescan,
    /// Inferred: its channel stands in no list, and Discord answers that it does not know it.
    MissingChannel,
}

impl DeletedBy {
    const NAMES: [(Self, &'static str); 5] = [
        (Self::Gateway, "gateway"),
        (Self::Bulk, "bulk"),
        (Self::Channel, "channel"),
        (Self::Rescan, "rescan"),
        (Self::MissingChannel, "missing_channel"),
    ];

    /// The name in the record and in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(by, _)| *by == self)
            .map_or("", |(_, name)| name)
    }

    /// Whether Discord said so itself: then nothing takes it back.
    #[must_use]
    pub fn is_told(self) -> bool {
        matches!(self, Self::Gateway | Self::Bulk | Self::Channel)
    }
}

impl fmt::Display for DeletedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DeletedBy {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::NAMES
            .iter()
            .find(|(_, name)| *name == text)
            .map(|(by, _)| *by)
            .ok_or(())
    }
}

/// Evidence that a message is gone: it was deleted between two times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone {
    /// It was still there at this time.
    pub after: DateTime<Utc>,
    /// It was noticed at this time, so it was deleted by then. Never before `after`.
    pub before: DateTime<Utc>,
    /// How it was noticed.
    pub by: DeletedBy,
}

impl Gone {
    /// The evidence about a message. It was there when it was written, whatever a clock says, and it was not
    /// noticed to be gone before it was last there.
    #[must_use]
    pub fn new(id: MessageId, after: DateTime<Utc>, before: DateTime<Utc>, by: DeletedBy) -> Self {
        let before = before.max(id.created_at());
        Self {
            after: after.max(id.created_at()).min(before),
            before,
            by,
        }
    }

    /// Of two that Discord told the earliest notice counts, and of two at one time the one that saw the message
    /// last.
    fn earliest(self, other: Self) -> Self {
        let rank = |gone: &Self| (gone.before, gone.by, Reverse(gone.after));
        if rank(&other) < rank(&self) {
            other
        } else {
            self
        }
    }
}

/// That a reading did not show a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Absence {
    /// What follows from it.
    pub gone: Gone,
    /// When the reading was asked for: a sign of life from then on refutes it.
    pub asked_at: DateTime<Utc>,
}

impl Absence {
    fn latest(self, other: Self) -> Self {
        let rank = |it: &Self| (it.asked_at, it.gone.before, it.gone.by, it.gone.after);
        if rank(&other) > rank(&self) {
            other
        } else {
            self
        }
    }
}

/// What is known of a message's existence. Each part only ever grows, so the join is commutative, associative and
/// idempotent: of what was told the earliest, of signs of life the latest, and of absences the latest, as long as
/// no sign of life refutes it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Life {
    told: Option<Gone>,
    absent: Option<Absence>,
    alive_at: Option<DateTime<Utc>>,
}

impl Life {
    /// It was there at this time.
    #[must_use]
    pub fn alive(at: DateTime<Utc>) -> Self {
        Self {
            alive_at: Some(at),
            ..Self::default()
        }
    }

    /// Discord said that it is gone.
    #[must_use]
    pub fn told(gone: Gone) -> Self {
        Self {
            told: Some(gone),
            ..Self::default()
        }
    }

    /// A reading that was asked for at this time did not show it.
    #[must_use]
    pub fn absent(gone: Gone, asked_at: DateTime<Utc>) -> Self {
        Self {
            absent: Some(Absence { gone, asked_at }),
            ..Self::default()
        }
    }

    /// How the message went, if it is gone. Where a reading did not show it, it was not there for longer than that
    /// reading says, even if Discord told its end only later.
    #[must_use]
    pub fn gone(&self) -> Option<Gone> {
        let inferred = self.absent.map(|absent| absent.gone);
        let Some(told) = self.told else {
            return inferred;
        };
        let after = inferred.map_or(told.after, |inferred| told.after.min(inferred.after));
        Some(Gone { after, ..told })
    }

    /// What Discord told of its end, by itself.
    #[must_use]
    pub fn told_end(&self) -> Option<Gone> {
        self.told
    }

    /// What was only inferred, as far as it counts.
    #[must_use]
    pub fn absence(&self) -> Option<Absence> {
        self.absent
    }

    /// When it was last seen to be there.
    #[must_use]
    pub fn alive_at(&self) -> Option<DateTime<Utc>> {
        self.alive_at
    }

    /// What the two say together.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        let told = either(self.told, other.told, Gone::earliest);
        let alive_at = self.alive_at.max(other.alive_at);
        let absent = either(self.absent, other.absent, Absence::latest);
        Self {
            told,
            absent: absent.filter(|it| Some(it.asked_at) > alive_at),
            alive_at,
        }
    }
}

/// Either of two, or what both say together.
pub(super) fn either<T>(
    one: Option<T>,
    other: Option<T>,
    join: impl FnOnce(T, T) -> T,
) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(join(one, other)),
        (one, other) => one.or(other),
    }
}
