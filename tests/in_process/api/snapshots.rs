//! Snapshots, as those who read them see them: the list, the names that stay, the files and their parts.

use std::path::PathBuf;

use axum::http::Method;
use serde_json::Value;
use sha2::{Digest, Sha256};

use testkit::lake::{Answer, GUILD, KEY, Lake, minute, payload};
use testkit::scenes::two_months as lake;

const LIST: &str = "/v1/snapshots";

async fn files(lake: &Lake) -> Vec<Value> {
    let list = lake.get(LIST).await.json();
    list["data"][0]["files"].as_array().unwrap().clone()
}

/// Where a file of the list is.
fn url(file: &Value) -> String {
    format!("/v1/{}", file["href"].as_str().unwrap())
}

fn on_disk(lake: &Lake, file: &Value) -> PathBuf {
    let href = file["href"].as_str().unwrap();
    let path = href.strip_prefix("snapshots/files/").unwrap();
    lake.folder.path().join("snapshots").join(path)
}

/// Where an answer leads to, as a client finds it.
fn target(path: &str, answer: &Answer) -> String {
    let base = url::Url::parse("http://lake").unwrap().join(path).unwrap();
    let location = answer.header("location").unwrap();
    base.join(location).unwrap().path().to_owned()
}

async fn january(lake: &Lake) -> Value {
    let files = files(lake).await;
    let mut found = files
        .into_iter()
        .filter(|it| it["table"] == "messages" && it["month"] == "2025-01");
    found.next().unwrap()
}

async fn with(lake: &Lake, path: &str, header: (&str, &str)) -> Answer {
    lake.ask(Method::GET, path, &[("x-api-key", KEY), header])
        .await
}

#[tokio::test]
async fn without_a_snapshot_the_list_is_empty() {
    let lake = Lake::new();
    assert_eq!(lake.get(LIST).await.json()["data"], Value::Array(vec![]));
    for path in ["manifest.json", "channels.parquet"] {
        let answer = lake.get(&format!("{LIST}/latest/{path}")).await;
        answer.is_problem(404, "file_not_found");
    }
}

#[tokio::test]
async fn the_list_has_every_file_with_what_it_is() {
    let lake = lake();
    let outcome = lake.snapshot().await;
    let list = lake.get(LIST).await.json();
    let snapshot = &list["data"][0];
    assert_eq!(snapshot["revision"], outcome.revision);
    assert_eq!(snapshot["messages"], 70);
    let names: Vec<String> = files(&lake)
        .await
        .iter()
        .map(|file| format!("{} {}", file["table"].as_str().unwrap(), file["month"]))
        .collect();
    assert_eq!(
        names,
        [
            "messages \"2025-01\"",
            "messages \"2025-02\"",
            "versions \"2025-01\"",
            "guilds null",
            "channels null",
            "coverage null",
            "outages null"
        ]
    );
    for file in files(&lake).await {
        let answer = lake.get(&url(&file)).await;
        assert_eq!(answer.status, 200, "{file}");
        assert_eq!(answer.body.len() as u64, file["bytes"].as_u64().unwrap());
        let hash = Sha256::digest(&answer.body);
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, file["sha256"].as_str().unwrap());
        assert_eq!(answer.header("etag"), Some(format!("\"{hash}\"").as_str()));
        assert_eq!(
            answer.header("content-type"),
            Some("application/vnd.apache.parquet")
        );
        assert!(
            answer
                .header("cache-control")
                .unwrap()
                .contains("immutable")
        );
        assert!(answer.header("last-modified").is_some());
    }
    let manifest = lake
        .get(&format!("/v1/{}", snapshot["manifest"].as_str().unwrap()))
        .await;
    let manifest = manifest.json();
    assert_eq!(manifest["revision"], snapshot["revision"]);
    assert_eq!(
        manifest["files"].as_array().unwrap().len(),
        names.len(),
        "the manifest on the wire is the one on the disk"
    );
    let current = lake.folder.path().join("snapshots/manifest.json");
    let current: Value = serde_json::from_slice(&std::fs::read(current).unwrap()).unwrap();
    assert_eq!(current, manifest);
}

