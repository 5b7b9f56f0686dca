//! Downloads, as callers see them: each form has the rows of the pages, in order, and says what it is.

use std::io::Cursor;
use std::time::Duration;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use arrow::ipc::reader::StreamReader;
use axum::body::{Body, Bytes};
use axum::http::{Method, StatusCode};
use futures_util::StreamExt;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use testkit::lake::{Answer, CHANNEL, GUILD, KEY, Lake, MESSAGES, Served, minute, payload};
use testkit::scenes::odd_texts as lake;

const FORMATS: [&str; 4] = ["ndjson", "csv", "arrow", "parquet"];

fn path(format: &str, more: &str) -> String {
    format!("/v1/messages.{format}?guild_id={GUILD}{more}")
}

fn batches(format: &str, bytes: &[u8]) -> Vec<RecordBatch> {
    if format == "arrow" {
        let reader = StreamReader::try_new(Cursor::new(bytes), None).unwrap();
        return reader.map(Result::unwrap).collect();
    }
    let bytes = Bytes::copy_from_slice(bytes);
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    reader.build().unwrap().map(Result::unwrap).collect()
}

/// Channel, id and text of each row.
type Key = (i64, i64, String);

fn keys(format: &str, answer: &Answer) -> Vec<Key> {
    if format == "ndjson" {
        let number = |row: &Value, name: &str| row[name].as_str().unwrap().parse().unwrap();
        let rows = answer
            .text()
            .lines()
            .map(|line| -> Value { serde_json::from_str(line).unwrap() });
        return rows
            .map(|row| {
                let content = row["content"].as_str().unwrap().to_owned();
                (
                    number(&row, "channel_id"),
                    number(&row, "message_id"),
                    content,
                )
            })
            .collect();
    }
    let mut keys = Vec::new();
    for batch in batches(format, &answer.body) {
        let ids = |name| {
            batch
                .column_by_name(name)
                .unwrap()
                .as_primitive::<Int64Type>()
                .clone()
        };
        let texts = batch
            .column_by_name("content")
            .unwrap()
            .as_string::<i32>()
            .clone();
        let (channels, messages) = (ids("channel_id"), ids("message_id"));
        keys.extend((0..batch.num_rows()).map(|row| {
            (
                channels.value(row),
                messages.value(row),
                texts.value(row).to_owned(),
            )
        }));
    }
    keys
}

