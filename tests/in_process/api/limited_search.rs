//! A search of a limited key over everything answers, byte for byte, like the same search where only what the key may
//! see was ever stored: hits, scores, totals, facets, warnings, cursors, completions.

use std::collections::BTreeSet;

use axum::http::Method;
use guildlake::guild::{Channel, Limits};
use guildlake::keys::{NewKey, Scope};
use guildlake::message::{ChannelId, GuildId, Message, Observed, Source};
use guildlake::store::Batch;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use testkit::lake::{CHANNEL, GUILD, Lake, minute};
use testkit::payload;
use testkit::plan::{rounds, seed};

/// Guild, parent and type of each channel, by its number.
const CHANNELS: [(i64, Option<i64>, u8); 7] = [
    (GUILD, None, 4),
    (GUILD, Some(0), 0),
    (GUILD, Some(1), 11),
    (GUILD, Some(0), 0),
    (GUILD, None, 0),
    (GUILD + 1, None, 0),
    (GUILD + 1, Some(5), 11),
];

const NAMES: [&str; 6] = ["ada", "bob", "eve", "zoë smith", "ada lovelace", "old#1234"];

const WORDS: [&str; 12] = [
    "apple", "apples", "pear", "plum", "running", "run", "naïve", "東京", "x1", "hello", "world",
    "rare",
];

fn channel(number: usize) -> Channel {
    let (guild, parent, channel_type) = CHANNELS[number];
    let id = |number: i64| ChannelId::try_from(CHANNEL + number).unwrap();
    Channel {
        id: id(number as i64),
        guild_id: GuildId::try_from(guild).unwrap(),
        parent_id: parent.map(id),
        channel_type,
        name: format!("room {}", number % 4),
    }
}

/// The messages of some channels, in commits of their own, so that the index has several segments.
async fn filled(seed: u64, count: i64, keep: &BTreeSet<i64>) -> Lake {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut lake = Lake::new();
    lake.commit(&Batch {
        channels: (0..CHANNELS.len())
            .map(channel)
            .filter(|it| keep.contains(&it.id.as_i64()))
            .collect(),
        ..Batch::default()
    });
    let mut batch = Vec::new();
    for n in 0..count {
        let of = channel(dice.random_range(1..CHANNELS.len()));
        let text: Vec<_> = (0..dice.random_range(1..8))
            .map(|_| WORDS[dice.random_range(0..WORDS.len())])
            .collect();
        let author = dice.random_range(0..NAMES.len());
        let mut payload = payload::message(minute(n), of.id, 500 + author as i64, &text.join(" "));
        payload["author"]["username"] = json!(NAMES[author]);
        if dice.random_bool(0.2) {
            let mentioned = dice.random_range(0..NAMES.len());
            let name = NAMES[mentioned];
            payload["mentions"] = json!([{"id": (500 + mentioned).to_string(), "username": name}]);
        }
        if dice.random_bool(0.2) {
            payload["reactions"] = json!([{"count": 1, "emoji": {"id": null, "name": "👍"}}]);
        }
        if dice.random_bool(0.2) {
            payload["embeds"] =
                json!([{"title": "an apple embed", "description": "of a rare world"}]);
        }
        let (edits, deletes) = (dice.random_bool(0.1), dice.random_bool(0.1));
        let ends_a_commit = n % 60 == 59;
        if keep.contains(&of.id.as_i64()) {
            let observed = |at: i64| {
                let at = 1_940_000_000_000_000 + n * 10 + at;
                Observed::asked(chrono::DateTime::from_timestamp_micros(at).unwrap())
            };
            let mut add = |payload: &Value, at| {
                let read = Message::read(
                    of.guild_id,
                    Source::Rest,
                    observed(at),
                    &payload.to_string(),
                );
                batch.push(read.unwrap());
            };
            add(&payload, 0);
            if edits {
                payload["content"] =
                    json!(format!("{} edited", payload["content"].as_str().unwrap()));
                payload["edited_timestamp"] = json!("2026-06-01T00:00:00.000000+00:00");
                add(&payload, 1);
            }
            if deletes {
                let id = minute(n).try_into().unwrap();
                let at = |text: &str| testkit::lake::at(text);
                let gone = guildlake::message::Gone::new(
                    id,
                    at("2025-05-31T23:59:00Z"),
                    at("2025-06-01T00:00:00Z"),
                    guildlake::message::DeletedBy::Gateway,
                );
                batch.push(Message::told_gone(id, of.guild_id, of.id, gone));
            }
        }
        if ends_a_commit || n + 1 == count {
            lake.commit(&Batch {
                messages: std::mem::take(&mut batch),
                ..Batch::default()
            });
            lake.index().await;
        }
    }
    lake
}

fn term(dice: &mut StdRng) -> String {
    let word = WORDS[dice.random_range(0..WORDS.len())];
    let name = NAMES[dice.random_range(0..NAMES.len())];
    match dice.random_range(0..12) {
        0 => format!("\"{word} {}\"", WORDS[dice.random_range(0..WORDS.len())]),
        1 => format!("{}*", &word.chars().take(2).collect::<String>()),
        2 => format!("from:\"{name}\""),
        3 => "from:nobody".to_owned(),
        4 => format!("mentions:\"{name}\""),
        5 => format!("in:\"room {}\"", dice.random_range(0..5)),
        6 => "reaction:👍".to_owned(),
        7 => "reaction:🎉".to_owned(),
        8 => "has:embed".to_owned(),
        9 => format!("from:{}", 500 + dice.random_range(0..NAMES.len())),
        _ => word.to_owned(),
    }
}

