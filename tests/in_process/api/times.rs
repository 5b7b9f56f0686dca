//! Times and ids at their edges mean the same on every route: the same rows, or a 400 that names the field.

use testkit::lake::{Answer, CHANNEL, GUILD, Ids, Lake, minute};

/// Every route that takes a range of time, with the parameters that it needs.
fn routes() -> Vec<String> {
    let guild = format!("guild_id={GUILD}");
    let mut routes = vec![
        format!("/v1/messages?{guild}&channel_id={CHANNEL}"),
        format!("/v1/coverage?{guild}"),
        format!("/v1/search?{guild}"),
    ];
    for form in ["ndjson", "csv", "arrow", "parquet"] {
        routes.push(format!("/v1/messages.{form}?{guild}"));
        routes.push(format!("/v1/search.{form}?{guild}"));
        routes.push(format!("/v1/reports/activity.{form}?{guild}"));
    }
    for report in [
        "activity",
        "attachments",
        "authors",
        "channels",
        "edits_and_deletes",
        "events",
        "growth",
        "heatmap",
        "links",
        "message_lengths",
        "quiet_channels",
        "reactions",
        "replies",
        "retention",
        "thread_responses",
        "unanswered_questions",
        "unanswered_threads",
    ] {
        routes.push(format!("/v1/reports/{report}?{guild}"));
    }
    routes
}

async fn lake() -> Lake {
    let mut lake = Lake::new();
    lake.add_minutes(3);
    lake.index().await;
    lake
}

/// The parameter `from` where the route has it, else `to`.
async fn ask(lake: &Lake, route: &str, name: &str, value: &str) -> Option<Answer> {
    let value = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
    let path = format!("{route}&{name}={value}");
    let mut answer = lake.get(&path).await;
    // The place of a download is free a moment after its end.
    while answer.status == 503 {
        answer.is_problem(503, "busy");
        answer = lake.get(&path).await;
    }
    if answer.status == 400 {
        let fields = answer.bad_fields();
        if fields
            .get(name)
            .is_some_and(|reason| reason == "is not a parameter of this route")
        {
            return None;
        }
    }
    Some(answer)
}

#[tokio::test]
async fn a_time_that_no_message_can_have_is_refused_everywhere() {
    let lake = lake().await;
    for route in routes() {
        for value in [
            // Leap seconds: Discord's clock has none.
            "2016-12-31T23:59:60Z",
            "2025-01-01T00:00:60Z",
            "2017-01-01T00:59:60.5+01:00",
            // Beyond the years that can be written, in UTC.
            "9999-12-31T23:59:59-00:01",
            "9999-12-31T12:00:00-23:59",
            "0000-01-01T00:00:00+00:01",
            "0000-01-01T00:00:00+23:59",
            "+10000-01-01T00:00:00Z",
            "-0001-01-01T00:00:00Z",
            " 2025-01-01T00:00:00Z",
            "2025-01-01T00:00:00Z ",
            "2025-01-01T00:00:00Z\n",
        ] {
            for name in ["from", "to"] {
                let Some(answer) = ask(&lake, &route, name, value).await else {
                    continue;
                };
                let fields: Vec<_> = answer.bad_fields().into_keys().collect();
                assert_eq!(fields, [name], "{route} {name}={value:?}");
            }
        }
    }
}

#[tokio::test]
async fn the_first_and_the_last_time_are_taken_everywhere() {
    let lake = lake().await;
    for route in routes() {
        // A report goes over all the time that it is asked for: each is asked for a part of these.
        let values = [
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999999999Z",
            "0001-01-01T00:00:00+00:00",
            "9999-12-31T23:59:59.9999999999999Z",
            "2084-09-06T15:47:35.551Z",
            "2084-09-06T15:47:35.552Z",
        ];
        let is_slow = route.contains("reports") && !route.contains("reports/activity.csv");
        for value in &values[..if is_slow { 1 } else { values.len() }] {
            for name in ["from", "to"] {
                if let Some(answer) = ask(&lake, &route, name, value).await {
                    // By hour or day, the time until then has more rows than a report may.
                    let is_taken =
                        answer.status == 200 || answer.problem()["code"] == "answer_too_large";
                    assert!(is_taken, "{route} {name}={value}: {}", answer.text());
                }
            }
        }
    }
}

/// How many messages each route finds.
async fn counts(lake: &Lake, range: &str) -> Vec<(&'static str, u64)> {
    let guild = format!("guild_id={GUILD}");
    let get = async |path: String| lake.get(&path).await;
    let page = get(format!("/v1/messages?{guild}&channel_id={CHANNEL}{range}")).await;
    let lines = get(format!("/v1/messages.ndjson?{guild}{range}")).await;
    let found = get(format!("/v1/search?{guild}{range}")).await;
    let report = get(format!("/v1/reports/message_lengths?{guild}{range}")).await;
    let report = report.json();
    let summed = report["data"].as_array().unwrap().iter();
    vec![
        ("messages", page.json().ids().len() as u64),
        ("download", lines.text().lines().count() as u64),
        ("search", found.json()["total"].as_u64().unwrap()),
        (
            "report",
            summed.map(|row| row["messages"].as_u64().unwrap()).sum(),
        ),
    ]
}

