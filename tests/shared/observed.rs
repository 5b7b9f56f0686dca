//! Times of observations, for tests that make messages themselves.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::DateTime;
use guildlake::message::Observed;

/// The time of an observation: each call is a microsecond later than the one before.
pub(crate) fn observed() -> Observed {
    static LAST: AtomicI64 = AtomicI64::new(1_940_000_000_000_000);
    let at = LAST.fetch_add(1, Ordering::Relaxed);
    Observed::asked(DateTime::from_timestamp_micros(at).expect("a time"))
}
