//! Where a walk over the pages of a search is: the rank of the last hit, and what the first page was made
//! with (the numbers of its scores, the time that its dates are relative to), so that both stay what they
//! were.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};

use crate::api::problem::{FieldError, Problem};
use crate::derived::search::{Position, Rank};

/// Why a cursor was not accepted.
pub(super) const REASON: &str = "is no next_cursor of this search";

/// A cursor, not yet known to be of a question.
#[derive(Debug, Clone)]
pub(super) struct Cursor {
    /// The checksum of what was asked.
    question: u32,
    /// When the first page was.
    pub(super) now: DateTime<Utc>,
    position: Position,
}

/// The cursor of the next page of a question.
pub(super) fn write(question: &str, now: DateTime<Utc>, position: &Position) -> String {
    let mut bytes = Vec::with_capacity(24 + position.statistics.len());
    bytes.extend(crc32fast::hash(question.as_bytes()).to_be_bytes());
    bytes.extend(now.timestamp().to_be_bytes());
    bytes.extend(position.rank.score.to_be_bytes());
    bytes.extend(position.rank.id.to_be_bytes());
    bytes.extend(&position.statistics);
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Cursor {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (question, rest) = bytes.split_first_chunk()?;
        let (seconds, rest) = rest.split_first_chunk()?;
        let (score, rest) = rest.split_first_chunk()?;
        let (id, statistics) = rest.split_first_chunk()?;
        let score = u32::from_be_bytes(*score);
        // The bits of numbers that are not negative are in their order.
        let is_score = f32::from_bits(score) >= 0.0 && score >> 31 == 0;
        is_score.then_some(Self {
            question: u32::from_be_bytes(*question),
            now: DateTime::from_timestamp(i64::from_be_bytes(*seconds), 0)?,
            position: Position {
                rank: Rank {
                    score,
                    id: u64::from_be_bytes(*id),
                },
                statistics: statistics.to_vec(),
            },
        })
    }

    /// Where it is, if it is of this question.
    pub(super) fn of(self, question: &str) -> Option<Position> {
        let is_of_it = self.question == crc32fast::hash(question.as_bytes());
        is_of_it.then_some(self.position)
    }
}

/// The answer to one of another question.
pub(super) fn of_another_search() -> Problem {
    Problem::parameters(vec![FieldError {
        field: "cursor".to_owned(),
        reason: REASON.into(),
        at: None,
    }])
}
