//! What is known, and what is not, as callers see it.

use axum::http::Method;
use chrono::SecondsFormat;
use guildlake::guild::{
    Access, AccessMark, Channel, ChannelGone, Covered, Doubt, GapReason, Interrupted, Place,
    SessionMark,
};
use guildlake::message::{ChannelId, GuildId, IdRange, snowflake_at};
use guildlake::store::{Batch, Committed};
use serde_json::{Value, json};

use testkit::lake::{CHANNEL, GUILD, KEY, Lake, at, channel, lasting};

const JANUARY: &str = "2026-01-01T00:00:00Z";
const MARCH: &str = "2026-03-01T00:00:00Z";
const APRIL: &str = "2026-04-01T00:00:00Z";
const MAY: &str = "2026-05-01T00:00:00Z";

fn id() -> ChannelId {
    CHANNEL.try_into().unwrap()
}

fn moment(time: &str) -> i64 {
    snowflake_at(at(time))
}

fn read(low: &str, high: &str, session: Option<(&str, &str)>) -> Covered {
    Covered {
        channel_id: id(),
        range: IdRange {
            low: moment(low),
            high: moment(high),
        },
        session_id: session.map(|(name, since)| self::session(name, since, since).id()),
        asked_after: None,
        unreadable: Vec::new(),
    }
}

fn from_the_beginning(high: &str, session: Option<(&str, &str)>) -> Covered {
    let mut covered = read(high, high, session);
    covered.range.low = 0;
    covered
}

fn access(access: Access) -> AccessMark {
    AccessMark {
        channel_id: id(),
        access,
        detail: None,
        since: at("2025-01-01T00:00:00Z"),
    }
}

fn session(name: &str, low: &str, high: &str) -> SessionMark {
    SessionMark {
        shard: 0,
        session_id: name.to_owned(),
        resume_url: "ws://127.0.0.1".to_owned(),
        sequence: 1,
        live_low: moment(low),
        live_high: moment(high),
        heard_at: at(high),
        intents: 0,
    }
}

/// A readable channel of which this was read.
fn lake(covered: Vec<Covered>) -> Lake {
    let mut lake = Lake::new();
    lake.commit(&Batch {
        channels: vec![
            channel(CHANNEL, 0),
            channel(CHANNEL + 1, 15),
            channel(CHANNEL + 2, 4),
        ],
        access: vec![access(Access::Readable)],
        covered,
        ..Batch::default()
    });
    lake
}

async fn coverage(lake: &Lake, more: &str) -> Value {
    lake.get(&format!("/v1/coverage?guild_id={GUILD}{more}"))
        .await
        .json()
}

/// The ranges of the one channel: by what, or why not.
#[track_caller]
fn ranges(coverage: &Value) -> Vec<&str> {
    assert_eq!(coverage["data"].as_array().unwrap().len(), 1, "{coverage}");
    let ranges = coverage["data"][0]["ranges"].as_array().unwrap();
    let word = |range: &'_ Value| -> Option<String> {
        let by = range["complete_by"]
            .as_str()
            .or(range["gap_reason"].as_str());
        by.map(ToOwned::to_owned)
    };
    for (range, next) in ranges.iter().zip(&ranges[1..]) {
        assert_eq!(
            range["to_id"], next["from_id"],
            "there are no holes: {coverage}"
        );
    }
    assert!(
        ranges.iter().all(|range| word(range).is_some()),
        "{coverage}"
    );
    ranges
        .iter()
        .map(|range| {
            let by = range["complete_by"].as_str();
            by.or(range["gap_reason"].as_str()).unwrap()
        })
        .collect()
}

