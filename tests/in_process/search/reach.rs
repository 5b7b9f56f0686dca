//! What a limited reader finds: the same as if there were nothing outside of the reach.
//!
//! `GUILDLAKE_SEARCH_REACHES` sets the number of reaches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono_tz::Tz;
use guildlake::derived::search::query::{Clause, Context, parse};
use guildlake::derived::search::{
    Clock, Facets, Highlighter, Place, Position, SearchRequest, Searchable, Sort, Typed,
};
use guildlake::guild::{Limits, Reach};
use guildlake::message::IdRange;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use testkit::community::{Community, NAMES, WORDS, user};
use testkit::lake::{Lake, at};
use testkit::plan::{rounds, seed};

const PATIENCE: Duration = Duration::from_secs(120);

/// Queries for each reach.
const QUERIES: usize = 60;

/// Filters, among them ids and names that only some of the guilds have.
const FILTERS: [&str; 24] = [
    "from:ada",
    "from:erin",
    "from:nobody",
    "mentions:bob",
    "mentions:nobody",
    "mentions:1000000000000000001",
    "mentions:everyone",
    "in:general",
    "in:secret",
    "in:\"a thread\"",
    "in:nowhere",
    "has:link",
    "has:embed",
    "has:image",
    "has:reaction",
    "reaction:👍",
    "reaction:custom",
    "reaction:77",
    "reaction:🦀",
    "is:edited",
    "is:deleted",
    "is:reply",
    "is:bot",
    "during:2025-02",
];

/// Prefixes, alone and at the end of a phrase.
const PREFIXES: [&str; 9] = [
    "rel*",
    "foo-ba*",
    "notes foo-ba*",
    "snake_ca*",
    "youtube.co*",
    "example.or*",
    "https://example.xy*",
    "東京*",
    "no*",
];

/// What is asked.
struct Question {
    q: String,
    clause: Option<Clause>,
    sort: Sort,
    include_deleted: bool,
    facets: Facets,
    limit: usize,
}

/// All of an answer, in comparable form.
#[derive(Debug, PartialEq)]
struct Answer {
    hits: Vec<(i64, i64, u32)>,
    next: Option<Position>,
    total: u64,
    counts: String,
    warnings: String,
}

impl Question {
    fn new(dice: &mut StdRng) -> Self {
        let q = text(dice, 3);
        let context = Context {
            now: at("2025-03-01T00:00:00Z"),
            zone: Tz::UTC,
        };
        let clause = parse(&q, &context).unwrap_or_else(|mistake| panic!("{q}: {mistake}"));
        Self {
            clause,
            sort: *[Sort::Relevance, Sort::Relevance, Sort::Newest, Sort::Oldest]
                .choose(dice)
                .unwrap(),
            include_deleted: dice.random(),
            facets: Facets {
                channel: dice.random(),
                author: dice.random(),
                day: dice.random(),
            },
            limit: dice.random_range(1..20),
            q,
        }
    }

    /// The answer of an index; an error as text.
    fn ask(
        &self,
        index: &Searchable,
        community: &Community,
        (reach, channels): (&Reach, &Reach),
        after: Option<Position>,
    ) -> Result<Answer, String> {
        let (clock, _leave_on_drop) = Clock::until(Instant::now() + PATIENCE);
        let found = index.find(&SearchRequest {
            clause: self.clause.clone(),
            reach: reach.clone(),
            names: true,
            guild_id: None,
            channel_id: None,
            range: IdRange::ALL,
            include_deleted: self.include_deleted,
            sort: self.sort,
            after,
            limit: self.limit,
            facets: self.facets,
            zone: Tz::Europe__Paris,
            channels_named: &|name| community.channels_named(name, channels),
            clock,
        });
        let found = found.map_err(|error| error.to_string())?.unwrap();
        let hits = found.hits.iter().map(|hit| {
            (
                hit.message_id.as_i64(),
                hit.channel_id.as_i64(),
                hit.score.to_bits(),
            )
        });
        Ok(Answer {
            hits: hits.collect(),
            next: found.next,
            total: found.total,
            counts: format!("{:?}", found.counts),
            warnings: format!("{:?}", found.warnings),
        })
    }
}

