//! Anything that can be typed or sent: no panic, no fault of the service's own, nothing that runs on for
//! ever.
//!
//! `GUILDLAKE_SEARCH_QUERIES` sets the number of queries.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use testkit::plan::{rounds, seed};
use testkit::search::{Lake, Messages};

/// Pieces of the query language, and of what people paste.
const PIECES: [&str; 67] = [
    "amber",
    "birch",
    "edited",
    "ember*",
    "de*",
    "\"amber cedar\"",
    "\"",
    "(",
    ")",
    "OR",
    "AND",
    "-",
    "NOT",
    "|",
    "from:ada",
    "from:1000000000000000001",
    "-from:ada",
    "in:general",
    "in:1150000000000000000",
    "mentions:ada",
    "mentions:everyone",
    "has:link",
    "has:file",
    "has:poll",
    "has:reaction",
    "reaction:👍",
    "reaction:<:name:123>",
    "before:2025",
    "after:2025-03",
    "during:2025-05-17",
    "during:monday",
    "after:7d",
    "during:2024-05-01..2026-05-07",
    "before:2023-02-29",
    "pinned:true",
    "is:edited",
    "is:deleted",
    "-is:deleted",
    "is:bot",
    "authorType:user",
    "form:bob",
    "key:value",
    "C++",
    "snake_case",
    "https://example.org/a?b=c:d",
    "<@1000000000000000001>",
    "<:name:123>",
    ":custom:",
    "東京",
    "京*",
    "น้ำ",
    "é",
    "e\u{301}",
    "👩‍👩‍👧",
    "\u{200b}",
    "\u{202e}",
    "\u{0}",
    "\u{fffd}",
    "ﬁ",
    "İ",
    "ß",
    "𝔞",
    "a\\",
    "\\\"",
    "*",
    "18446744073709551615",
    "-9223372036854775808",
];

/// The names of parameters, and values for them.
const PARAMETERS: [(&str, &[&str]); 11] = [
    (
        "guild_id",
        &[
            "1100000000000000000",
            "0",
            "-1",
            "18446744073709551615",
            "a",
        ],
    ),
    (
        "channel_id",
        &[
            "1150000000000000000",
            "9223372036854775807",
            "9223372036854775808",
        ],
    ),
    (
        "from",
        &[
            "2025-01-01T00:00:00Z",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "+262142-12-31T23:59:59Z",
            "x",
        ],
    ),
    (
        "to",
        &[
            "2025-06-01T00:00:00+14:00",
            "1970-01-01T00:00:00Z",
            "2015-01-01T00:00:00Z",
        ],
    ),
    ("include_deleted", &["true", "false", "1"]),
    ("sort", &["relevance", "newest", "oldest", "best"]),
    (
        "time_zone",
        &[
            "UTC",
            "Europe/Paris",
            "America/St_Johns",
            "Pacific/Kiritimati",
            "Mars",
        ],
    ),
    ("limit", &["1", "100", "500", "501", "0", "-1", "1e3"]),
    ("include_raw", &["true", "false"]),
    ("highlights", &["true", "false"]),
    (
        "facets",
        &[
            "channel",
            "author",
            "day",
            "channel,author,day",
            "day,day",
            "",
        ],
    ),
];

/// Numbers that a cursor should not have.
const NUMBERS: [u64; 10] = [
    0,
    1,
    2,
    41,
    0x7f7f_ffff,
    0x7f80_0000,
    0xffff_ffff,
    1 << 53,
    (1 << 63) - 1,
    u64::MAX,
];

/// How long a query may take, a wait for a place included; over the limit of the service itself.
const LONGEST: Duration = Duration::from_secs(12);

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_asked_is_the_fault_of_the_service() {
    let (queries, seed) = (rounds("GUILDLAKE_SEARCH_QUERIES", 600), seed());
    println!("fuzz: seed {seed}, {queries} queries");
    let folder = tempfile::tempdir().unwrap();
    let mut lake = Lake::open(folder.path(), Messages::default());
    lake.add(0, 3_000);
    lake.caught_up().await;
    lake.edit((0..3_000).step_by(7));
    lake.delete((0..3_000).step_by(11));
    lake.caught_up().await;
    let mut dice = StdRng::seed_from_u64(seed);
    let mut slowest = (Duration::ZERO, String::new());
    let (mut found, mut refused, mut none) = (0, 0, 0);
    let mut cursors: Vec<(String, Vec<u8>)> = Vec::new();
    for n in 0..queries {
        let (path, question) = path(&mut dice, &cursors);
        let began = Instant::now();
        let asked = tokio::time::timeout(LONGEST * 10, lake.get(&path)).await;
        let (code, after, body) = asked.unwrap_or_else(|_| panic!("{n}: {path} does not end"));
        let took = began.elapsed();
        assert!(took < LONGEST, "{n}: {path} took {took:?}");
        if took > slowest.0 {
            slowest = (took, path.clone());
        }
        match code {
            200 => {
                let rows = body["data"].as_array().unwrap().len() as u64;
                if let Some(total) = body["total"].as_u64() {
                    assert!(rows <= total, "{n}: {path}: {rows} of {total}");
                    none += usize::from(total == 0);
                }
                if let (Some(cursor), Some(question)) = (body["next_cursor"].as_str(), question) {
                    cursors.push((question, URL_SAFE_NO_PAD.decode(cursor).unwrap()));
                    if cursors.len() > 50 {
                        cursors.remove(0);
                    }
                }
                found += 1;
            }
            400 => refused += 1,
            503 => {
                let known = ["search_too_long", "busy"].map(Value::from);
                assert!(
                    known.contains(&body["code"]) && after.is_some(),
                    "{n}: {path}: {body}"
                );
                refused += 1;
            }
            _ => panic!("{n}: {path}: {code} {body}"),
        }
    }
    println!(
        "fuzz: seed {seed}, {queries} queries over {} messages: {found} answered ({none} with nothing found), \
         {refused} refused, 0 faults; the slowest took {} ms: {}",
        lake.messages.len(),
        slowest.0.as_millis(),
        slowest.1.chars().take(200).collect::<String>()
    );
    // It is as it was.
    lake.compare("afterwards").await;
    lake.compare_phrases().await;
    lake.stop().await;
}