#[tokio::test]
async fn what_was_never_seen_is_never_complete() {
    let lake = Lake::new();
    let answer = coverage(&lake, "").await;
    assert_eq!(answer["coverage"]["complete"], false);
    assert_eq!(answer["coverage"]["changes_complete"], false);
    assert_eq!(answer["coverage"]["channels"], 0);
    let lake = super::coverage::lake(Vec::new());
    let answer = coverage(&lake, "").await;
    assert_eq!(answer["coverage"]["complete"], false, "{answer}");
    assert_eq!(ranges(&answer), ["not_backfilled"]);
}

#[tokio::test]
async fn a_gap_counts_only_where_it_is_asked_for() {
    let lake = lake(vec![
        from_the_beginning(JANUARY, None),
        read(MARCH, APRIL, None),
    ]);
    let answer = coverage(&lake, "").await;
    assert_eq!(ranges(&answer), ["history", "not_backfilled", "history"]);
    assert_eq!(answer["coverage"]["complete"], false);
    assert_eq!(answer["coverage"]["gaps"], 1);
    let gap = &answer["data"][0]["ranges"][1];
    assert_eq!(gap["from"], "2026-01-01T00:00:00.000000Z");
    assert_eq!(gap["to"], "2026-03-01T00:00:00.000000Z");

    let inside = coverage(&lake, &format!("&from={MARCH}&to=2026-03-15T00:00:00Z")).await;
    assert_eq!(ranges(&inside), ["history"]);
    assert_eq!(inside["coverage"]["complete"], true);
    assert_eq!(
        inside["data"][0]["ranges"][0]["from"],
        "2026-03-01T00:00:00.000000Z"
    );

    let beyond = coverage(&lake, &format!("&from={MARCH}&to={MAY}")).await;
    assert_eq!(ranges(&beyond), ["history", "not_yet"]);
    assert_eq!(beyond["coverage"]["complete"], false);
}

#[tokio::test]
async fn a_live_message_never_closes_a_gap() {
    let mut lake = lake(vec![from_the_beginning(JANUARY, None)]);
    lake.commit(&Batch {
        sessions: vec![session("one", MARCH, APRIL)],
        ..Batch::default()
    });
    let answer = coverage(&lake, "").await;
    assert_eq!(answer["coverage"]["complete"], false);
    assert!(!ranges(&answer).contains(&"live"), "{answer}");
    lake.commit(&Batch {
        covered: vec![from_the_beginning(MARCH, Some(("one", MARCH)))],
        ..Batch::default()
    });
    let answer = coverage(&lake, "").await;
    assert_eq!(ranges(&answer).last(), Some(&"live"), "{answer}");
    assert_eq!(answer["coverage"]["complete"], true, "{answer}");
}

#[tokio::test]
async fn a_lost_session_leaves_a_gap_and_makes_what_is_below_stale() {
    let mut lake = lake(vec![from_the_beginning(JANUARY, None)]);
    lake.commit(&Batch {
        sessions: vec![session("one", JANUARY, MARCH)],
        ..Batch::default()
    });
    lake.commit(&Batch {
        covered: vec![from_the_beginning(JANUARY, Some(("one", JANUARY)))],
        ..Batch::default()
    });
    lake.commit(&Batch {
        sessions: vec![session("two", APRIL, APRIL)],
        ..Batch::default()
    });
    let answer = coverage(&lake, "").await;
    let words = ranges(&answer);
    assert_eq!(words.last(), Some(&"session_lost"), "{answer}");
    assert!(words.contains(&"live"));
    assert_eq!(answer["coverage"]["complete"], false);
    assert_eq!(answer["coverage"]["changes_complete"], false);
    for range in answer["data"][0]["ranges"].as_array().unwrap() {
        assert_eq!(
            range["stale_since"].is_null(),
            range["complete_by"].is_null()
        );
    }
    let outages = answer["outages"].as_array().unwrap();
    assert_eq!(outages.last().unwrap()["reason"], "session_lost");

    lake.commit(&Batch {
        covered: vec![from_the_beginning(APRIL, Some(("two", APRIL)))],
        ..Batch::default()
    });
    let answer = coverage(&lake, "").await;
    assert_eq!(answer["coverage"]["complete"], true, "{answer}");
    assert_eq!(answer["coverage"]["changes_complete"], true);
    assert!(ranges(&answer).contains(&"rescan"));
    assert!(
        !answer["outages"].as_array().unwrap().is_empty(),
        "it is not forgotten"
    );
}