#[tokio::test]
async fn names_that_stay_lead_to_the_current_files() {
    let mut lake = lake();
    lake.snapshot().await;
    let partition = format!("{LIST}/latest/messages/guild_id={GUILD}/month=2025-01.parquet");
    let first = lake.get(&partition).await;
    assert_eq!(first.status, 307);
    assert_eq!(target(&partition, &first), url(&january(&lake).await));
    lake.add([payload(minute(100), "new")]);
    lake.snapshot().await;
    let second = lake.get(&partition).await;
    assert_ne!(first.header("location"), second.header("location"));
    // What was begun with the older one goes on.
    for answer in [&first, &second] {
        let file = lake.get(&target(&partition, answer)).await;
        assert_eq!(file.status, 200);
    }
    for name in ["manifest.json", "channels.parquet", "guilds.parquet"] {
        let path = format!("{LIST}/latest/{name}");
        let answer = lake.get(&path).await;
        assert_eq!(answer.status, 307, "{name}");
        assert_eq!(lake.get(&target(&path, &answer)).await.status, 200);
    }
    for name in [
        "nothing.parquet",
        "..%2Fguildlake.duckdb",
        "messages/guild_id=1/month=2025-01.parquet",
    ] {
        let answer = lake.get(&format!("{LIST}/latest/{name}")).await;
        answer.is_problem(404, "file_not_found");
    }
}

#[tokio::test]
async fn nothing_but_what_a_manifest_names_is_served() {
    let lake = lake();
    lake.snapshot().await;
    let folder = lake.folder.path().join("snapshots");
    std::fs::write(folder.join("channels/secret.parquet"), "secret").unwrap();
    for path in [
        "channels/secret.parquet",
        "..%2F../guildlake.duckdb",
        "..%2Fguildlake.duckdb/x",
        "%2Fetc/passwd",
        "channels/..%2Fmanifest.json",
        "messages/guild_id=1/month=2025-01/1-0123456789abcdef.parquet",
    ] {
        let answer = lake.get(&format!("{LIST}/files/{path}")).await;
        answer.is_problem(404, "file_not_found");
    }
    let without_key = lake
        .ask(Method::GET, &url(&january(&lake).await), &[])
        .await;
    without_key.is_problem(401, "unauthorized");
}

#[tokio::test]
async fn parts_are_served_and_what_is_known_is_not_sent_again() {
    let lake = lake();
    lake.snapshot().await;
    let file = january(&lake).await;
    let path = url(&file);
    let whole = lake.get(&path).await;
    let length = whole.body.len();
    let etag = whole.header("etag").unwrap().to_owned();
    for (range, expected) in [
        ("bytes=0-3", 0..4),
        ("bytes=4-", 4..length),
        ("bytes=-8", length - 8..length),
        ("bytes=10-99999999", 10..length),
    ] {
        let part = with(&lake, &path, ("range", range)).await;
        assert_eq!(part.status, 206, "{range}");
        let (start, end) = (expected.start, expected.end - 1);
        let content_range = format!("bytes {start}-{end}/{length}");
        assert_eq!(part.header("content-range"), Some(content_range.as_str()));
        assert!(part.body == whole.body[expected], "{range}");
        assert_eq!(part.header("etag"), Some(etag.as_str()));
    }
    let answer = with(&lake, &path, ("range", "bytes=99999999-")).await;
    answer.is_problem(416, "range_not_satisfiable");
    let content_range = format!("bytes */{length}");
    assert_eq!(answer.header("content-range"), Some(content_range.as_str()));
    for range in ["bytes=0-1,4-5", "rows=1-2", "0-1"] {
        let answer = with(&lake, &path, ("range", range)).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (200, length));
    }
    let known = with(&lake, &path, ("if-none-match", &etag)).await;
    assert_eq!(known.status, 304);
    assert!(known.body.is_empty());
    let other = with(&lake, &path, ("if-none-match", "\"another\"")).await;
    assert_eq!(other.status, 200);
    let same = with(&lake, &path, ("if-match", &etag)).await;
    assert_eq!(same.status, 200);
    let other = with(&lake, &path, ("if-match", "\"another\"")).await;
    other.is_problem(412, "precondition_failed");
    for (tag, status) in [(etag.as_str(), 206), ("\"another\"", 200)] {
        let headers = [
            ("x-api-key", KEY),
            ("range", "bytes=0-3"),
            ("if-range", tag),
        ];
        let answer = lake.ask(Method::GET, &path, &headers).await;
        assert_eq!(answer.status, status, "{tag}");
    }
    let head = lake.ask(Method::HEAD, &path, &[("x-api-key", KEY)]).await;
    assert_eq!(head.status, 200);
    assert_eq!(
        head.header("content-length"),
        Some(length.to_string().as_str())
    );
    assert_eq!(head.header("etag"), Some(etag.as_str()));
    assert_eq!(head.header("accept-ranges"), Some("bytes"));
    assert!(head.body.is_empty());
    let headers = [("x-api-key", KEY), ("range", "bytes=0-3")];
    let head = lake.ask(Method::HEAD, &path, &headers).await;
    assert_eq!(head.status, 200, "a range is for GET only");
    // A tag for bytes means these bytes: nothing is compressed on the way.
    let latest = format!("{LIST}/latest/manifest.json");
    let manifest = target(&latest, &lake.get(&latest).await);
    for path in [path, manifest] {
        let answer = with(&lake, &path, ("accept-encoding", "gzip, br, zstd")).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-encoding"), None);
    }
}