/// A path, and what of it a cursor of its answer is for.
fn path(dice: &mut StdRng, cursors: &[(String, Vec<u8>)]) -> (String, Option<String>) {
    if dice.random_range(0..10) == 0 {
        let filter = ["from", "in", "to"][dice.random_range(0..3)];
        let text = encoded(&text(dice, 4));
        return (
            format!("/v1/search/suggest?filter={filter}&text={text}"),
            None,
        );
    }
    if !cursors.is_empty() && dice.random_range(0..5) == 0 {
        let (question, cursor) = &cursors[dice.random_range(0..cursors.len())];
        let cursor = hostile(cursor.clone(), dice);
        let cursor = URL_SAFE_NO_PAD.encode(cursor);
        return (
            format!("{question}&cursor={cursor}"),
            Some(question.clone()),
        );
    }
    let words = match dice.random_range(0..10) {
        0 => 40,
        1 => 15,
        _ => 4,
    };
    let mut path = format!("/v1/search?q={}", encoded(&text(dice, words)));
    for (name, values) in PARAMETERS {
        let odds = if name == "sort" { 2 } else { 8 };
        if dice.random_range(0..odds) == 0 {
            let value = values[dice.random_range(0..values.len())];
            // Most are good, so that something is asked at all.
            let value = if dice.random_range(0..3) == 0 {
                value
            } else {
                values[0]
            };
            path.push_str(&format!("&{name}={}", encoded(value)));
        }
    }
    if dice.random_range(0..50) == 0 {
        path.push_str("&cursor=");
        path.push_str(&encoded(&text(dice, 2)));
    }
    let question = path.clone();
    (path, Some(question))
}

/// What somebody types: pieces, characters of all kinds, nested, repeated.
fn text(dice: &mut StdRng, pieces: usize) -> String {
    let mut text = String::new();
    for _ in 0..dice.random_range(1..=pieces) {
        match dice.random_range(0..12) {
            0 => text.extend(any(dice, 20)),
            1 => {
                let word: String = any(dice, 6).collect();
                text.push_str(&format!("\"{word} {}\"", PIECES[dice.random_range(0..4)]));
            }
            2 => {
                let deep = dice.random_range(1..20);
                text.push_str(&"(".repeat(deep));
                text.push_str("amber OR birch");
                text.push_str(&")".repeat(deep));
            }
            3 => {
                let letter = char::from(dice.random_range(b'a'..=b'z'));
                text.extend(std::iter::repeat_n(letter, dice.random_range(1..300)));
                text.push('*');
            }
            4 => text.push_str(&format!("-({})", PIECES[dice.random_range(0..8)])),
            _ => text.push_str(PIECES[dice.random_range(0..PIECES.len())]),
        }
        if dice.random_range(0..8) > 0 {
            text.push(' ');
        }
    }
    text
}

fn any(dice: &mut StdRng, most: usize) -> impl Iterator<Item = char> {
    let count = dice.random_range(1..=most);
    (0..count).filter_map(move |_| {
        let most = [0x7f, 0x7ff, 0xffff, 0x10_ffff][dice.random_range(0..4)];
        char::from_u32(dice.random_range(0..=most))
    })
}

/// A cursor with some of its numbers changed: the question's checksum, a time, the bits of a score, an id,
/// and then a byte for each number of the statistics.
fn hostile(mut cursor: Vec<u8>, dice: &mut StdRng) -> Vec<u8> {
    const STATISTICS: usize = 4 + 8 + 4 + 8;
    let number = NUMBERS[dice.random_range(0..NUMBERS.len())].to_be_bytes();
    match dice.random_range(0..8) {
        0 => cursor[4..12].copy_from_slice(&number),
        1 => cursor[12..16].copy_from_slice(&number[4..]),
        2 => cursor[16..24].copy_from_slice(&number),
        3 | 4 => {
            for it in &mut cursor[STATISTICS..] {
                if dice.random_range(0..2) == 0 {
                    *it = dice.random();
                }
            }
        }
        5 => cursor.truncate(dice.random_range(0..=cursor.len())),
        6 => cursor.push(dice.random()),
        _ => {}
    }
    cursor
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