async fn pages(lake: &Lake, more: &str) -> Vec<Key> {
    let mut keys = Vec::new();
    for channel in [CHANNEL, CHANNEL + 5] {
        let list = MESSAGES.replace(&CHANNEL.to_string(), &channel.to_string());
        let page = lake
            .get(&format!("{list}&order=asc&limit=500{more}"))
            .await
            .json();
        for row in page["data"].as_array().unwrap() {
            let id = row["message_id"].as_str().unwrap().parse().unwrap();
            keys.push((channel, id, row["content"].as_str().unwrap().to_owned()));
        }
    }
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_has_the_rows_of_the_pages_in_their_order() {
    let lake = lake();
    for more in [
        "",
        "&include_deleted=true",
        "&from=2025-01-01T00:02:00Z&to=2025-01-01T00:05:00Z",
    ] {
        let expected = pages(&lake, more).await;
        assert!(more.contains("from") || expected.len() >= 13);
        for format in ["ndjson", "arrow", "parquet"] {
            let answer = lake.get(&path(format, more)).await;
            assert_eq!(answer.status, 200);
            assert_eq!(keys(format, &answer), expected, "{format} {more}");
        }
        let csv = lake
            .get(&path("csv", &format!("{more}&columns=message_id")))
            .await;
        let ids: Vec<i64> = csv
            .text()
            .lines()
            .skip(1)
            .map(|id| id.parse().unwrap())
            .collect();
        assert_eq!(ids, expected.iter().map(|key| key.1).collect::<Vec<_>>());
    }
    let one = format!("&channel_id={}", CHANNEL + 5);
    let answer = lake.get(&path("arrow", &one)).await;
    assert!(
        keys("arrow", &answer)
            .iter()
            .all(|key| key.0 == CHANNEL + 5)
    );
}

#[tokio::test]
async fn what_only_a_page_takes_is_refused_with_the_reason() {
    let page = format!("{MESSAGES}&limit=5&include_raw=true");
    let headers = [("x-api-key", KEY), ("accept", "text/csv")];
    let answer = Lake::new().ask(Method::GET, &page, &headers).await;
    let fields = answer.bad_fields();
    assert!(
        fields["limit"].contains("a download contains all"),
        "{fields:?}"
    );
    assert!(fields["include_raw"].contains("columns"), "{fields:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_ndjson_is_the_row_of_a_page() {
    let lake = lake();
    let page = lake
        .get(&format!("{MESSAGES}&order=asc&limit=1&include_raw=true"))
        .await
        .json();
    let more = format!(
        "&channel_id={CHANNEL}&columns={}",
        "message_id,guild_id,channel_id,author_id,author_name,author_is_bot,content,created_at,edited_at,deleted,\
         deleted_by,deleted_after,deleted_before,content_removed_at,message_type,attachment_count,\
         embed_count,reaction_count,reactions,poll_votes,ingested_at,revision,raw_json"
    );
    let lines = lake.get(&path("ndjson", &more)).await;
    let first: Value = serde_json::from_str(lines.text().lines().next().unwrap()).unwrap();
    assert_eq!(first, page["data"][0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_found_is_an_empty_file_with_its_columns() {
    let lake = Lake::new();
    assert_eq!(lake.get(&path("ndjson", "")).await.text(), "");
    let csv = lake.get(&path("csv", "&columns=content,message_id")).await;
    assert_eq!(csv.text(), "content,message_id\n");
    for format in ["arrow", "parquet"] {
        let answer = lake.get(&path(format, "")).await;
        assert!(
            batches(format, &answer.body)
                .iter()
                .all(|batch| batch.num_rows() == 0)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spreadsheet_finds_no_formula_unless_it_is_wanted() {
    let lake = lake();
    let more = "&columns=content&include_deleted=true";
    let guarded = lake.get(&path("csv", more)).await;
    for text in [
        "'=SUM(A1)",
        "'@here",
        "'-1",
        "\"with \"\"quotes\"\", commas\nand lines\"",
    ] {
        assert!(
            guarded.text().contains(&format!("\n{text}\n")),
            "{}",
            guarded.text()
        );
    }
    let raw = lake
        .get(&path("csv", &format!("{more}&raw=true&bom=true")))
        .await;
    assert!(raw.text().starts_with("\u{feff}content\n"));
    assert!(raw.text().contains("\n=SUM(A1)\n"));
}

/// The columns that a Parquet file says its rows are sorted by.
fn sorted_by(file: &[u8]) -> Vec<String> {
    let file = Bytes::copy_from_slice(file);
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let group = reader.metadata().row_group(0);
    let columns = group.sorting_columns().into_iter().flatten();
    let name = |at: i32| group.column(at as usize).column_path().string();
    columns.map(|column| name(column.column_idx)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_says_of_its_order_only_what_is_true() {
    let mut lake = lake();
    lake.add([payload(minute(-1000), "nobody answers?")]);
    lake.index().await;
    for path in [
        format!("/v1/search.parquet?guild_id={GUILD}&sort=oldest"),
        format!("/v1/reports/unanswered_questions.parquet?guild_id={GUILD}"),
    ] {
        let answer = lake.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(sorted_by(&answer.body).is_empty(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_says_what_was_asked_for_and_what_its_columns_mean() {
    let lake = lake();
    let answer = lake.get(&path("parquet", "&compression=snappy")).await;
    let bytes = Bytes::copy_from_slice(&answer.body);
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    let metadata = reader.metadata().clone();
    let pairs = metadata.file_metadata().key_value_metadata().unwrap();
    let value = |key: &str| -> Value {
        let found = pairs.iter().find(|pair| pair.key == key).unwrap();
        serde_json::from_str(found.value.as_ref().unwrap()).unwrap()
    };
    assert_eq!(value("guildlake.query")["guild_id"], GUILD.to_string());
    let csv = lake.get(&path("csv", "")).await;
    for (key, header) in [
        ("guildlake.coverage", "guildlake-coverage"),
        ("guildlake.revision", "guildlake-revision"),
        ("guildlake.store_id", "guildlake-store-id"),
        ("guildlake.epoch", "guildlake-epoch"),
    ] {
        let pair = pairs.iter().find(|pair| pair.key == key).unwrap();
        assert_eq!(csv.header(header), pair.value.as_deref(), "{key}");
    }
    assert_eq!(value("guildlake.coverage")["complete"], false);
    assert_eq!(value("guildlake.rows"), json!(13));
    let group = metadata.row_group(0);
    assert_eq!(sorted_by(&answer.body), ["channel_id", "message_id"]);
    for column in group.columns() {
        let name = column.column_path().string();
        let is_looked_up = ["author_id", "message_id"].contains(&name.as_str());
        assert_eq!(column.bloom_filter_offset().is_some(), is_looked_up);
        assert!(format!("{:?}", column.compression()).contains("SNAPPY"));
    }
    let field = reader
        .schema()
        .field_with_name("created_at")
        .unwrap()
        .clone();
    assert_eq!(
        field.metadata()["description"],
        "When the message was written (UTC): the time encoded in its id."
    );

    let link = answer.header("link").unwrap();
    assert_eq!(
        link,
        format!("<coverage?guild_id={GUILD}>; rel=\"describedby\"")
    );
    let disposition = answer.header("content-disposition").unwrap();
    assert_eq!(
        disposition,
        format!("attachment; filename=\"messages-{GUILD}.parquet\"")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_parameter_is_named_and_head_has_the_headers() {
    let lake = lake();
    for (format, more, field) in [
        ("csv", "&limit=5", "limit"),
        ("csv", "&compression=zstd", "compression"),
        ("parquet", "&compression=gzip", "compression"),
        ("parquet", "&raw=true", "raw"),
        ("arrow", "&columns=content,nothing", "columns"),
        ("arrow", "&columns=content,content", "columns"),
        (
            "ndjson",
            "&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
            "from",
        ),
    ] {
        let answer = lake.get(&path(format, more)).await;
        let problem = answer.is_problem(400, "invalid_parameter");
        assert_eq!(problem["errors"][0]["field"], field, "{format} {more}");
    }
    let answer = lake.get("/v1/messages.csv").await;
    assert_eq!(
        answer.is_problem(400, "invalid_parameter")["errors"][0]["field"],
        "guild_id"
    );
    for format in FORMATS {
        let get = lake.get(&path(format, "")).await;
        let head = lake
            .ask(Method::HEAD, &path(format, ""), &[("x-api-key", KEY)])
            .await;
        assert_eq!(head.status, 200);
        for name in [
            "content-type",
            "link",
            "content-disposition",
            "cache-control",
            "vary",
        ] {
            assert_eq!(head.header(name), get.header(name), "{format} {name}");
        }
        let stranger = lake.ask(Method::GET, &path(format, ""), &[]).await;
        stranger.is_problem(401, "unauthorized");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn accept_chooses_the_form_where_the_path_does_not() {
    let lake = lake();
    let list = format!("/v1/messages?guild_id={GUILD}");
    let accept = [
        ("x-api-key", KEY),
        ("accept", "application/vnd.apache.parquet"),
    ];
    let answer = lake.ask(Method::GET, &list, &accept).await;
    assert_eq!(keys("parquet", &answer).len(), 13);
    let anything = lake.get(MESSAGES).await;
    assert_eq!(anything.header("content-type"), Some("application/json"));
}

/// A record with enough text that no answer fits into what is sent ahead.
fn large() -> Lake {
    let mut lake = Lake::new();
    let text = "x".repeat(1500);
    lake.add((0..4000).map(|n| payload(minute(n), &text)));
    lake
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_two_run_at_once_and_one_that_is_left_ends() {
    let lake = large();
    let csv = path("csv", "");
    let begin = || lake.send(Method::GET, &csv, &[("x-api-key", KEY)]);
    let (first, second) = (begin().await, begin().await);
    assert_eq!(
        (first.status(), second.status()),
        (StatusCode::OK, StatusCode::OK)
    );
    let third = lake.get(&csv).await;
    third.is_problem(503, "busy");
    assert_eq!(third.header("retry-after"), Some("30"));
    drop(first);
    let free = async {
        loop {
            let answer = begin().await;
            if answer.status() == StatusCode::OK {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    let third = tokio::time::timeout(Duration::from_secs(30), free).await;
    for whole in [second, third.unwrap()] {
        let answer = Answer::of(whole).await;
        assert_eq!(answer.text().lines().count(), 4001);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_1_0_where_a_part_would_look_whole_is_refused() {
    let lake = lake();
    let served = Served::new(&lake).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let request = format!(
        "GET {} HTTP/1.0\r\nx-api-key: {KEY}\r\n\r\n",
        path("csv", "")
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.contains(" 505 ") && answer.contains("\"code\":\"http_version\""),
        "{answer}"
    );
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_in_the_middle_is_broken_off() {
    // The payload of the last row is no JSON: known only when it is reached.
    let lake = large().damage(&format!(
        "UPDATE messages_hot SET raw_json = 'no json' WHERE message_id = {}",
        minute(3999)
    ));
    let answer = lake
        .send(
            Method::GET,
            &path("ndjson", "&columns=content,raw_json"),
            &[("x-api-key", KEY)],
        )
        .await;
    assert_eq!(answer.status(), StatusCode::OK);
    let pieces: Vec<_> = Body::into_data_stream(answer.into_body()).collect().await;
    assert!(pieces.len() > 10);
    assert!(pieces.last().unwrap().is_err(), "it looks complete");
}
