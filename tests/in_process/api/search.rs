//! Search: what is found, in which order, page by page and as a download; what is refused, and where the
//! query is wrong.

use axum::http::Method;
use guildlake::message::{ChannelId, Counted, GuildId, Message, MessageId, Source, Step, Tally};
use guildlake::store::Batch;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use testkit::lake::{Answer, CHANNEL, GUILD, Ids, Lake, minute, payload};
use testkit::payload::observed;
use testkit::plan::seed;

fn encoded(q: &str) -> String {
    percent_encoding::utf8_percent_encode(q, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A payload with some fields put in the place of the usual ones.
fn with(id: i64, content: &str, fields: &Value) -> String {
    let mut payload: Value = serde_json::from_str(&payload(id, content)).unwrap();
    for (name, value) in fields.as_object().unwrap() {
        payload[name] = value.clone();
    }
    payload.to_string()
}

async fn search(lake: &Lake, q: &str) -> Answer {
    lake.get(&format!("/v1/search?q={}", encoded(q))).await
}

/// Which of the messages a query finds, by their minutes, the oldest first.
async fn minutes(lake: &Lake, q: &str) -> Vec<i64> {
    let path = format!("/v1/search?sort=oldest&q={}", encoded(q));
    let ids = lake.get(&path).await.json().ids();
    let number = |id: i64| (0..1_000).find(|n| minute(*n) == id).unwrap();
    ids.into_iter().map(number).collect()
}

/// A lake with these messages, a minute apart, indexed.
async fn lake(contents: &[&str]) -> Lake {
    let mut lake = Lake::new();
    let payloads = contents.iter().enumerate();
    lake.add(payloads.map(|(n, content)| payload(minute(n as i64), content)));
    lake.index().await;
    lake
}

#[tokio::test]
async fn words_phrases_and_operators() {
    let lake = lake(&[
        "the release notes are here",        // 0
        "notes of the last release",         // 1
        "Déjà vu",                           // 2
        "deja-vu again",                     // 3
        "release candidate",                 // 4
        "nothing of it",                     // 5
        "東京タワーに行きました",            // 6
        "snake_case and camelCase in C++",   // 7
        "https://www.youtube.com/watch?v=1", // 8
    ])
    .await;
    for (q, expected) in [
        ("release", vec![0, 1, 4]),
        ("release notes", vec![0, 1]),
        ("\"release notes\"", vec![0]),
        ("release -notes", vec![4]),
        ("candidate OR nothing", vec![4, 5]),
        ("rel*", vec![0, 1, 4]),
        ("deja", vec![2, 3]),
        ("déjà", vec![2, 3]),
        ("DEJA", vec![2, 3]),
        ("タワー", vec![6]),
        ("京タ", vec![6]),
        ("snake_case", vec![7]),
        ("camelcase", vec![7]),
        ("camel", vec![7]),
        ("c++", vec![7]),
        ("youtube.com", vec![8]),
        ("has:link", vec![8]),
        ("releases", vec![0, 1, 4]),
        ("\"releases\"", vec![]),
        ("-release -deja", vec![5, 6, 7, 8]),
        ("before:2025", vec![]),
        ("during:2025-01-01 release", vec![0, 1, 4]),
        ("nowhere", vec![]),
    ] {
        assert_eq!(minutes(&lake, q).await, expected, "{q}");
    }
}

#[tokio::test]
async fn filters_by_what_a_message_is_and_has() {
    let mut lake = Lake::new();
    let ben = json!({"author": {"id": "1000000000000000002", "username": "ben", "global_name": "Big Ben"}});
    lake.add([
        with(minute(0), "plain", &json!({})),
        with(minute(1), "by ben", &ben),
        with(minute(2), "to ben <@1000000000000000002>", &json!({
            "mentions": [{"id": "1000000000000000002", "username": "ben", "global_name": "Big Ben"}],
        })),
        with(minute(3), "a file", &json!({
            "attachments": [{"id": "1", "filename": "quarterly_report.png", "content_type": "image/png", "description": "A bar chart"}],
        })),
        with(minute(4), "an embed", &json!({
            "embeds": [{"type": "rich", "title": "Changelog", "fields": [{"name": "Fixes", "value": "Many crashes"}]}],
        })),
        with(minute(5), "", &json!({
            "poll": {"question": {"text": "Which colour?"}, "answers": [{"poll_media": {"text": "Turquoise"}}]},
        })),
        with(minute(6), "a reply", &json!({"type": 19})),
        with(minute(7), "a bot", &json!({"author": {"id": "5", "username": "robot", "bot": true}})),
        with(minute(8), "pinned", &json!({"pinned": true})),
        with(minute(9), "", &json!({
            "message_reference": {"type": 1, "message_id": "1"},
            "message_snapshots": [{"message": {"content": "forwarded wisdom", "embeds": [], "attachments": []}}],
        })),
        with(minute(10), "", &json!({
            "components": [{"type": 17, "components": [{"type": 10, "content": "A textual component"}, {"type": 2, "label": "Press me"}]}],
        })),
        with(minute(11), "edited", &json!({"edited_timestamp": "2025-01-02T00:00:00Z"})),
        with(minute(12), "@everyone hear", &json!({"mention_everyone": true})),
        with(minute(13), "a sticker", &json!({"sticker_items": [{"id": "9", "name": "Wumpus waves"}]})),
    ]);
    lake.index().await;
    for (q, expected) in [
        ("from:ben", vec![1]),
        ("from:\"big ben\"", vec![1]),
        ("from:1000000000000000002", vec![1]),
        ("-from:ada", vec![1, 7]),
        ("from:ben from:robot", vec![1, 7]),
        ("mentions:ben", vec![2]),
        ("mentions:1000000000000000002", vec![2]),
        ("mentions:everyone", vec![12]),
        ("has:file", vec![3]),
        ("has:image", vec![3]),
        ("has:embed", vec![4]),
        ("has:poll", vec![5]),
        ("has:forward", vec![9]),
        ("has:sticker", vec![13]),
        ("is:reply", vec![6]),
        ("is:bot", vec![7]),
        ("is:edited", vec![11]),
        ("pinned:true", vec![8]),
        ("report", vec![3]),
        ("chart", vec![3]),
        ("crashes", vec![4]),
        ("turquoise", vec![5]),
        ("wisdom", vec![9]),
        ("textual", vec![10]),
        ("press", vec![10]),
        ("wumpus", vec![13]),
        ("big", vec![2]),
    ] {
        assert_eq!(minutes(&lake, q).await, expected, "{q}");
    }
    lake.delete(minute(0));
    lake.index().await;
    assert_eq!(minutes(&lake, "plain").await, Vec::<i64>::new());
    assert_eq!(minutes(&lake, "plain is:deleted").await, [0]);
    let with_deleted = lake.get("/v1/search?q=plain&include_deleted=true").await;
    assert_eq!(with_deleted.json().ids(), [minute(0)]);
}

/// One reaction more, one less, or all of an emoji taken away, as the socket tells it.
fn reacted(id: i64, emoji: (&str, Option<&str>), step: Step) -> Message {
    let of = Counted {
        key: emoji.0.to_owned(),
        name: emoji.1.map(str::to_owned),
    };
    let id = MessageId::try_from(id).unwrap();
    let guild = GuildId::try_from(GUILD).unwrap();
    Message {
        reactions: Tally::change(observed(), of, step, false),
        ..Message::unknown(id, guild, ChannelId::try_from(CHANNEL).unwrap())
    }
}

fn reaction(id: Option<&str>, name: &str, count: i64) -> Value {
    json!({"emoji": {"id": id, "name": name}, "count": count})
}

#[tokio::test]
async fn reactions_are_found_by_emoji_name_and_id() {
    let mut lake = Lake::new();
    let reactions = [
        json!([]),
        json!([reaction(None, "👍", 3), reaction(None, "❤\u{fe0f}", 1)]),
        json!([reaction(None, "👍🏽", 1)]),
        json!([reaction(None, "❤", 1)]),
        json!([reaction(Some("900000000000000001"), "Party_Blob", 2)]),
        json!([reaction(Some("900000000000000002"), "party_blob", 1)]),
        json!([reaction(None, "👍", 0)]),
        json!([
            reaction(None, "🇫🇷", 1),
            reaction(None, "1\u{fe0f}\u{20e3}", 1)
        ]),
        // A name of digits, one that folds like a sign, and a sign of Unicode that is a letter too.
        json!([reaction(
            Some("900000000000000003"),
            "900000000000000001",
            1
        )]),
        json!([reaction(Some("900000000000000004"), "tm", 1)]),
        json!([
            reaction(None, "™\u{fe0f}", 1),
            reaction(None, "👩🏽‍❤\u{fe0f}‍👩🏿", 1)
        ]),
        json!([{"emoji": {"id": null, "name": null}, "count": 1}, {"count": 1}, 5]),
    ];
    lake.add(reactions.iter().enumerate().map(|(n, reactions)| {
        let fields = json!({"reactions": reactions});
        with(minute(n as i64), "👎 thumb", &fields)
    }));
    lake.index().await;
    for (q, expected) in [
        ("has:reaction", vec![1, 2, 3, 4, 5, 7, 8, 9, 10]),
        ("-has:reaction", vec![0, 6, 11]),
        ("reaction:👍", vec![1, 2]),
        ("reaction:👍🏽", vec![2]),
        ("reaction:👍 -reaction:👍🏽", vec![1]),
        ("reaction:❤", vec![1, 3]),
        ("reaction:❤\u{fe0f}", vec![1, 3]),
        ("reaction:👎", vec![]),
        ("reaction:🇫🇷", vec![7]),
        ("reaction:1\u{20e3}", vec![7]),
        ("reaction:party_blob", vec![4, 5]),
        ("reaction: :PARTY_BLOB:", vec![4, 5]),
        ("reaction::party_blob:", vec![4, 5]),
        ("reaction:900000000000000001", vec![4]),
        ("reaction:<:renamed:900000000000000001>", vec![4]),
        ("reaction:<a:renamed:900000000000000002>", vec![5]),
        ("reaction:\"900000000000000001\"", vec![8]),
        ("reaction:tm", vec![9]),
        ("reaction:™", vec![10]),
        ("reaction:👩‍❤\u{fe0f}‍👩", vec![10]),
        ("reaction:👩🏽‍❤‍👩🏿", vec![10]),
        ("reaction:👩🏽‍❤‍👩", vec![]),
        ("reaction:👍 reaction:❤", vec![1]),
        ("reaction:👍 OR reaction:tm", vec![1, 2, 9]),
        ("thumb reaction:tm", vec![9]),
    ] {
        assert_eq!(minutes(&lake, q).await, expected, "{q}");
    }
    let page = search(&lake, "thumb reaction:thumbsup").await.json();
    assert_eq!(page["total"], 0);
    assert_eq!(page["warnings"][0]["at"], json!([6, 23]), "{page}");
    let problem = search(&lake, "reaction:<:wave>").await;
    let problem = problem.is_problem(400, "invalid_parameter");
    assert_eq!(problem["errors"][0]["at"], json!([9, 16]), "{problem}");
}

#[tokio::test]
async fn a_reaction_is_found_while_it_is_there() {
    let (thumb, own) = (("👍", None), ("900000000000000001", Some("wave")));
    let mut lake = Lake::new();
    lake.add_minutes(4);
    lake.index().await;
    let none = Vec::<i64>::new();
    assert_eq!(minutes(&lake, "has:reaction").await, none);
    let mut tell = async |news: Vec<Message>| {
        lake.commit(&Batch {
            messages: news,
            ..Batch::default()
        });
        lake.index().await;
        let mut found = Vec::new();
        for q in ["has:reaction", "reaction:👍", "reaction:wave"] {
            found.push(minutes(&lake, q).await);
        }
        found
    };
    let added = vec![
        reacted(minute(1), thumb, Step::Added),
        reacted(minute(2), thumb, Step::Added),
        reacted(minute(2), own, Step::Added),
        reacted(minute(3), own, Step::Added),
    ];
    assert_eq!(tell(added).await, [vec![1, 2, 3], vec![1, 2], vec![2, 3]]);
    let taken = vec![
        reacted(minute(1), thumb, Step::Removed),
        reacted(minute(2), own, Step::Cleared),
    ];
    assert_eq!(tell(taken).await, [vec![2, 3], vec![2], vec![3]]);
    // All are taken away, and a page of history shows other ones.
    let id = MessageId::try_from(minute(3)).unwrap();
    let guild = GuildId::try_from(GUILD).unwrap();
    let cleared = Message {
        reactions: Tally::whole(observed(), true, Vec::new()),
        ..Message::unknown(id, guild, ChannelId::try_from(CHANNEL).unwrap())
    };
    let page = with(
        minute(0),
        "message",
        &json!({"reactions": [reaction(None, "👍", 9)]}),
    );
    let page = Message::read(guild, Source::Rest, observed(), &page).unwrap();
    assert_eq!(
        tell(vec![cleared, page]).await,
        [vec![0, 2], vec![0, 2], vec![]]
    );
    lake.delete(minute(2));
    lake.index().await;
    assert_eq!(minutes(&lake, "reaction:👍").await, [0]);
    assert_eq!(minutes(&lake, "reaction:👍 is:deleted").await, [2]);
}

#[tokio::test]
async fn a_page_has_scores_highlights_total_and_facets() {
    let lake = lake(&["<b>fish</b> & chips", "fish", "fishes and a fish"]).await;
    let path = format!("/v1/search?q=fish&guild_id={GUILD}&facets=channel,author,day&limit=2");
    let page = lake.get(&path).await.json();
    assert_eq!(page["total"], 3);
    assert_eq!(page["data"].as_array().unwrap().len(), 2);
    assert_eq!(page["has_more"], true);
    assert_eq!(page["as_of_revision"], 1);
    assert!(page["data"][0]["score"].as_f64() >= page["data"][1]["score"].as_f64());
    assert_eq!(page["facets"]["channel"][0]["count"], 3);
    assert_eq!(page["facets"]["author"][0]["name"], "ada");
    assert_eq!(
        page["facets"]["day"],
        json!([{"day": "2025-01-01", "count": 3}])
    );
    let all = lake.get("/v1/search?q=fish&sort=oldest").await.json();
    assert_eq!(
        all["data"][0]["highlights"],
        json!([{"field": "content", "html": "&lt;b&gt;<mark>fish</mark>&lt;/b&gt; &amp; chips", "offsets": [[3, 7]]}])
    );
    assert_eq!(all["data"][0]["score"], Value::Null);
    assert!(all["data"][0].get("raw_json").is_none());
    let raw = lake
        .get("/v1/search?q=fish&include_raw=true&limit=1")
        .await
        .json();
    assert!(raw["data"][0]["raw_json"].is_object());
}

#[tokio::test]
async fn a_walk_gives_every_hit_once_while_others_come() {
    let mut lake = Lake::new();
    lake.add((0..60).map(|n| payload(minute(n), &"fish ".repeat(1 + n as usize % 7))));
    lake.index().await;
    for sort in ["relevance", "newest", "oldest"] {
        let mut found = Vec::new();
        let mut cursor = String::new();
        let mut more = 100;
        loop {
            let path = format!("/v1/search?q=fish&limit=7&sort={sort}{cursor}");
            let page = lake.get(&path).await.json();
            found.extend(page.ids());
            let Some(next) = page["next_cursor"].as_str() else {
                break;
            };
            cursor = format!("&cursor={next}");
            // What comes meanwhile changes how rare the word is, and so every score.
            lake.add((0..5).map(|n| payload(minute(more + n), "other words")));
            lake.index().await;
            more += 5;
        }
        found.sort_unstable();
        let expected: Vec<i64> = (0..60).map(minute).collect();
        assert_eq!(found, expected, "{sort}");
    }
}

#[tokio::test]
async fn a_bad_query_points_at_the_character() {
    let lake = lake(&["word"]).await;
    for (q, at) in [
        ("\"open", json!([0, 1])),
        ("a (b", json!([2, 3])),
        ("été has:car", json!([8, 11])),
    ] {
        let problem = search(&lake, q).await.is_problem(400, "invalid_parameter");
        assert_eq!(problem["errors"][0]["field"], "q");
        assert_eq!(problem["errors"][0]["at"], at, "{q}: {problem}");
    }
    for (path, field) in [
        ("/v1/search?q=a&sort=best", "sort"),
        ("/v1/search?q=a&limit=0", "limit"),
        ("/v1/search?q=a&limit=501", "limit"),
        ("/v1/search?q=a&cursor=abc", "cursor"),
        ("/v1/search?q=a&facets=guild", "facets"),
        ("/v1/search?q=a&facets=day,day", "facets"),
        ("/v1/search?q=a&time_zone=Mars", "time_zone"),
        ("/v1/search?q=a&colour=red", "colour"),
        ("/v1/search?q=", "q"),
        ("/v1/search.csv?q=a&limit=3", "limit"),
        ("/v1/search/suggest?filter=from", "text"),
        ("/v1/search/suggest?filter=to&text=a", "filter"),
    ] {
        let fields = lake.get(path).await.bad_fields();
        assert!(fields.contains_key(field), "{path}: {fields:?}");
    }
    let page = lake
        .get("/v1/search?q=word&sort=relevance&limit=1")
        .await
        .json();
    assert_eq!(page["next_cursor"], Value::Null);
}

#[tokio::test]
async fn a_cursor_of_another_search_is_refused() {
    let lake = lake(&["one word", "two words", "three words"]).await;
    let page = search(&lake, "words").await.json();
    assert_eq!(page["total"], 3);
    let page = lake.get("/v1/search?q=words&limit=1").await.json();
    let cursor = page["next_cursor"].as_str().unwrap();
    let other = lake
        .get(&format!("/v1/search?q=word&limit=1&cursor={cursor}"))
        .await;
    assert!(other.bad_fields().contains_key("cursor"));
}

#[tokio::test]
async fn warnings_say_what_was_gone_on_without() {
    let lake = lake(&["word"]).await;
    let page = search(&lake, "word from:nobody").await.json();
    assert_eq!(page["total"], 0);
    assert_eq!(page["warnings"][0]["at"], json!([5, 16]));
    let page = search(&lake, "word ???").await.json();
    assert_eq!(page["total"], 1);
    assert_eq!(page["warnings"][0]["at"], json!([5, 8]));
    // What can't be looked for rules nothing out, and lets nothing in.
    for (q, total) in [("word -???", 1), ("nothing OR ???", 0), ("-???", 1)] {
        assert_eq!(search(&lake, q).await.json()["total"], total, "{q}");
    }
}

#[tokio::test]
async fn what_costs_too_much_is_refused_and_points_at_the_place() {
    let lake = lake(&["the company of the co-operative"]).await;
    let stars = (0..9).map(|n| format!("w{n}{n}*")).collect::<Vec<_>>();
    let problem = search(&lake, &stars.join(" ")).await.problem();
    assert_eq!(problem["errors"][0]["at"], json!([40, 44]), "{problem}");
    let long = format!("\"{}\"", "word ".repeat(129));
    assert!(search(&lake, &long).await.bad_fields()["q"].contains("128 words"));
    for q in ["the-xo*", "the-co*"] {
        let total = search(&lake, q).await.json()["total"].clone();
        assert_eq!(total, i32::from(q == "the-co*"), "{q}");
    }
}

/// Scores of three words are the same sum in every segment, however rare each word is there.
#[tokio::test]
async fn a_walk_over_equal_hits_survives_merges() {
    let mut lake = Lake::new();
    let text = "apple banana cherry";
    for part in 0..12 {
        // Each part makes another of the three the rarest.
        lake.add((0..5).map(|n| payload(minute(part * 100 + n), text)));
        let filler = ["apple", "banana", "cherry"][part as usize % 3];
        lake.add((5..30).map(|n| payload(minute(part * 100 + n), filler)));
        lake.index().await;
    }
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/search?q=apple%20banana%20cherry&limit=7{cursor}");
        let page = lake.get(&path).await.json();
        let scores = page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|hit| &hit["score"]);
        assert!(
            scores
                .collect::<Vec<_>>()
                .windows(2)
                .all(|two| two[0] == two[1])
        );
        found.extend(page.ids());
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
        lake.update(&payload(minute(2_000 + found.len() as i64), "other"));
        lake.index().await;
    }
    found.sort_unstable();
    let expected: Vec<i64> = (0..12)
        .flat_map(|part| (0..5).map(move |n| minute(part * 100 + n)))
        .collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn the_name_of_a_message_whose_content_is_removed_is_not_known() {
    let mut lake = Lake::that_blanks();
    lake.add([payload(minute(0), "word")]);
    lake.index().await;
    assert_eq!(search(&lake, "from:ada").await.json()["total"], 1);
    lake.delete(minute(0));
    lake.index().await;
    let page = lake
        .get("/v1/search?q=from:ada&include_deleted=true")
        .await
        .json();
    assert_eq!(page["total"], 0);
    assert_eq!(page["warnings"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn downloads_have_every_hit_in_order() {
    let mut lake = Lake::new();
    lake.add((0..30).map(|n| payload(minute(n), &format!("fish {n}"))));
    lake.add([payload(minute(99), "fowl")]);
    lake.index().await;
    let csv = lake
        .get("/v1/search.csv?q=fish&sort=newest&columns=message_id,content")
        .await;
    let lines: Vec<&str> = csv.text().lines().collect();
    assert_eq!(lines.len(), 31);
    assert_eq!(lines[0], "message_id,content,score,highlight");
    assert_eq!(
        lines[1],
        format!("{},fish 29,,<mark>fish</mark> 29", minute(29))
    );
    let ndjson = lake.get("/v1/search.ndjson?q=fish").await;
    assert_eq!(ndjson.text().lines().count(), 30);
    let first: Value = serde_json::from_str(ndjson.text().lines().next().unwrap()).unwrap();
    assert!(first["score"].as_f64().unwrap() > 0.0);
    for format in ["arrow", "parquet"] {
        let answer = lake.get(&format!("/v1/search.{format}?q=fish")).await;
        assert_eq!(answer.status, 200);
        assert!(!answer.body.is_empty());
    }
    let head = lake.ask(
        Method::HEAD,
        "/v1/search.csv?q=fish",
        &[("x-api-key", testkit::lake::KEY)],
    );
    assert_eq!(head.await.status, 200);
    // Deleted since it was indexed.
    lake.delete(minute(3));
    let csv = lake.get("/v1/search.csv?q=fish&columns=message_id").await;
    assert_eq!(csv.text().lines().count(), 30);
}

#[tokio::test]
async fn names_are_completed() {
    let mut lake = Lake::new();
    let by = |id: i64, user: i64, name: &str, global: &str| {
        with(
            id,
            "x",
            &json!({"author": {"id": user.to_string(), "username": name, "global_name": global}}),
        )
    };
    lake.add([
        by(minute(0), 11, "alice", "Álice Liddell"),
        by(minute(1), 12, "albert", "Albert"),
        by(minute(2), 12, "albert", "Albert"),
        by(minute(3), 13, "bob", "Bob"),
    ]);
    lake.commit(&guildlake::store::Batch {
        channels: vec![testkit::lake::channel(CHANNEL, 0)],
        ..Default::default()
    });
    lake.index().await;
    let names = |page: &Value| -> Vec<String> {
        let data = page["data"].as_array().unwrap();
        data.iter()
            .map(|it| it["insert"].as_str().unwrap().to_owned())
            .collect()
    };
    let page = lake
        .get("/v1/search/suggest?filter=from&text=AL")
        .await
        .json();
    assert_eq!(names(&page), ["from:12", "from:11"]);
    assert_eq!(page["data"][0]["messages"], 2);
    let page = lake
        .get("/v1/search/suggest?filter=from&text=lid")
        .await
        .json();
    assert_eq!(names(&page), ["from:11"]);
    let page = lake
        .get("/v1/search/suggest?filter=in&text=gen")
        .await
        .json();
    assert_eq!(names(&page), [format!("in:{CHANNEL}")]);
    assert_eq!(minutes(&lake, "in:general from:bob").await, [3]);
}

/// What is suggested finds as many messages as it says, and `from:` a name what was written under it.
#[tokio::test]
async fn a_name_finds_what_was_written_under_it() {
    let mut lake = Lake::new();
    let hook = |id: i64, name: &str| {
        with(
            id,
            "by a webhook",
            &json!({
                "webhook_id": "900", "author": {"id": "900", "username": name, "bot": true, "discriminator": "0000"},
            }),
        )
    };
    let person = |id: i64, user: i64, name: &str, discriminator: &str| {
        with(
            id,
            "by a person",
            &json!({
                "author": {"id": user.to_string(), "username": name, "global_name": null, "discriminator": discriminator},
            }),
        )
    };
    lake.add([
        hook(minute(0), "Deploy Bot"),
        hook(minute(1), "Deploy Bot"),
        hook(minute(2), "Deploy Bot"),
        hook(minute(3), "Backup \"Nightly\""),
        hook(minute(4), "@Alerts"),
        // Before she changed her name, and after.
        person(minute(5), 11, "Mia", "1234"),
        person(minute(6), 11, "mia.renamed", "0"),
        // Two people of one name, told apart by what Discord had then.
        person(minute(7), 12, "User", "1234"),
        person(minute(8), 13, "User", "0042"),
        person(minute(9), 13, "User", "0"),
    ]);
    lake.index().await;
    for (q, expected) in [
        ("from:\"deploy bot\"", vec![0, 1, 2]),
        ("-from:\"deploy bot\"", vec![3, 4, 5, 6, 7, 8, 9]),
        ("from:\"backup \\\"nightly\\\"\"", vec![3]),
        ("from:900", vec![0, 1, 2, 3, 4]),
        ("from:@@alerts", vec![4]),
        ("from:mia", vec![5]),
        ("from:mia.renamed", vec![6]),
        ("from:User#1234", vec![7]),
        ("from:user#0042", vec![8]),
        ("from:@User#0042", vec![8]),
        ("from:user", vec![7, 8, 9]),
        ("from:Mia#1234", vec![5]),
        // How names are written that have no such number.
        ("from:mia.renamed#0", vec![6]),
        ("from:\"Deploy Bot#0000\"", vec![0, 1, 2]),
    ] {
        assert_eq!(minutes(&lake, q).await, expected, "{q}");
    }
    for (text, expected) in [
        ("dep", vec![("from:\"Deploy Bot\"", 3)]),
        ("night", vec![]),
        ("backup", vec![("from:\"Backup \\\"Nightly\\\"\"", 1)]),
        (
            "mia",
            vec![("from:\"mia.renamed\"", 1), ("from:\"Mia\"", 1)],
        ),
        ("user", vec![("from:13", 2), ("from:12", 1)]),
        ("user#00", vec![("from:13", 2)]),
        ("nobody", vec![]),
    ] {
        let path = format!("/v1/search/suggest?filter=from&text={}", encoded(text));
        let page = lake.get(&path).await.json();
        let data = page["data"].as_array().unwrap();
        let said: Vec<_> = data
            .iter()
            .map(|it| {
                (
                    it["insert"].as_str().unwrap(),
                    it["messages"].as_u64().unwrap(),
                )
            })
            .collect();
        assert_eq!(said, expected, "{text}");
        for (insert, count) in said {
            assert_eq!(
                search(&lake, insert).await.json()["total"],
                count,
                "{insert}"
            );
        }
    }
    let page = search(&lake, "from:\"Deploy Bot#1\"").await.json();
    assert_eq!(page["warnings"].as_array().unwrap().len(), 1, "{page}");
}

/// Letters that keyboards write in two ways, and digits of other scripts.
#[tokio::test]
async fn letters_that_look_alike_are_one() {
    let lake = lake(&[
        "ذهبت إلى مستشفى المدينة", // 0: ى, ة
        "علي في المكتبه",          // 1: ي, ه
        "کتاب فارسی",              // 2: Persian ک and ی
        "كتاب عربي",               // 3: Arabic ك and ي
        "أحمد آدم ٱلله",           // 4
        "سنة ٢٠٢٤",                // 5: Arabic digits
        "سال ۲۰۲۴",                // 6: Persian digits
        "दिनांक २०२४",              // 7: Devanagari digits
        "year 2024",               // 8
        "ISPARTA ışık",            // 9: dotless i
    ])
    .await;
    for (q, expected) in [
        ("مستشفي", vec![0]),
        ("على", vec![1]),
        ("المدينه", vec![0]),
        ("المكتبة", vec![1]),
        ("كتاب", vec![2, 3]),
        ("کتاب", vec![2, 3]),
        ("فارسي", vec![2]),
        ("عربی", vec![3]),
        ("احمد", vec![4]),
        ("ادم", vec![4]),
        ("الله", vec![4]),
        ("2024", vec![5, 6, 7, 8]),
        ("٢٠٢٤", vec![5, 6, 7, 8]),
        ("isparta", vec![9]),
        ("ısparta", vec![9]),
        ("ISIK", vec![9]),
    ] {
        let found = minutes(&lake, &format!("\"{q}\"")).await;
        assert_eq!(found, expected, "{q}");
    }
}

#[tokio::test]
async fn what_is_not_ready_says_so() {
    let lake = Lake::new();
    let answer = lake.get("/v1/search?q=a").await;
    // The index of these tests is made when they ask for it.
    let problem = answer.is_problem(404, "search_off");
    assert!(problem["detail"].as_str().unwrap().contains("SEARCH_INDEX"));
}

/// Without `include_raw` only the payloads of messages that have words outside of their content are read.
#[tokio::test]
async fn highlights_do_not_depend_on_include_raw() {
    const WORDS: [&str; 8] = [
        "release", "releases", "released", "notes", "note", "harbour", "boat", "boats",
    ];
    let seed = seed();
    println!("highlights: seed {seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let mut text = move || {
        let words = (0..dice.random_range(1..4)).map(|_| WORDS[dice.random_range(0..8)]);
        words.collect::<Vec<_>>().join(" ")
    };
    let made = (0..300).map(|n| {
        let more = match n % 6 {
            0 => json!({}),
            1 => json!({"embeds": [{"type": "rich", "title": text(), "description": text()}]}),
            2 => json!({"attachments": [{"id": "1", "filename": format!("{}.txt", text())}]}),
            3 => json!({"mentions": [{"id": "7", "username": text()}]}),
            4 => json!({"message_snapshots": [{"message": {"content": text()}}]}),
            _ => json!({"poll": {"question": {"text": text()}, "answers": []}}),
        };
        let content = match n % 6 {
            3 => format!("<@7> {}", text()),
            4 | 5 => String::new(),
            _ => text(),
        };
        with(minute(n), &content, &more)
    });
    let made: Vec<String> = made.collect();
    let mut lake = Lake::new();
    // Two segments, of which the second replaces documents of the first.
    lake.add(made[..200].iter().cloned());
    lake.index().await;
    lake.add(made[150..].iter().cloned());
    lake.index().await;
    let mut highlighted = 0;
    for q in WORDS.into_iter().chain([
        "\"release\"",
        "\"boats\"",
        "\"release notes\"",
        "\"boat harbour\"",
        "bo*",
        "\"note bo*\"",
        "release OR harbour",
        "notes -boat",
        "release notes boat",
    ]) {
        let ask = async |more: &str| {
            let path = format!("/v1/search?limit=500&q={}{more}", encoded(q));
            let page = lake.get(&path).await.json();
            let hits = page["data"].as_array().unwrap().iter();
            let of_hit = |hit: &Value| (hit["message_id"].clone(), hit["highlights"].clone());
            hits.map(of_hit).collect::<Vec<_>>()
        };
        let (plain, raw) = (ask("").await, ask("&include_raw=true").await);
        assert_eq!(plain, raw, "{q}");
        let lists = plain.iter().filter_map(|(_, list)| list.as_array());
        highlighted += lists
            .flatten()
            .filter(|it| it["field"] != "content")
            .count();
    }
    assert!(highlighted > 300, "{highlighted}");
}