/// RFC 9110, section 14: what can be satisfied is, however it is written.
#[tokio::test]
async fn a_range_is_read_as_the_standard_says() {
    let lake = lake();
    lake.snapshot().await;
    let path = url(&january(&lake).await);
    let whole = lake.get(&path).await.body;
    let length = whole.len();
    let long = "9".repeat(40);
    for (range, expected) in [
        // Longer than the file: all of it.
        (format!("bytes=-{}", length + 1), 0..length),
        ("bytes=-65536".to_owned(), 0..length),
        (format!("bytes=-{long}"), 0..length),
        (format!("bytes=-{length}"), 0..length),
        (format!("bytes=0-{long}"), 0..length),
        ("bytes=0-18446744073709551615".to_owned(), 0..length),
        ("bytes=0-18446744073709551616".to_owned(), 0..length),
        ("bytes=0-0".to_owned(), 0..1),
        ("bytes=-1".to_owned(), length - 1..length),
        (format!("bytes={}-", length - 1), length - 1..length),
        ("bytes=00-03".to_owned(), 0..4),
        (
            "bytes=0000000000000000000000000000000000-3".to_owned(),
            0..4,
        ),
        ("bytes=-0008".to_owned(), length - 8..length),
        ("bytes= 0-3".to_owned(), 0..4),
        ("bytes=0-3 ".to_owned(), 0..4),
        ("bytes=\t0-3\t".to_owned(), 0..4),
        ("BYTES=0-3".to_owned(), 0..4),
        // A list may have empty elements.
        ("bytes=,0-3".to_owned(), 0..4),
        ("bytes= , 0-3 , ,".to_owned(), 0..4),
    ] {
        let part = with(&lake, &path, ("range", &range)).await;
        assert_eq!(part.status, 206, "{range:?}");
        let (start, end) = (expected.start, expected.end - 1);
        let content_range = format!("bytes {start}-{end}/{length}");
        assert_eq!(
            part.header("content-range"),
            Some(content_range.as_str()),
            "{range:?}"
        );
        let size = expected.len().to_string();
        assert_eq!(
            part.header("content-length"),
            Some(size.as_str()),
            "{range:?}"
        );
        assert!(part.body == whole[expected], "{range:?}");
    }
    for range in [
        format!("bytes={length}-"),
        format!("bytes={length}-{}", length + 10),
        format!("bytes={long}-"),
        format!("bytes={long}-{long}"),
        "bytes=-0".to_owned(),
        "bytes=-000".to_owned(),
    ] {
        let answer = with(&lake, &path, ("range", &range)).await;
        answer.is_problem(416, "range_not_satisfiable");
        let content_range = format!("bytes */{length}");
        assert_eq!(answer.header("content-range"), Some(content_range.as_str()));
    }
    // What is no range, and several ranges, are answered with everything.
    for range in [
        "bytes=3-0",
        "bytes=-",
        "bytes=",
        "bytes",
        "bytes=a-b",
        "bytes=0-3x",
        "bytes=+0-3",
        "bytes=0--3",
        "bytes=--3",
        "bytes=0x0-3",
        "bytes=0-1,4-5",
        "bytes=0-1,-1",
        "rows=0-3",
        "=0-3",
        "",
    ] {
        let answer = with(&lake, &path, ("range", range)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.body.len()),
            (200, length),
            "{range:?}"
        );
    }
}

