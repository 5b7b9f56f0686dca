//! What Discord sends, made by hand, and the times at which it is observed.

use std::fmt::Display;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, SecondsFormat};
use guildlake::message::{Observed, snowflake_time};
use serde_json::{Value, json};

/// A message as Discord sends it, with the fields that the service reads. A test sets what it is about:
///
/// ```ignore
/// let mut payload = payload::message(id, channel, author, "text");
/// payload["edited_timestamp"] = json!("2026-06-01T00:00:00.000000+00:00");
/// lake.add([payload.to_string()]);
/// ```
pub fn message(id: i64, channel: impl Display, author: impl Display, content: &str) -> Value {
    json!({
        "id": id.to_string(),
        "channel_id": channel.to_string(),
        "author": {"id": author.to_string(), "username": "ada"},
        "content": content,
        "timestamp": snowflake_time(id).to_rfc3339_opts(SecondsFormat::Micros, false),
        "edited_timestamp": null,
        "type": 0,
        "attachments": [],
        "embeds": [],
    })
}

/// The time of an observation: each call is a microsecond later than the one before.
pub fn observed() -> Observed {
    static LAST: AtomicI64 = AtomicI64::new(1_940_000_000_000_000);
    let at = LAST.fetch_add(1, Ordering::Relaxed);
    Observed::asked(DateTime::from_timestamp_micros(at).expect("a time"))
}
