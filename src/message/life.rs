//! Whether a message still exists. A deletion can be *confirmed* by Discord, which is final, or *inferred* from
//! a reading that did not contain the message. An inferred deletion yields to every later proof of life;
//! together with a confirmed deletion, it only shows that the message was deleted before that reading.

use std::cmp::Reverse;

use chrono::{DateTime, Utc};

use super::MessageId;

/// How a delete became known.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    strum::Display,
    strum::IntoStaticStr,
    strum::EnumString,
)]
#[strum(serialize_all = "snake_case")]
pub enum DeletedBy {
    /// Reported by MESSAGE_DELETE.
    Gateway,
    /// Reported by MESSAGE_DELETE_BULK, as a moderator's purge sends it.
    Bulk,
    /// Reported by CHANNEL_DELETE or THREAD_DELETE of the channel, the thread or the parent channel.
    Channel,
    /// Inferred: two complete readings of exactly its range of the history did not contain the message.
    Rescan,
    /// Inferred: its channel is in no list, and Discord answers that it does not know the channel.
    MissingChannel,
}

impl DeletedBy {
    /// The name in the database and in responses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether Discord reported the delete itself; then nothing reverts it.
    #[must_use]
    pub fn is_told(self) -> bool {
        matches!(self, Self::Gateway | Self::Bulk | Self::Channel)
    }
}

/// Evidence that a message was deleted between two times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone {
    /// The message still existed at this time.
    pub after: DateTime<Utc>,
    /// The delete was noticed at this time, so the message was deleted by then. Never before `after`.
    pub before: DateTime<Utc>,
    /// How the delete was noticed.
    pub by: DeletedBy,
}

impl Gone {
    /// The evidence about a message. The message existed when it was written, whatever a clock says, and a
    /// delete is not noticed before the message last existed.
    #[must_use]
    pub fn new(id: MessageId, after: DateTime<Utc>, before: DateTime<Utc>, by: DeletedBy) -> Self {
        let before = before.max(id.created_at());
        Self {
            after: after.max(id.created_at()).min(before),
            before,
            by,
        }
    }

    /// Of two reported deletes the earlier notice counts; of two at the same time, the one in which the message
    /// existed longest.
    fn earliest(self, other: Self) -> Self {
        let rank = |gone: &Self| (gone.before, gone.by, Reverse(gone.after));
        if rank(&other) < rank(&self) {
            other
        } else {
            self
        }
    }
}

/// The knowledge that a reading did not contain a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Absence {
    /// The delete that follows from it.
    pub gone: Gone,
    /// When the reading was requested; a later proof of life refutes it.
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

/// What is known of a message's existence. Each part only grows, so the join is commutative, associative and
/// idempotent: the earliest confirmed deletion, the latest proof of life, and the latest absence that no proof
/// of life refutes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Life {
    told: Option<Gone>,
    absent: Option<Absence>,
    alive_at: Option<DateTime<Utc>>,
}

impl Life {
    /// The message existed at this time.
    #[must_use]
    pub fn alive(at: DateTime<Utc>) -> Self {
        Self {
            alive_at: Some(at),
            ..Self::default()
        }
    }

    /// Discord reported that the message is deleted.
    #[must_use]
    pub fn told(gone: Gone) -> Self {
        Self {
            told: Some(gone),
            ..Self::default()
        }
    }

    /// A reading that was requested at this time did not contain the message.
    #[must_use]
    pub fn absent(gone: Gone, asked_at: DateTime<Utc>) -> Self {
        Self {
            absent: Some(Absence { gone, asked_at }),
            ..Self::default()
        }
    }

    /// How the message was deleted, if it was. If a reading did not contain the message, it did not exist for
    /// longer than until that reading, even if Discord reported the delete later.
    #[must_use]
    pub fn gone(&self) -> Option<Gone> {
        let inferred = self.absent.map(|absent| absent.gone);
        let Some(told) = self.told else {
            return inferred;
        };
        let after = inferred.map_or(told.after, |inferred| told.after.min(inferred.after));
        Some(Gone { after, ..told })
    }

    /// The delete that Discord reported.
    #[must_use]
    pub fn told_end(&self) -> Option<Gone> {
        self.told
    }

    /// The inferred absence, unless it is refuted.
    #[must_use]
    pub fn absence(&self) -> Option<Absence> {
        self.absent
    }

    /// The last time at which the message certainly existed.
    #[must_use]
    pub fn alive_at(&self) -> Option<DateTime<Utc>> {
        self.alive_at
    }

    /// Merges two pieces of knowledge about one message's existence.
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

/// One of the two, or the combination of both.
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