fn question(dice: &mut StdRng) -> String {
    let terms: Vec<_> = (0..dice.random_range(1..4))
        .map(|_| match dice.random_range(0..6) {
            0 => format!("-{}", term(dice)),
            1 => format!("({} OR {})", term(dice), term(dice)),
            _ => term(dice),
        })
        .collect();
    terms.join(" ")
}

/// The page without the revisions, which count commits that the key knows nothing of, and without the cursor.
fn comparable(mut page: Value) -> Value {
    page.as_object_mut().unwrap().remove("as_of_revision");
    page.as_object_mut().unwrap().remove("next_cursor");
    for row in page["data"].as_array_mut().unwrap() {
        if let Some(row) = row.as_object_mut() {
            row.remove("revision");
        }
    }
    page
}

#[tokio::test]
async fn a_limited_search_is_that_of_an_index_without_the_rest() {
    let seed = seed();
    println!("seed {seed} (GUILDLAKE_SEED={seed} plays it again)");
    let questions = rounds("GUILDLAKE_REACH_QUESTIONS", 60);
    let mut dice = StdRng::seed_from_u64(seed);
    let all: Vec<Channel> = (0..CHANNELS.len()).map(channel).collect();
    let everything = all.iter().map(|it| it.id.as_i64()).collect();
    let whole = filled(seed, 400, &everything).await;
    let mut words = 0;
    for (guilds, channels) in [
        (&[][..], &[0][..]),
        (&[], &[4]),
        (&[], &[2, 6]),
        (&[GUILD + 1], &[]),
        (&[GUILD], &[1, 5]),
    ] {
        let limits = Limits {
            guilds: guilds.iter().map(|id| (*id).try_into().unwrap()).collect(),
            channels: channels
                .iter()
                .map(|number| (CHANNEL + number).try_into().unwrap())
                .collect(),
        };
        let reach = limits.reach(&all);
        let seen = all.iter().filter(|it| reach.has(it.guild_id, it.id));
        let seen: BTreeSet<i64> = seen.map(|it| it.id.as_i64()).collect();
        let part = filled(seed, 400, &seen).await;
        let key = |lake: &Lake, names: bool| {
            let new = NewKey {
                name: "limited".to_owned(),
                scopes: [Scope::Search, Scope::Content].into(),
                names,
                limits: limits.clone(),
                expires_at: None,
            };
            lake.key(new).0
        };
        let keys = [true, false].map(|names| (key(&whole, names), key(&part, names)));
        for n in 0..questions {
            let (of_whole, of_part) = &keys[usize::from(n % 4 == 3)];
            let sort = ["relevance", "newest", "oldest"][dice.random_range(0..3)];
            let q = question(&mut dice);
            let form = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("q", &q)
                .append_pair("sort", sort)
                .append_pair("limit", "7")
                .append_pair("facets", "channel,author,day")
                .append_pair(
                    "include_deleted",
                    if dice.random_bool(0.3) {
                        "true"
                    } else {
                        "false"
                    },
                )
                .finish();
            let ask = |lake: &Lake, cursor: &str, key: &str| {
                let path = format!("/v1/search?{form}{cursor}");
                let (router, key) = (lake.router.clone(), key.to_owned());
                async move { testkit::lake::asked(router, Method::GET, &path, &key).await }
            };
            let mut cursors = [String::new(), String::new()];
            for _ in 0..4 {
                let limited = ask(&whole, &cursors[0], of_whole).await;
                let expected = ask(&part, &cursors[1], of_part).await;
                assert_eq!(limited.status, expected.status, "{q}: {}", limited.text());
                if limited.status != 200 {
                    break;
                }
                let pages = [limited.json(), expected.json()];
                words += pages[0]["total"].as_u64().unwrap();
                // A cursor has the time of its walk's first request.
                let next = pages
                    .each_ref()
                    .map(|page| page["next_cursor"].as_str().map(str::to_owned));
                let [limited, expected] = pages.map(comparable);
                assert!(limited == expected, "{q} {sort}\n{limited}\n{expected}");
                let [Some(one), Some(other)] = next else {
                    break;
                };
                cursors = [one, other].map(|cursor| format!("&cursor={cursor}"));
            }
        }
        for text in ["a", "ad", "b", "z", "sm", "room", "r", "o"] {
            for filter in ["from", "in"] {
                let path = format!("/v1/search/suggest?filter={filter}&text={text}");
                let (of_whole, of_part) = &keys[0];
                let limited =
                    testkit::lake::asked(whole.router.clone(), Method::GET, &path, of_whole).await;
                let expected =
                    testkit::lake::asked(part.router.clone(), Method::GET, &path, of_part).await;
                assert_eq!(
                    limited.text(),
                    expected.text(),
                    "{path} {guilds:?} {channels:?}"
                );
            }
        }
    }
    assert!(words > 1_000, "the questions find too little: {words}");
}
