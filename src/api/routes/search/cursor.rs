//! The cursor of a walk over the pages of a search: the rank of the last hit, and the inputs of the first page (the
//! term statistics of its scores, and the time to which relative dates refer), so that they stay the same on all
//! pages.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};

use crate::api::http::problem::Problem;
use crate::derived::search::{Position, Rank};

/// The reason that a rejected cursor is reported with.
pub(crate) const REASON: &str = "must be a next_cursor of this search";

/// A parsed cursor that was not yet compared with the query.
#[derive(Debug, Clone)]
pub(crate) struct Cursor {
    /// The checksum of the query.
    question: u32,
    /// When the first page was requested.
    pub(crate) now: DateTime<Utc>,
    position: Position,
}

/// Encodes the cursor of the next page of a query.
pub(crate) fn write(question: &str, now: DateTime<Utc>, position: &Position) -> String {
    let mut bytes = Vec::with_capacity(24 + position.statistics.len());
    bytes.extend(crc32fast::hash(question.as_bytes()).to_be_bytes());
    bytes.extend(now.timestamp().to_be_bytes());
    bytes.extend(position.rank.score.to_be_bytes());
    bytes.extend(position.rank.id.to_be_bytes());
    bytes.extend(&position.statistics);
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Cursor {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (question, rest) = bytes.split_first_chunk()?;
        let (seconds, rest) = rest.split_first_chunk()?;
        let (score, rest) = rest.split_first_chunk()?;
        let (id, statistics) = rest.split_first_chunk()?;
        let score = u32::from_be_bytes(*score);
        // The bit patterns of non-negative floats have the same order as their values.
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

    /// The position, if the cursor belongs to this query.
    pub(crate) fn of(self, question: &str) -> Option<Position> {
        let is_of_it = self.question == crc32fast::hash(question.as_bytes());
        is_of_it.then_some(self.position)
    }
}

/// The error for a cursor of another query.
pub(crate) fn of_another_search() -> Problem {
    Problem::parameter("cursor", REASON)
}