fn text(dice: &mut StdRng, pieces: usize) -> String {
    let mut text = Vec::new();
    for _ in 0..dice.random_range(1..=pieces) {
        let minus = if dice.random_range(0..5) == 0 {
            "-"
        } else {
            ""
        };
        let piece = match dice.random_range(0..10) {
            0..3 => (*WORDS.choose(dice).unwrap()).to_owned(),
            3 => format!(
                "\"{} {}\"",
                WORDS[dice.random_range(0..4)],
                WORDS.choose(dice).unwrap()
            ),
            4 => (*PREFIXES.choose(dice).unwrap()).to_owned(),
            5 => format!(
                "({} OR {})",
                WORDS.choose(dice).unwrap(),
                FILTERS.choose(dice).unwrap()
            ),
            6 => format!("from:{}", user(dice.random_range(0..8))),
            _ => (*FILTERS.choose(dice).unwrap()).to_owned(),
        };
        text.push(format!("{minus}{piece}"));
    }
    text.join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limited_answer_is_that_of_an_index_with_nothing_else() {
    let (reaches, seed) = (rounds("GUILDLAKE_SEARCH_REACHES", 6), seed());
    println!("reaches: seed {seed}, {reaches} reaches");
    let mut dice = StdRng::seed_from_u64(seed);
    let community = Community::new(seed, 400);
    let everything = community.record(&Reach::EVERYTHING, &mut dice).await;
    let (mut asked, mut found, mut pages) = (0, 0, 0);
    for n in 0..reaches {
        let reach = community.reach(&mut dice);
        let part = community.record(&reach, &mut dice).await;
        let (full, part) = (index(&everything), index(&part));
        for _ in 0..QUERIES {
            let question = Question::new(&mut dice);
            let what = format!(
                "seed {seed}, reach {n} {reach:?}: {}, {:?}",
                question.q, question.sort
            );
            let (mut after, mut walked) = (None, Vec::new());
            loop {
                let limited = question.ask(&full, &community, (&reach, &reach), after.clone());
                let same = question.ask(&part, &community, (&reach, &reach), after.clone());
                assert_eq!(limited, same, "{what}");
                let Ok(limited) = limited else { break };
                if after.is_none() {
                    let all = (&Reach::EVERYTHING, &reach);
                    let all = question.ask(&part, &community, all, None).unwrap();
                    assert_eq!(
                        (limited.total, &limited.counts, &limited.warnings),
                        (all.total, &all.counts, &all.warnings),
                        "{what}"
                    );
                }
                walked.extend(limited.hits.iter().map(|(id, ..)| *id));
                pages += 1;
                after = limited.next;
                if after.is_none() {
                    assert_eq!(walked.len() as u64, limited.total, "{what}");
                    break;
                }
            }
            asked += 1;
            found += usize::from(!walked.is_empty());
            let distinct: std::collections::BTreeSet<_> = walked.iter().collect();
            assert_eq!(distinct.len(), walked.len(), "{what}: a hit twice");
        }
        for prefix in ["", "a", "ca", "b", "nobody"] {
            let limited = suggested(&full, prefix, &reach);
            assert_eq!(
                limited,
                suggested(&part, prefix, &reach),
                "seed {seed}, {reach:?}: {prefix}"
            );
            assert_eq!(
                limited,
                suggested(&part, prefix, &Reach::EVERYTHING),
                "seed {seed}, {reach:?}: {prefix}"
            );
        }
    }
    println!("reaches: {asked} queries on {pages} pages, {found} found something");
    assert!(found > asked / 4, "the queries find too little to compare");
}

/// All that suggestions are made of.
fn suggested(index: &Searchable, prefix: &str, reach: &Reach) -> String {
    let (clock, _leave_on_drop) = Clock::until(Instant::now() + PATIENCE);
    let typed = Typed {
        prefix: prefix.to_owned(),
        reach: reach.clone(),
        guild_id: None,
    };
    let authors = index.authors_beginning(&typed, &clock).unwrap();
    let written = authors.iter().flat_map(|(author, ..)| {
        let under = |name: &&str| {
            index
                .written(*author, name, &[(*name).to_owned()], &typed, &clock)
                .unwrap()
        };
        NAMES.iter().map(under).collect::<Vec<_>>()
    });
    let written: Vec<_> = written.collect();
    format!("{authors:?} {written:?}")
}

fn index(lake: &Lake) -> Arc<Searchable> {
    lake.indexer.search().now().unwrap()
}

/// tantivy refuses a phrase whose last word can be any of thousands, and counts them in all messages.
#[tokio::test(flavor = "multi_thread")]
async fn how_many_words_others_use_does_not_show() {
    let mut dice = StdRng::seed_from_u64(1);
    let community = Community::new(1, 50);
    let mut lake = community.record(&Reach::EVERYTHING, &mut dice).await;
    let many: Vec<String> = (0..5_000).map(|n| format!("foo-xa{n}")).collect();
    let texts = many.chunks(100).map(|words| words.join(" "));
    // The kit's own channel is none of the community.
    lake.add(
        (0..)
            .zip(texts)
            .map(|(n, text)| testkit::lake::payload(testkit::lake::minute(n), &text)),
    );
    lake.index().await;
    let index = index(&lake);
    let question = |q: &str| Question {
        q: q.to_owned(),
        clause: parse(
            q,
            &Context {
                now: at("2025-03-01T00:00:00Z"),
                zone: Tz::UTC,
            },
        )
        .unwrap(),
        sort: Sort::Relevance,
        include_deleted: false,
        facets: Facets::default(),
        limit: 100,
    };
    let everybody = question("foo-xa*").ask(
        &index,
        &community,
        (&Reach::EVERYTHING, &Reach::EVERYTHING),
        None,
    );
    assert!(everybody.unwrap_err().contains("expansions"));
    let limits = Limits {
        guilds: [community.guilds[1].id].into(),
        ..Limits::default()
    };
    let reach = limits.reach(&community.channels);
    let limited = question("foo-xa*").ask(&index, &community, (&reach, &reach), None);
    assert_eq!(limited.unwrap().total, 0);
    let limits = Limits {
        channels: [testkit::lake::CHANNEL.try_into().unwrap()].into(),
        ..Limits::default()
    };
    let reach = limits.reach(&community.channels);
    let limited = question("foo-xa*").ask(&index, &community, (&reach, &reach), None);
    assert_eq!(limited.unwrap().total, 50);
}

/// Without names, no word finds a message by the name of a mentioned user, and none is shown.
#[tokio::test(flavor = "multi_thread")]
async fn without_names_words_are_not_sought_in_them() {
    let mut lake = Lake::new();
    let mut payload: serde_json::Value = serde_json::from_str(&testkit::lake::payload(
        testkit::lake::minute(0),
        "hello <@5>",
    ))
    .unwrap();
    payload["mentions"] = serde_json::json!([{"id": "5", "username": "zoe"}]);
    lake.add([payload.to_string()]);
    lake.index().await;
    let index = index(&lake);
    for (q, names, expected) in [
        ("zoe", true, 1),
        ("zoe", false, 0),
        ("zo*", true, 1),
        ("zo*", false, 0),
        ("hello", false, 1),
    ] {
        let context = Context {
            now: at("2025-03-01T00:00:00Z"),
            zone: Tz::UTC,
        };
        let (clock, _leave_on_drop) = Clock::until(Instant::now() + PATIENCE);
        let clause = parse(q, &context).unwrap();
        let hits = index.find(&SearchRequest {
            clause: clause.clone(),
            reach: Reach::EVERYTHING,
            names,
            guild_id: None,
            channel_id: None,
            range: IdRange::ALL,
            include_deleted: false,
            sort: Sort::Relevance,
            after: None,
            limit: 10,
            facets: Facets::default(),
            zone: Tz::UTC,
            channels_named: &|_| Vec::new(),
            clock,
        });
        assert_eq!(hits.unwrap().unwrap().total, expected, "{q} {names}");
        let highlighter = Highlighter::new(&clause.unwrap()).unwrap();
        let shown =
            |highlighter: &Highlighter| highlighter.in_text(Place::Mention, "zoe").is_some();
        assert_eq!(shown(&highlighter), q.starts_with('z'));
        assert!(!shown(&highlighter.without_names()));
    }
}