/// RFC 9110, section 13.2.2: which condition goes before which.
#[tokio::test]
async fn conditions_are_looked_at_in_the_order_of_the_standard() {
    let lake = lake();
    lake.snapshot().await;
    let path = url(&january(&lake).await);
    let whole = lake.get(&path).await;
    let etag = whole.header("etag").unwrap();
    let then = whole.header("last-modified").unwrap();
    let before = "Thu, 01 Jan 2015 00:00:00 GMT";
    let later = "Fri, 01 Jan 2100 00:00:00 GMT";
    let other = "\"another\"";
    for (conditions, status) in [
        (vec![("if-modified-since", then)], 304),
        (vec![("if-modified-since", later)], 304),
        (vec![("if-modified-since", before)], 200),
        (vec![("if-modified-since", "yesterday")], 200),
        (
            vec![("if-modified-since", "Thursday, 01-Jan-15 00:00:00 GMT")],
            200,
        ),
        (vec![("if-unmodified-since", then)], 200),
        (vec![("if-unmodified-since", later)], 200),
        (vec![("if-unmodified-since", before)], 412),
        (vec![("if-unmodified-since", "yesterday")], 200),
        // A tag goes before a time.
        (
            vec![("if-none-match", other), ("if-modified-since", then)],
            200,
        ),
        (
            vec![("if-none-match", etag), ("if-modified-since", before)],
            304,
        ),
        (
            vec![("if-match", etag), ("if-unmodified-since", before)],
            200,
        ),
        (
            vec![("if-match", other), ("if-unmodified-since", then)],
            412,
        ),
        // What refuses goes before what is known.
        (vec![("if-match", other), ("if-none-match", etag)], 412),
        (
            vec![("if-unmodified-since", before), ("if-none-match", etag)],
            412,
        ),
        (vec![("if-match", etag), ("if-none-match", etag)], 304),
        (vec![("if-match", "*")], 200),
        (vec![("if-none-match", "*")], 304),
        // And all of them before the range.
        (
            vec![("if-modified-since", then), ("range", "bytes=0-3")],
            304,
        ),
        (
            vec![("if-none-match", etag), ("range", "bytes=999999999-")],
            304,
        ),
        (
            vec![("if-unmodified-since", then), ("range", "bytes=0-3")],
            206,
        ),
        (vec![("if-range", then), ("range", "bytes=0-3")], 206),
        (vec![("if-range", later), ("range", "bytes=0-3")], 200),
        (vec![("if-range", before), ("range", "bytes=0-3")], 200),
        (
            vec![("if-range", other), ("range", "bytes=999999999-")],
            200,
        ),
        (vec![("if-range", "W/\"x\""), ("range", "bytes=0-3")], 200),
    ] {
        let mut headers = vec![("x-api-key", KEY)];
        headers.extend(&conditions);
        for method in [Method::GET, Method::HEAD] {
            let is_get = method == Method::GET;
            let answer = lake.ask(method, &path, &headers).await;
            // A range is for GET only.
            let expected = if is_get || status != 206 { status } else { 200 };
            assert_eq!(answer.status, expected, "{conditions:?}");
            if status == 304 {
                assert_eq!(answer.header("etag"), Some(etag));
                assert!(answer.body.is_empty());
            }
            if status == 412 && is_get {
                answer.is_problem(412, "precondition_failed");
            }
        }
    }
}

#[tokio::test]
async fn a_file_that_is_not_whole_is_refused_and_written_anew() {
    let lake = lake();
    lake.snapshot().await;
    let file = january(&lake).await;
    let path = on_disk(&lake, &file);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let answer = lake.get(&url(&file)).await;
    answer.is_problem(503, "file_damaged");
    assert!(answer.header("retry-after").is_some());
    lake.snapshot().await;
    let again = january(&lake).await;
    assert_eq!(
        again["sha256"], file["sha256"],
        "the same rows are the same file"
    );
    assert!(lake.get(&url(&again)).await.body == bytes);
}

#[tokio::test]
async fn asking_for_one_says_from_which_revision_on() {
    let lake = lake();
    let headers = [("x-api-key", KEY)];
    let answer = lake.ask(Method::POST, LIST, &headers).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body["revision"], lake.status.borrow().revision);
    let answer = lake.ask(Method::POST, LIST, &[]).await;
    answer.is_problem(401, "unauthorized");
    let answer = lake.ask(Method::DELETE, LIST, &headers).await;
    answer.is_problem(405, "method_not_allowed");
}
