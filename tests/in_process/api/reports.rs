//! Reports, as callers see them: every one in every form, checked parameters, a user's own files.
//! What the built-in ones count is held against a model by tests/reports/run.py, called here too.

use std::time::Duration;

use axum::http::{Method, StatusCode, header};
use guildlake::message::snowflake_at;
use serde_json::{Value, json};

use testkit::lake::{Answer, GUILD, KEY, Lake, QUERIES, at, minute, payload};
use testkit::scenes::january as lake;

fn activity(more: &str) -> String {
    format!("/v1/reports/activity?guild_id={GUILD}{more}")
}

fn own(lake: &Lake, name: &str, header: &str, sql: &str) {
    let text = format!("-- title: Own\n-- description: Own.\n{header}\n{sql}\n");
    let file = lake.folder.path().join(QUERIES).join(name);
    std::fs::write(file, text).unwrap();
}

#[tokio::test]
async fn a_report_counts_and_says_how_complete_the_record_is_for_it() {
    let lake = lake();
    let page = lake.get(&activity("&unit=hour")).await;
    assert_eq!(page.header("cache-control"), Some("private, no-cache"));
    let coverage: Value = serde_json::from_str(page.header("guildlake-coverage").unwrap()).unwrap();
    let page = page.json();
    assert_eq!(page["report"], "activity");
    let messages: Vec<_> = page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["messages"].as_i64().unwrap())
        .collect();
    // To the end of what is known: there is silence.
    assert_eq!(messages[..5], [60; 5]);
    assert_eq!(messages[5..], [0; 31 * 24 - 5]);
    assert_eq!(
        page["data"][1],
        json!({
            "period": "2025-01-01T01:00:00", "starts_at": "2025-01-01T01:00:00.000000Z",
            "messages": 60, "authors": 1, "channels": 1
        })
    );
    assert_eq!(page["coverage"], coverage);
    assert_eq!(coverage["channels"], 1);

    // What is asked for beyond what was read is not complete, what lies in it is.
    for (range, complete) in [
        ("&from=2025-01-01T00:00:00Z&to=2025-01-20T00:00:00Z", true),
        ("&from=2025-01-01T00:00:00Z&to=2025-03-01T00:00:00Z", false),
    ] {
        let page = lake.get(&activity(range)).await.json();
        assert_eq!(page["coverage"]["complete"], complete, "{range}");
        let same = lake
            .get(&format!("/v1/coverage?guild_id={GUILD}{range}"))
            .await
            .json();
        assert_eq!(page["coverage"], same["coverage"], "{range}");
    }
    // A guild that is not known: nothing is complete.
    let page = lake.get("/v1/reports/activity?guild_id=7").await.json();
    assert_eq!(page["data"], json!([]));
    assert_eq!(page["coverage"]["complete"], false);
    // Of all guilds.
    let page = lake.get("/v1/reports/messages_per_day").await.json();
    assert_eq!(page["data"][0]["messages"], 300);
    assert_eq!(page["coverage"]["channels"], 1);
}