#[tokio::test]
async fn a_page_read_under_an_earlier_session_says_nothing() {
    let mut lake = lake(vec![from_the_beginning(JANUARY, None)]);
    lake.commit(&Batch {
        sessions: vec![session("two", MARCH, MARCH)],
        ..Batch::default()
    });
    lake.commit(&Batch {
        covered: vec![from_the_beginning(MARCH, Some(("one", MARCH)))],
        ..Batch::default()
    });
    assert_eq!(coverage(&lake, "").await["coverage"]["complete"], false);
}

#[tokio::test]
async fn what_cannot_be_read_says_why() {
    for (reason, forbidden) in [("no_permission", true), ("channel_deleted", false)] {
        let mut lake = lake(vec![read(MARCH, APRIL, None)]);
        let gone = ChannelGone {
            id: id(),
            after: at(APRIL),
            before: at(MAY),
            asked_at: None,
        };
        lake.commit(&Batch {
            access: forbidden
                .then(|| access(Access::Forbidden))
                .into_iter()
                .collect(),
            channels_gone: (!forbidden).then_some(gone).into_iter().collect(),
            ..Batch::default()
        });
        let answer = coverage(&lake, "").await;
        assert_eq!(answer["coverage"]["complete"], false);
        let words = ranges(&answer);
        assert!(
            words.contains(&reason) && words.contains(&"history"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn pages_of_channels_give_each_once_and_the_whole_summary() {
    let mut lake = lake(vec![from_the_beginning(JANUARY, None)]);
    let more: Vec<Channel> = (10..17).map(|n| channel(CHANNEL + n, 0)).collect();
    lake.commit(&Batch {
        channels: more,
        ..Batch::default()
    });
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = coverage(&lake, &format!("&limit=3{cursor}")).await;
        assert_eq!(page["coverage"]["channels"], 8);
        assert_eq!(page["coverage"]["incomplete_channels"], 7);
        let ids = page["data"].as_array().unwrap().iter();
        seen.extend(ids.map(|channel| channel["channel_id"].as_str().unwrap().to_owned()));
        assert_eq!(page["has_more"], !page["next_cursor"].is_null());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let mut once = seen.clone();
    once.sort();
    once.dedup();
    assert_eq!((seen.len(), once.len()), (8, 8));
    let other: GuildId = (GUILD + 1).try_into().unwrap();
    let none = lake
        .get(&format!("/v1/coverage?guild_id={other}"))
        .await
        .json();
    assert_eq!(none["coverage"]["channels"], 0);
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let lake = Lake::new();
    for (query, field) in [
        ("limit=5", "guild_id"),
        ("guild_id=1&limit=0", "limit"),
        ("guild_id=1&chanel_id=2", "chanel_id"),
        (
            "guild_id=1&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
            "from",
        ),
    ] {
        let answer = lake.get(&format!("/v1/coverage?{query}")).await;
        let problem = answer.is_problem(400, "invalid_parameter");
        assert_eq!(problem["errors"][0]["field"], field, "{query}");
    }
}

/// A channel that history read up to January, where the session `one` takes over and is in March.
fn live_lake() -> Lake {
    let mut lake = lake(Vec::new());
    listen(&mut lake, "one", JANUARY, JANUARY);
    lake.commit(&Batch {
        covered: vec![from_the_beginning(JANUARY, Some(("one", JANUARY)))],
        ..Batch::default()
    });
    listen(&mut lake, "one", JANUARY, MARCH);
    lake
}

fn listen(lake: &mut Lake, name: &str, low: &str, high: &str) {
    let batch = Batch {
        sessions: vec![session(name, low, high)],
        ..Batch::default()
    };
    lake.record.commit(&batch, at(high)).unwrap();
}

/// A further readable channel, of which the session `one` has read all up to this id.
fn add_read(lake: &mut Lake, channel: Channel, high: i64) {
    lake.commit(&Batch {
        access: vec![AccessMark {
            channel_id: channel.id,
            ..access(Access::Readable)
        }],
        covered: vec![Covered {
            channel_id: channel.id,
            range: IdRange { low: 0, high },
            ..from_the_beginning(MARCH, Some(("one", JANUARY)))
        }],
        channels: vec![channel],
        ..Batch::default()
    });
}

#[tokio::test]
async fn an_answer_has_what_the_contract_lists() {
    let lake = lake(vec![from_the_beginning(JANUARY, None)]);
    let path = format!("/v1/coverage?guild_id={GUILD}");
    let answer = lake.get(&path).await;
    let born = id().created_at();
    // The forum and the category hold no messages.
    assert_eq!(
        answer.json(),
        json!({
            "coverage": {
                "complete": true,
                "changes_complete": true,
                "channels": 1,
                "incomplete_channels": 0,
                "gaps": 0,
                "heard_until": null,
            },
            "data": [{
                "channel_id": CHANNEL.to_string(),
                "parent_id": null,
                "name": "general",
                "complete": true,
                "changes_complete": true,
                "ranges": [{
                    "from": born.to_rfc3339_opts(SecondsFormat::Micros, true),
                    "to": "2026-01-01T00:00:00.000000Z",
                    "from_id": CHANNEL.to_string(),
                    "to_id": moment(JANUARY).to_string(),
                    "complete_by": "history",
                    "gap_reason": null,
                    "stale_since": null,
                    "reactions_stale_since": null,
                }],
            }],
            "outages": [],
            "next_cursor": null,
            "has_more": false,
        })
    );
    assert_eq!(answer.header("cache-control"), Some("private, no-cache"));
    let head = lake.ask(Method::HEAD, &path, &[("x-api-key", KEY)]).await;
    assert_eq!(head.status, 200);
    assert_eq!(lasting(&head.headers), lasting(&answer.headers));
    assert!(head.body.is_empty());

    let stranger = lake.ask(Method::GET, &path, &[]).await;
    stranger.is_problem(401, "unauthorized");
    let headers = [("x-api-key", KEY), ("accept", "text/csv")];
    let answer = lake.ask(Method::GET, &path, &headers).await;
    answer.is_problem(406, "not_acceptable");

    let to_the_end = coverage(&lake, &format!("&to={JANUARY}")).await;
    assert_eq!(to_the_end["coverage"]["complete"], true);
    let unknown = coverage(&lake, "&channel_id=1").await;
    assert_eq!(unknown["coverage"]["complete"], false);
    assert_eq!(unknown["coverage"]["channels"], 0);
}

#[tokio::test]
async fn a_deleted_channel_counts_to_its_end_and_not_beyond() {
    let mut lake = lake(vec![from_the_beginning(JANUARY, None)]);
    lake.commit(&Batch {
        channels_gone: vec![ChannelGone {
            id: id(),
            after: at(MARCH),
            before: at(APRIL),
            asked_at: None,
        }],
        ..Batch::default()
    });
    for until in ["", &format!("&to={MAY}")] {
        let answer = coverage(&lake, until).await;
        assert_eq!(ranges(&answer), ["history", "channel_deleted"]);
        let end = &answer["data"][0]["ranges"][1]["to"];
        assert_eq!(end, "2026-04-01T00:00:00.000000Z");
        assert_eq!(answer["coverage"]["complete"], false);
    }
    let before = coverage(&lake, &format!("&to={JANUARY}")).await;
    assert_eq!(before["coverage"]["complete"], true);
    let after = coverage(&lake, &format!("&from={APRIL}")).await;
    assert_eq!(after["coverage"]["channels"], 0);
}

#[tokio::test]
async fn a_session_that_is_resumed_is_no_outage_and_one_that_is_not_is() {
    let mut lake = live_lake().restart();
    listen(&mut lake, "one", JANUARY, APRIL);
    let answer = coverage(&lake, "").await;
    assert_eq!(ranges(&answer), ["history", "live"]);
    assert_eq!(answer["coverage"]["changes_complete"], true);
    assert_eq!(
        answer["coverage"]["heard_until"],
        "2026-04-01T00:00:00.000000Z"
    );
    assert_eq!(answer["outages"], json!([]));

    let mut lake = lake.restart();
    listen(&mut lake, "two", MAY, MAY);
    let answer = coverage(&lake, "").await;
    assert_eq!(ranges(&answer), ["history", "live", "offline"]);
    for n in 0..2 {
        let since = &answer["data"][0]["ranges"][n]["stale_since"];
        assert_eq!(since, "2026-04-01T00:00:00.000000Z");
    }
    let outages = json!([{
        "began_at": "2026-04-01T00:00:00.000000Z",
        "ended_at": "2026-05-01T00:00:00.000000Z",
        "reason": "offline",
    }]);
    assert_eq!(answer["outages"], outages);

    // Every message until then is there all the same.
    let below = coverage(&lake, &format!("&to={APRIL}")).await;
    assert_eq!(below["coverage"]["complete"], true);
    assert_eq!(below["coverage"]["changes_complete"], false);
    assert_eq!(below["outages"], outages);
    let later = coverage(&lake, "&from=2026-05-02T00:00:00Z").await;
    assert_eq!(later["outages"], json!([]));
}

#[tokio::test]
async fn a_new_session_under_an_id_that_was_there_before_is_an_outage_too() {
    let mut lake = live_lake();
    listen(&mut lake, "one", JANUARY, APRIL);
    listen(&mut lake, "one", MAY, MAY);
    let answer = coverage(&lake, "").await;
    assert_eq!(ranges(&answer), ["history", "live", "session_lost"]);
    assert_eq!(answer["coverage"]["complete"], false);
    assert_eq!(answer["coverage"]["changes_complete"], false);
    assert_eq!(answer["outages"].as_array().unwrap().len(), 1);

    // Nor does a page that was asked for under the one speak for the other.
    let lake = {
        lake.commit(&Batch {
            covered: vec![read(APRIL, MAY, Some(("one", JANUARY)))],
            ..Batch::default()
        });
        lake
    };
    assert_eq!(
        ranges(&coverage(&lake, "").await),
        ["history", "live", "session_lost"]
    );
}

fn interrupt(lake: &mut Lake, until: &str) {
    lake.commit(&Batch {
        interrupted: vec![Interrupted {
            place: Place::Channel(id()),
            until: at(until),
            reason: GapReason::Interrupted,
            stale_since: None,
        }],
        ..Batch::default()
    });
}

#[tokio::test]
async fn two_interruptions_with_nobody_looking_between_leave_changes_in_doubt() {
    let mut lake = live_lake();
    interrupt(&mut lake, APRIL);
    let once = coverage(&lake, "").await;
    assert_eq!(
        once["coverage"]["changes_complete"], false,
        "there is a gap"
    );
    assert_eq!(once["data"][0]["ranges"][0]["stale_since"], json!(null));
    interrupt(&mut lake, MAY);
    let twice = coverage(&lake, "").await;
    let stale = &twice["data"][0]["ranges"][0]["stale_since"];
    assert_eq!(stale, "2026-03-01T00:00:00.000000Z", "{twice}");

    // Somebody looked between, and all was heard until then: it had taken nothing.
    for is_heard in [true, false] {
        let mut lake = live_lake();
        interrupt(&mut lake, APRIL);
        lake.commit(&Batch {
            access: vec![AccessMark {
                since: at(APRIL),
                ..access(Access::Readable)
            }],
            covered: vec![read(MARCH, APRIL, Some(("one", JANUARY)))],
            ..Batch::default()
        });
        if is_heard {
            listen(&mut lake, "one", JANUARY, APRIL);
        }
        interrupt(&mut lake, MAY);
        let looked = coverage(&lake, "").await;
        let stale = &looked["data"][0]["ranges"][0]["stale_since"];
        assert_eq!(stale.is_null(), is_heard, "{looked}");
    }
}

#[tokio::test]
async fn a_deleted_channel_is_interrupted_no_more() {
    let mut lake = live_lake();
    lake.commit(&Batch {
        channels_gone: vec![ChannelGone {
            id: id(),
            after: at(MARCH),
            before: at(MARCH),
            asked_at: None,
        }],
        ..Batch::default()
    });
    let before = coverage(&lake, "").await;
    interrupt(&mut lake, MAY);
    assert_eq!(coverage(&lake, "").await, before);
}

#[tokio::test]
async fn a_page_does_not_settle_what_became_doubtful_after_it_was_asked_for() {
    let mut lake = live_lake();
    let asked_after = lake.record.commit(&Batch::default(), at(MARCH)).unwrap();
    let id_in_doubt = moment("2025-12-24T00:00:00Z");
    let range = IdRange {
        low: id_in_doubt,
        high: id_in_doubt + 1,
    };
    lake.commit(&Batch {
        doubts: vec![Doubt {
            channel_id: id(),
            range,
            stale_since: Some(at(MARCH)),
        }],
        ..Batch::default()
    });
    let page = |asked_after: Committed| Batch {
        covered: vec![Covered {
            asked_after: Some(asked_after.number),
            ..from_the_beginning(JANUARY, Some(("one", JANUARY)))
        }],
        ..Batch::default()
    };
    lake.commit(&page(asked_after));
    let answer = coverage(&lake, "").await;
    let doubtful: Vec<&Value> = answer["data"][0]["ranges"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|range| !range["stale_since"].is_null())
        .map(|range| &range["from_id"])
        .collect();
    assert_eq!(doubtful, [&id_in_doubt.to_string()], "{answer}");

    let asked_after = lake.record.commit(&Batch::default(), at(MARCH)).unwrap();
    lake.commit(&page(asked_after));
    let answer = coverage(&lake, "").await;
    assert_eq!(answer["coverage"]["changes_complete"], true, "{answer}");
}

#[tokio::test]
async fn what_a_right_interrupted_is_a_gap_until_it_is_read() {
    let mut lake = live_lake();
    interrupt(&mut lake, APRIL);
    listen(&mut lake, "one", JANUARY, MAY);
    let answer = coverage(&lake, "").await;
    assert_eq!(
        ranges(&answer),
        ["history", "live", "interrupted", "not_backfilled"]
    );
    lake.commit(&Batch {
        covered: vec![read(MARCH, APRIL, Some(("one", JANUARY)))],
        ..Batch::default()
    });
    let answer = coverage(&lake, "").await;
    assert_eq!(ranges(&answer), ["history", "live", "history", "live"]);
    assert_eq!(answer["coverage"]["complete"], true);
}

#[tokio::test]
async fn a_payload_that_could_not_be_understood_is_a_gap_of_one_id() {
    let low = moment(MARCH);
    let lake = lake(vec![Covered {
        asked_after: None,
        unreadable: vec![IdRange { low, high: low + 1 }],
        ..from_the_beginning(APRIL, None)
    }]);
    let answer = coverage(&lake, "").await;
    assert_eq!(
        ranges(&answer),
        ["history", "payload_unreadable", "history"]
    );
    let gap = &answer["data"][0]["ranges"][1];
    assert_eq!(gap["from_id"], low.to_string());
    assert_eq!(gap["to_id"], (low + 1).to_string());
    assert_eq!(answer["coverage"]["complete"], false);
}

#[tokio::test]
async fn a_channel_that_begins_while_live_is_live_from_its_beginning() {
    let mut lake = Lake::new();
    listen(&mut lake, "one", JANUARY, JANUARY);
    let new = moment(MARCH) + 5;
    let channel_id = ChannelId::try_from(new).unwrap();
    lake.commit(&Batch {
        channels: vec![channel(new, 0)],
        access: vec![AccessMark {
            channel_id,
            since: channel_id.created_at(),
            ..access(Access::Readable)
        }],
        covered: vec![Covered {
            channel_id,
            range: IdRange { low: 0, high: new },
            session_id: Some(session("one", JANUARY, JANUARY).id()),
            asked_after: None,
            unreadable: Vec::new(),
        }],
        ..Batch::default()
    });
    listen(&mut lake, "one", JANUARY, APRIL);
    let answer = coverage(&lake, "").await;
    assert_eq!(ranges(&answer), ["live"]);
    assert_eq!(answer["data"][0]["ranges"][0]["from_id"], new.to_string());
    assert_eq!(answer["coverage"]["complete"], true);
}

#[tokio::test]
async fn a_channel_that_was_never_read_is_not_left_out() {
    let mut lake = lake(vec![from_the_beginning(JANUARY, None)]);
    let hidden = channel(CHANNEL + 11, 0);
    lake.commit(&Batch {
        access: vec![AccessMark {
            channel_id: hidden.id,
            ..access(Access::Forbidden)
        }],
        channels: vec![
            Channel {
                parent_id: Some(id()),
                ..channel(CHANNEL + 10, 11)
            },
            hidden,
        ],
        ..Batch::default()
    });
    let answer = coverage(&lake, "").await;
    assert_eq!(answer["coverage"]["complete"], false);
    assert_eq!(answer["coverage"]["channels"], 3);
    assert_eq!(answer["coverage"]["incomplete_channels"], 2);
    let [_, thread, hidden] = answer["data"].as_array().unwrap().as_slice() else {
        panic!("{answer}");
    };
    assert_eq!(thread["parent_id"], CHANNEL.to_string());
    assert_eq!(thread["ranges"][0]["gap_reason"], "not_backfilled");
    assert_eq!(hidden["ranges"][0]["gap_reason"], "no_permission");
}

#[tokio::test]
async fn a_channel_that_was_read_less_far_is_not_left_out() {
    let mut lake = live_lake();
    add_read(&mut lake, channel(CHANNEL + 10, 0), moment(APRIL));
    let span = "&from=2026-03-10T00:00:00Z&to=2026-03-20T00:00:00Z";
    let answer = coverage(&lake, span).await;
    assert_eq!(answer["coverage"]["complete"], false, "{answer}");
}

#[tokio::test]
async fn a_page_read_up_to_now_makes_no_gap_in_other_channels() {
    let mut lake = live_lake();
    add_read(
        &mut lake,
        channel(CHANNEL + 10, 0),
        moment("2026-03-01T00:00:50Z"),
    );
    let answer = coverage(&lake, "").await;
    assert_eq!(answer["coverage"]["complete"], true, "{answer}");
    // It is not complete either, of course.
    let answer = coverage(&lake, "&to=2026-03-01T00:00:50Z").await;
    assert_eq!(answer["coverage"]["incomplete_channels"], 1, "{answer}");
    let ranges = answer["data"][0]["ranges"].as_array().unwrap();
    assert_eq!(ranges.last().unwrap()["gap_reason"], "not_yet");

    // Another one, made after the socket's last mark: what it may have since is on its way too.
    let made = channel(moment("2026-03-01T00:00:20Z"), 11);
    let begins = made.id.as_i64();
    add_read(&mut lake, made, begins);
    let answer = coverage(&lake, "").await;
    assert_eq!(answer["coverage"]["gaps"], 0, "{answer}");
}