#[tokio::test]
async fn a_fraction_of_a_second_divides_the_messages_in_the_same_way_everywhere() {
    let lake = lake().await;
    // Messages at 00:00, 00:01 and 00:02.
    for (range, expected) in [
        ("&from=2025-01-01T00:01:00Z", 2),
        ("&from=2025-01-01T00:01:00.0Z", 2),
        ("&from=2025-01-01T00:01:00.001Z", 1),
        ("&from=2025-01-01T00:01:00.000001Z", 1),
        ("&from=2025-01-01T00:01:00.0000009Z", 1),
        ("&from=2025-01-01T00:01:00.000000001Z", 1),
        ("&from=2025-01-01T00:00:59.999999999Z", 2),
        ("&to=2025-01-01T00:01:00Z", 1),
        ("&to=2025-01-01T00:01:00.000000001Z", 2),
        ("&to=2025-01-01T00:01:00.0000001Z", 2),
        ("&to=2025-01-01T00:00:59.999999999Z", 1),
        (
            "&from=2025-01-01T00:01:00.000000001Z&to=2025-01-01T00:02:00.000000001Z",
            1,
        ),
        // Beyond the last millisecond of which an id can tell.
        ("&from=9999-12-31T23:59:59Z", 0),
        ("&to=9999-12-31T23:59:59Z", 3),
    ] {
        for (route, count) in counts(&lake, range).await {
            assert_eq!(count, expected, "{route} {range}");
        }
    }
}

#[tokio::test]
async fn a_message_of_the_last_millisecond_is_found_everywhere() {
    let mut lake = Lake::new();
    let last = i64::MAX - 5;
    lake.add([testkit::lake::payload(last, "late")]);
    lake.index().await;
    for (range, expected) in [
        ("", 1),
        ("&to=9999-01-01T00:00:00Z", 1),
        ("&from=2084-09-06T15:47:35.551Z", 1),
        ("&from=2084-09-06T15:47:35.552Z", 0),
        ("&to=2084-09-06T15:47:35.551Z", 0),
        ("&from=9999-01-01T00:00:00Z", 0),
    ] {
        for (route, count) in counts(&lake, range).await {
            // The report tells rows of the time that is there.
            assert_eq!(count, expected, "{route} {range}");
        }
    }
}

#[tokio::test]
async fn an_id_has_one_spelling_everywhere() {
    let lake = lake().await;
    let message = minute(0);
    let bad = [
        "+5",
        "-5",
        "05",
        " 5",
        "5 ",
        "5\t",
        "٥",
        "0",
        "5.0",
        "0x5",
        "9223372036854775808",
    ];
    let encoded = |value: &str| {
        percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let mut places = vec![
        (
            "guild_id",
            format!("/v1/messages?channel_id={CHANNEL}&guild_id="),
        ),
        (
            "channel_id",
            format!("/v1/messages?guild_id={GUILD}&channel_id="),
        ),
        (
            "cursor",
            format!("/v1/messages?guild_id={GUILD}&channel_id={CHANNEL}&cursor="),
        ),
        ("guild_id", "/v1/changes?since=0&guild_id=".to_owned()),
        ("channel_id", "/v1/changes?since=0&channel_id=".to_owned()),
        ("guild_id", "/v1/coverage?guild_id=".to_owned()),
        (
            "channel_id",
            format!("/v1/coverage?guild_id={GUILD}&channel_id="),
        ),
        ("cursor", format!("/v1/coverage?guild_id={GUILD}&cursor=")),
        ("guild_id", "/v1/search?guild_id=".to_owned()),
        ("channel_id", "/v1/search?channel_id=".to_owned()),
        (
            "guild_id",
            "/v1/search/suggest?filter=from&text=a&guild_id=".to_owned(),
        ),
        ("guild_id", "/v1/reports/activity?guild_id=".to_owned()),
        (
            "channel_id",
            format!("/v1/reports/activity?guild_id={GUILD}&channel_id="),
        ),
        ("message_id", "/v1/messages/".to_owned()),
    ];
    for form in ["ndjson", "csv", "arrow", "parquet"] {
        places.push(("guild_id", format!("/v1/messages.{form}?guild_id=")));
        places.push(("guild_id", format!("/v1/search.{form}?guild_id=")));
        places.push(("guild_id", format!("/v1/reports/activity.{form}?guild_id=")));
    }
    for (field, place) in &places {
        for value in bad {
            let answer = lake.get(&format!("{place}{}", encoded(value))).await;
            let fields: Vec<_> = answer.bad_fields().into_keys().collect();
            assert_eq!(fields, [*field], "{place}{value:?}");
        }
    }
    for value in ["05", "0", "9223372036854775808"] {
        for filter in ["from:", "in:", "mentions:", "from:<@"] {
            let end = if filter.ends_with('@') { ">" } else { "" };
            let q = encoded(&format!("{filter}{value}{end}"));
            let answer = lake.get(&format!("/v1/search?q={q}")).await;
            assert!(
                answer.bad_fields().contains_key("q"),
                "{filter}{value}{end}"
            );
        }
    }
    assert_eq!(
        lake.get(&format!("/v1/messages/{message}")).await.status,
        200
    );
}
