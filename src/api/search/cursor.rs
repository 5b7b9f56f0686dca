//! Where a walk over the pages of a search is: the rank of the last hit, and the numbers that the scores of
//! the first page were made of, so that the ranks stay what they were.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::api::problem::{FieldError, Problem};
use crate::derived::search::{Position, Rank};

/// What of a cursor goes to the caller.
#[derive(Serialize, Deserialize)]
struct Written {
    /// The checksum of what was asked.
    q: u32,
    /// The score, as bits.
    s: u32,
    /// The id, turned over where the oldest is first.
    i: u64,
    /// The numbers, a byte each.
    n: String,
}

/// The cursor of the next page of a question.
pub(super) fn write(question: &str, position: &Position) -> Result<String, Problem> {
    let written = Written {
        q: checksum(question),
        s: position.rank.score,
        i: position.rank.id,
        n: URL_SAFE_NO_PAD.encode(&position.statistics),
    };
    let json =
        serde_json::to_vec(&written).map_err(|error| Problem::internal(error.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

/// Reads a cursor; none if it is not one of this question.
pub(super) fn read(question: &str, cursor: &str) -> Option<Position> {
    let json = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let written: Written = serde_json::from_slice(&json).ok()?;
    let statistics = URL_SAFE_NO_PAD.decode(written.n).ok()?;
    let is_score = f32::from_bits(written.s) >= 0.0;
    (written.q == checksum(question) && is_score).then_some(Position {
        rank: Rank {
            score: written.s,
            id: written.i,
        },
        statistics,
    })
}

/// The answer to one of another question.
pub(super) fn of_another_search() -> Problem {
    Problem::parameters(vec![FieldError {
        field: "cursor".to_owned(),
        reason: REASON.into(),
        at: None,
    }])
}

/// Why a cursor was not accepted.
pub(super) const REASON: &str = "is no next_cursor of this search";

fn checksum(question: &str) -> u32 {
    crc32fast::hash(question.as_bytes())
}