#[tokio::test]
async fn a_clock_goes_by_its_zone_and_weeks_begin_where_they_are_said_to() {
    let mut lake = lake();
    // 2026-10-25: in Paris the hour from two to three comes twice.
    let twice = ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"];
    lake.add(twice.map(|time| payload(snowflake_at(at(time)), "autumn")));
    let range = "&from=2026-10-25T00:00:00Z&to=2026-10-25T02:00:00Z";
    let paris = activity(&format!("{range}&unit=hour&time_zone=Europe/Paris"));
    let page = lake.get(&paris).await.json();
    let rows = page["data"].as_array().unwrap();
    let periods: Vec<_> = rows.iter().map(|row| &row["period"]).collect();
    assert_eq!(periods, ["2026-10-25T02:00:00"; 2]);
    assert_ne!(rows[0]["starts_at"], rows[1]["starts_at"]);
    let sunday = activity(&format!("{range}&unit=week&week_start=sunday"));
    let page = lake.get(&sunday).await.json();
    assert_eq!(page["data"][0]["period"], "2026-10-25T00:00:00");
    // The parameters of one answer are gone in the next.
    let page = lake.get(&activity(range)).await.json();
    assert_eq!(page["data"][0]["period"], "2026-10-25T00:00:00");
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn parameters_are_as_strict_as_everywhere() {
    let lake = lake();
    let bad = async |more: &str| lake.get(&activity(more)).await.bad_fields();
    let fields =
        bad("&unit=year&time_zone=Mars/Base&include_bots=yes&from=2025-01-01&size=3").await;
    assert_eq!(
        fields.keys().collect::<Vec<_>>(),
        ["from", "include_bots", "size", "time_zone", "unit"]
    );
    assert_eq!(fields["unit"], "must be one of hour, day, week, month");
    let fields = bad("&from=2025-02-01T00:00:00Z&to=2025-01-01T00:00:00Z").await;
    assert_eq!(fields["from"], "must not be later than to");
    let fields = lake.get("/v1/reports/activity").await.bad_fields();
    assert_eq!(fields["guild_id"], "is required");
    let fields = lake
        .get(&format!("/v1/reports/links?guild_id={GUILD}&limit=0"))
        .await
        .bad_fields();
    assert!(fields["limit"].starts_with("must be a whole number from 1 to"));
    // What is of one form only is no parameter of another.
    let csv = format!("/v1/reports/links.csv?guild_id={GUILD}&bom=true");
    assert!(lake.get(&csv).await.body.starts_with("\u{feff}".as_bytes()));
    let fields = lake.get(&csv.replace(".csv", ".json")).await.bad_fields();
    assert!(fields.contains_key("bom"));

    let none = lake.get("/v1/reports/nothing?guild_id=7").await;
    none.is_problem(404, "report_not_found");
    let none = lake.get("/v1/reports/activity.xlsx?guild_id=7").await;
    none.is_problem(404, "route_not_found");
    let none = lake.get("/v1/reports/..%2Flib%2Fviews?guild_id=7").await;
    none.is_problem(404, "route_not_found");
    let open = lake.ask(Method::GET, &activity(""), &[]).await;
    open.is_problem(401, "unauthorized");
}

#[tokio::test]
async fn the_form_is_chosen_by_accept_too() {
    let lake = lake();
    let ask = async |accept| -> Answer {
        let headers = [("x-api-key", KEY), ("accept", accept)];
        lake.ask(Method::GET, &activity(""), &headers).await
    };
    let csv = ask("text/csv").await;
    let file = csv.header(header::CONTENT_DISPOSITION.as_str());
    assert_eq!(file, Some("attachment; filename=\"activity.csv\""));
    assert!(
        csv.text()
            .starts_with("period,starts_at,messages,authors,channels\n2025-01-01T00:00:00,")
    );
    ask("image/png").await.is_problem(406, "not_acceptable");
}

#[tokio::test]
async fn a_users_own_file_is_a_report_as_soon_as_it_is_there() {
    let lake = lake();
    let ask = async |name: &str| lake.get(&format!("/v1/reports/{name}")).await;
    ask("mine").await.is_problem(404, "report_not_found");
    let header = "-- param word: text = x. A word.\n-- column word: text. It.\n-- column written: integer. Messages.\n";
    let sql = "SELECT coalesce(getvariable('word'), 'x') AS word, count(*) AS written FROM discord_messages;";
    own(&lake, "mine.sql", header, sql);
    let page = ask("mine").await.json();
    assert_eq!(page["data"], json!([{"word": "x", "written": 300}]));
    // Values stay values.
    let page = ask("mine?word=%27%3B+DROP+TABLE+x%3B--").await.json();
    assert_eq!(page["data"][0]["word"], "'; DROP TABLE x;--");
    assert_eq!(ask("mine").await.json()["data"][0]["word"], "x");
    let description = lake.get("/openapi.json").await.json();
    let parameter = &description["paths"]["/v1/reports/mine"]["get"]["parameters"][0];
    assert_eq!(parameter["schema"]["default"], "x");

    // In place of a built-in one.
    own(
        &lake,
        "activity.sql",
        "-- column one: integer. One.\n",
        "SELECT 1 AS one",
    );
    assert_eq!(ask("activity").await.json()["data"], json!([{"one": 1}]));
    std::fs::remove_file(lake.folder.path().join(QUERIES).join("activity.sql")).unwrap();
    ask("activity").await.bad_fields();
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_nobody_fetches_are_bounded() {
    let lake = lake();
    let header = "-- column wide: text. Much.\n";
    let sql = "SELECT repeat('x', 500) AS wide FROM range(100000)";
    own(&lake, "wide.sql", header, sql);
    let ask = || {
        lake.send(
            Method::GET,
            "/v1/reports/wide.ndjson",
            &[("x-api-key", KEY)],
        )
    };
    let mut waiting = Vec::new();
    let refused = loop {
        let answer = ask().await;
        if answer.status() != StatusCode::OK {
            break answer;
        }
        waiting.push(answer);
        assert!(waiting.len() < 10, "each has fifty megabytes");
    };
    let refused = Answer::of(refused).await;
    refused.is_problem(503, "busy");
    assert!(refused.header("retry-after").is_some());
    waiting.pop();
    let free = async {
        loop {
            let answer = ask().await;
            if answer.status() == StatusCode::OK {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    let answer = tokio::time::timeout(Duration::from_secs(30), free).await;
    let answer = Answer::of(answer.unwrap()).await;
    assert_eq!(answer.text().lines().count(), 100_000);
}

#[tokio::test]
async fn a_file_that_is_no_query_is_refused_and_changes_nothing() {
    let lake = lake();
    let one = "-- column one: integer. One.\n";
    let record = "CREATE TABLE reports.main.x AS SELECT 1";
    for (name, header, sql, reason) in [
        (
            "drop.sql",
            one,
            "DROP VIEW discord_messages",
            "it is not a query",
        ),
        ("make.sql", one, record, "it is not a query"),
        (
            "fold.sql",
            one,
            "SELECT 1 AS one FROM checkpoint()",
            "checkpoint does more than a query",
        ),
        (
            "two.sql",
            one,
            "SELECT 1 AS one; SELECT 2 AS one",
            "a report must be a single query, but the file contains 2",
        ),
        (
            "none.sql",
            one,
            "",
            "a report must be a single query, but the file contains 0",
        ),
        ("typo.sql", one, "SELECT 1 AS one\nFROM WHERE", "line 6"),
        ("absent.sql", one, "SELECT one FROM nowhere", "nowhere"),
        (
            "other.sql",
            one,
            "SELECT 1 AS two",
            "the query returns the columns two",
        ),
        (
            "word.sql",
            one,
            "SELECT 'word' AS one",
            "Cannot cast string 'word'",
        ),
        ("fails.sql", one, "SELECT error('no') AS one", "no"),
        (
            "untold.sql",
            "",
            "SELECT 1 AS one",
            "the header has no `-- column`",
        ),
        (
            "what.sql",
            "-- column one: date. One.\n",
            "SELECT 1 AS one",
            "line 3: `date` is not a column type",
        ),
    ] {
        own(&lake, name, header, sql);
        let path = format!("/v1/reports/{}", name.trim_end_matches(".sql"));
        let problem = lake.get(&path).await.is_problem(500, "report_broken");
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.starts_with(name) && detail.contains(reason),
            "{name}: {detail}"
        );
    }
    own(&lake, "Über uns.sql", one, "SELECT 1 AS one");
    let list = lake.get("/v1/reports").await.json();
    let broken: Vec<_> = list["broken"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["file"])
        .collect();
    assert_eq!(broken, ["untold.sql", "what.sql", "Über uns.sql"]);
    // One that is too large, and the others still answer.
    own(
        &lake,
        "large.sql",
        one,
        "SELECT range AS one FROM range(250001)",
    );
    let problem = lake.get("/v1/reports/large").await;
    problem.is_problem(422, "answer_too_large");
    assert_eq!(
        lake.get(&activity("")).await.json()["data"][0]["messages"],
        300
    );
}

#[tokio::test]
async fn a_report_sees_one_moment_and_every_change() {
    let mut lake = lake();
    let before = lake.get(&activity("")).await.json();
    lake.delete(minute(3));
    let after = lake.get(&activity("")).await.json();
    assert_eq!(after["data"][0]["messages"], 299);
    assert!(after["as_of_revision"].as_i64() > before["as_of_revision"].as_i64());
    let all = lake.get(&activity("&include_deleted=true")).await.json();
    assert_eq!(all["data"][0]["messages"], 300);
}

#[tokio::test]
async fn what_is_kept_of_one_request_answers_no_other() {
    let urls = [
        activity(""),
        activity("&unit=hour&time_zone=Asia/Kathmandu"),
        activity("&unit=week&week_start=sunday"),
        activity("&unit=week"),
        activity("&from=2025-01-01T02:10:00Z&unit=hour"),
        activity("&from=2025-01-01T02:10:00Z&to=2025-03-01T00:00:00Z&time_zone=Pacific/Chatham"),
        activity("&channel_id=1"),
        format!("/v1/reports/heatmap?guild_id={GUILD}&time_zone=America/St_Johns"),
        format!("/v1/reports/authors?guild_id={GUILD}&from=2025-01-01T02:10:00Z&unit=day"),
        format!("/v1/reports/quiet_channels?guild_id={GUILD}&quiet_days=1"),
        format!("/v1/coverage?guild_id={GUILD}&to=2025-03-01T00:00:00Z"),
        format!("/v1/coverage?guild_id={GUILD}"),
    ];
    let mut lake = lake();
    own(
        &lake,
        "fails.sql",
        "-- column one: integer. One.",
        "SELECT CAST('no ' || range AS BIGINT) AS one FROM range(2)",
    );
    for deleted in [None, Some(minute(3))] {
        if let Some(message) = deleted {
            lake.delete(message);
        }
        let mut firsts = Vec::new();
        for url in &urls {
            let mut fresh = self::lake();
            deleted
                .into_iter()
                .for_each(|message| fresh.delete(message));
            let answer = fresh.get(url).await.json();
            firsts.push((answer["data"].clone(), answer["coverage"].clone()));
        }
        // Each step is prime to the number of requests; what fails in between takes what is kept with it.
        for step in [1, 5, 7] {
            for place in 0..urls.len() * 2 {
                let place = place * step % urls.len();
                let answer = lake.get(&urls[place]).await.json();
                let found = (answer["data"].clone(), answer["coverage"].clone());
                assert_eq!(found, firsts[place], "{}", urls[place]);
            }
            let problem = lake.get("/v1/reports/fails").await;
            problem.is_problem(500, "report_broken");
        }
    }
}
