//! What other programs' readers depend on, on every route and in every report: times in text with six digits
//! and a Z (readers guess a column's unit by its first values, and cut what is finer), ids as strings in
//! JSON, Arrow streams whose buffers are as they are (readers in browsers have no decompressors).

use arrow::ipc::{MessageHeader, root_as_message};
use regex::Regex;
use serde_json::Value;
use url::Url;

use guildlake::store::Batch;
use testkit::lake::{CHANNEL, GUILD, Lake, MESSAGES, channel, edited, minute, payload};

/// The greatest integer that a reader with numbers of 64-bit floating point keeps.
const GREATEST_SAFE: u64 = (1 << 53) - 1;

/// Messages of one moment and the next: edited, deleted, with links, asked and answered.
async fn lake() -> Lake {
    let mut lake = Lake::new();
    lake.commit(&Batch {
        channels: vec![channel(CHANNEL, 0), channel(CHANNEL + 5, 11)],
        ..Batch::default()
    });
    lake.add_minutes(20);
    let question = "who knows? see https://example.org/a";
    lake.add([payload(minute(21) + (357 << 22), question)]);
    lake.add([edited(
        minute(22),
        "edited",
        "2025-01-02T03:04:05.123456+00:00",
    )]);
    lake.add([edited(minute(23), "edited", "2025-01-02T03:04:05+00:00")]);
    lake.delete(minute(3));
    lake.index().await;
    lake.snapshot().await;
    lake
}

/// The routes of JSON, and of each the other forms that it has.
async fn routes(lake: &Lake) -> Vec<String> {
    let (first, last) = (minute(22), minute(3));
    let mut routes = vec![
        format!("{MESSAGES}&include_deleted=true"),
        format!("/v1/messages/{first}"),
        format!("/v1/messages/{last}"),
        format!("/v1/messages/{first}/versions"),
        format!("/v1/changes?guild_id={GUILD}&since=0"),
        format!("/v1/coverage?guild_id={GUILD}"),
        format!("/v1/search?guild_id={GUILD}&q=message&facets=channel,author,day"),
        format!("/v1/search/suggest?guild_id={GUILD}&filter=from&text=a"),
        "/v1/reports".to_owned(),
        "/v1/snapshots".to_owned(),
        "/health".to_owned(),
    ];
    let latest = Url::parse("http://localhost/v1/snapshots/latest/manifest.json").unwrap();
    let manifest = lake.get(latest.path()).await;
    let manifest = latest.join(manifest.header("location").unwrap()).unwrap();
    routes.push(manifest.path().to_owned());
    let reports = lake.get("/v1/reports").await.json();
    for report in reports["data"].as_array().unwrap() {
        let name = report["name"].as_str().unwrap();
        let parameters = report["parameters"].as_array().unwrap();
        let is_of_guild = parameters.iter().any(|it| it["name"] == "guild_id");
        let guild = format!("?guild_id={GUILD}");
        let of = if is_of_guild { guild.as_str() } else { "" };
        routes.push(format!("/v1/reports/{name}{of}"));
    }
    assert!(routes.len() > 25, "{routes:?}");
    routes
}

/// Looks at each value with the name that it is under.
fn each(name: &str, value: &Value, look: &mut impl FnMut(&str, &Value)) {
    look(name, value);
    match value {
        Value::Array(items) => items.iter().for_each(|it| each(name, it, look)),
        // Discord's own payload is handed on as it came.
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| *name != "raw_json")
            .for_each(|(name, it)| each(name, it, look)),
        _ => {}
    }
}

#[tokio::test]
async fn times_in_text_have_six_digits_and_ids_are_strings() {
    let lake = lake().await;
    let begins_as_a_time = Regex::new(r"^\d{4}-\d\d-\d\dT").unwrap();
    let time = Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$").unwrap();
    let (mut times, mut ids) = (0, 0);
    for route in routes(&lake).await {
        let answer = lake.get(&route).await.json();
        each("", &answer, &mut |name, value| {
            // A local time, whose zone the request names, has none of its own.
            let is_local = ["period", "cohort"].contains(&name);
            if let Some(text) = value.as_str().filter(|_| !is_local) {
                assert!(
                    !begins_as_a_time.is_match(text) || time.is_match(text),
                    "{route}: {name} is {text}"
                );
                times += usize::from(time.is_match(text));
            }
            if name == "id" || name.ends_with("_id") {
                assert!(!value.is_number(), "{route}: {name} is {value}");
                ids += usize::from(value.is_string());
            }
            let is_safe = value.as_u64().is_none_or(|number| number <= GREATEST_SAFE);
            assert!(is_safe, "{route}: {name} is {value}");
        });
    }
    assert!(times > 100 && ids > 100, "{times} times, {ids} ids");
}

#[tokio::test]
async fn times_in_rows_of_text_have_six_digits() {
    let lake = lake().await;
    let any_time = Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[^\s,\x22]*").unwrap();
    let time = Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$").unwrap();
    for form in ["csv", "ndjson"] {
        for route in [
            format!("/v1/messages.{form}?guild_id={GUILD}&include_deleted=true"),
            format!("/v1/search.{form}?guild_id={GUILD}&q=message"),
            format!("/v1/reports/channels.{form}?guild_id={GUILD}"),
        ] {
            let answer = lake.get(&route).await;
            let found: Vec<_> = any_time.find_iter(answer.text()).collect();
            assert!(!found.is_empty(), "{route}: {}", answer.text());
            for found in found {
                assert!(time.is_match(found.as_str()), "{route}: {}", found.as_str());
            }
        }
    }
    let whole = lake
        .get(&format!("/v1/messages.csv?guild_id={GUILD}"))
        .await;
    assert!(whole.text().contains(",2025-01-02T03:04:05.123456Z,"));
    assert!(whole.text().contains(",2025-01-02T03:04:05.000000Z,"));
}

/// Of each message of a stream: whether it is rows, and whether those are compressed.
fn messages(mut stream: &[u8]) -> Vec<(bool, bool)> {
    let mut messages = Vec::new();
    while let Some((head, rest)) = stream.split_first_chunk::<8>() {
        assert_eq!(head[..4], [0xff; 4]);
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        if length == 0 {
            break;
        }
        let message = root_as_message(&rest[..length]).unwrap();
        let rows = message.header_as_record_batch();
        messages.push((
            message.header_type() == MessageHeader::RecordBatch,
            rows.is_some_and(|rows| rows.compression().is_some()),
        ));
        stream = &rest[length + usize::try_from(message.bodyLength()).unwrap()..];
    }
    messages
}

#[tokio::test]
async fn the_buffers_of_arrow_are_not_compressed() {
    let lake = lake().await;
    for route in [
        format!("/v1/messages.arrow?guild_id={GUILD}"),
        format!("/v1/search.arrow?guild_id={GUILD}&q=message"),
        format!("/v1/reports/activity.arrow?guild_id={GUILD}"),
    ] {
        let answer = lake.get(&route).await;
        let messages = messages(&answer.body);
        assert!(messages.iter().any(|(is_rows, _)| *is_rows), "{route}");
        assert!(!messages.iter().any(|(_, is_compressed)| *is_compressed));
    }
}
