//! What only a real socket shows.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use testkit::lake::{KEY, Lake, MESSAGES, Served, minute, payload};

async fn read(mut stream: TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let end = bytes
        .windows(4)
        .position(|part| part == b"\r\n\r\n")
        .unwrap();
    let body = bytes.split_off(end + 4);
    (String::from_utf8(bytes).unwrap().to_lowercase(), body)
}

#[tokio::test]
async fn a_caller_that_leaves_ends_its_query() {
    // One connection: the next query runs only when the one before has ended.
    let mut lake = Lake::with(1, guildlake::api::TIMEOUT);
    let long = "x".repeat(60_000);
    lake.add((0..500).map(|n| payload(minute(n), &long)));
    let served = Served::new(&lake).await;
    let url = format!("{MESSAGES}&limit=500&include_raw=true");
    for _ in 0..3 {
        let mut stream = served.ask("GET", &url, "").await;
        let mut first = [0; 1024];
        stream.read_exact(&mut first).await.unwrap();
        assert!(first.starts_with(b"HTTP/1.1 200 OK\r\n"));
        // Thirty megabytes are still to come.
        drop(stream);
    }
    let (head, body) = read(served.ask("GET", &format!("{MESSAGES}&limit=1"), "").await).await;
    assert!(head.starts_with("http/1.1 200 ok"), "{head}");
    assert!(!body.is_empty());
    served.stop().await;
}

#[tokio::test]
async fn a_broken_page_is_an_error_on_the_wire() {
    let mut lake = Lake::new();
    let ids = lake.add_minutes(3);
    let lake = lake.damage(&format!(
        "UPDATE messages_hot SET raw_json = '' WHERE message_id = {}",
        ids[0]
    ));
    let served = Served::new(&lake).await;
    let url = format!("{MESSAGES}&include_raw=true");
    let (head, _) = read(served.ask("GET", &url, "").await).await;
    assert!(head.starts_with("http/1.1 500"), "{head}");
    served.stop().await;
}

/// Any failure to read a body was answered as if the body were too large.
#[tokio::test]
async fn a_broken_body_is_told_from_a_large_one() {
    let lake = Lake::new();
    let served = Served::new(&lake).await;
    let chunked = "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let large = format!("10001\r\n{}\r\n0\r\n\r\n", " ".repeat(0x10001));
    for (body, status, code) in [
        ("zz\r\n{}\r\n0\r\n\r\n", 400, "bad_request"),
        ("2\r\n{}XX0\r\n\r\n", 400, "bad_request"),
        (&large, 413, "body_too_large"),
    ] {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        let head = format!(
            "POST /v1/keys HTTP/1.1\r\nhost: test\r\nconnection: close\r\nx-api-key: {KEY}\r\n{chunked}"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // The service closes when it has seen enough.
        let _ = stream.write_all(body.as_bytes()).await;
        let (head, body) = read(stream).await;
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{head}");
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["code"], code);
    }
    served.stop().await;
}

#[tokio::test]
async fn head_and_compression_are_right_on_the_wire() {
    let mut lake = Lake::new();
    lake.add_minutes(100);
    let served = Served::new(&lake).await;

    let (head, body) = read(served.ask("HEAD", MESSAGES, "").await).await;
    let (_, page) = read(served.ask("GET", MESSAGES, "").await).await;
    assert!(head.starts_with("http/1.1 200 ok"), "{head}");
    let length = format!("content-length: {}\r\n", page.len());
    assert!(head.contains(&length), "{head}");
    assert!(body.is_empty());

    let (head, body) = read(served.ask("HEAD", "/health", "").await).await;
    let (get, text) = read(served.ask("GET", "/health", "").await).await;
    let length = format!("content-length: {}\r\n", text.len());
    assert!(
        head.contains(&length) && get.contains(&length),
        "{head}{get}"
    );
    assert!(body.is_empty());

    for (encoding, magic) in [
        ("gzip", &[0x1f, 0x8b][..]),
        ("zstd", &[0x28, 0xb5, 0x2f, 0xfd]),
    ] {
        let accept = format!("Accept-Encoding: {encoding}\r\n");
        let (head, body) = read(served.ask("GET", MESSAGES, &accept).await).await;
        assert!(head.contains(&format!("content-encoding: {encoding}\r\n")));
        // After the length of the first chunk.
        let start = body.iter().position(|&byte| byte == b'\n').unwrap() + 1;
        assert!(body[start..].starts_with(magic), "{encoding}");
    }
    served.stop().await;
}

/// Sends these bytes and reads until the other side closes.
async fn exchange(served: &Served, bytes: &[u8]) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    // The other side may refuse before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(count) = stream.read(&mut piece).await
        && count > 0
    {
        answer.extend_from_slice(&piece[..count]);
    }
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n");
    let body = answer.split_off(end.expect("a head") + 4);
    (String::from_utf8(answer).unwrap().to_lowercase(), body)
}

#[tokio::test]
async fn what_is_no_request_is_answered_with_a_problem() {
    let lake = Lake::new();
    let served = Served::new(&lake).await;
    let header = |value: &str| format!("GET /health HTTP/1.1\r\nHost: a\r\n{value}\r\n\r\n");
    let many: String = (0..200).map(|n| format!("x-{n}: 1\r\n")).collect();
    for (bytes, status, code) in [
        ("nonsense\r\n\r\n".to_owned(), 400, "bad_request"),
        (
            "\u{16}\u{3}\u{1}\0\u{5}hello".to_owned() + "\r\n\r\n",
            400,
            "bad_request",
        ),
        ("GET /a b HTTP/1.1\r\n\r\n".to_owned(), 400, "bad_request"),
        ("GET / HTTP/7.0\r\n\r\n".to_owned(), 400, "bad_request"),
        (header("no colon"), 400, "bad_request"),
        (header("content-length: x"), 400, "bad_request"),
        (
            header("content-length: 1\r\ncontent-length: 2"),
            400,
            "bad_request",
        ),
        (
            format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(70_000)),
            414,
            "uri_too_long",
        ),
        (
            format!(
                "GET /{} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                "a".repeat(20_000)
            ),
            414,
            "uri_too_long",
        ),
        (header(many.trim_end()), 431, "headers_too_large"),
        (
            header(&format!("x: {}", "a".repeat(600_000))),
            431,
            "headers_too_large",
        ),
    ] {
        let (head, body) = exchange(&served, bytes.as_bytes()).await;
        let shown: String = bytes.chars().take(60).collect();
        assert!(
            head.starts_with(&format!("http/1.1 {status} ")),
            "{shown:?}: {head}"
        );
        assert!(
            head.contains("content-type: application/problem+json\r\n"),
            "{shown:?}: {head}"
        );
        assert!(
            head.contains(&format!("content-length: {}\r\n", body.len())),
            "{shown:?}: {head}"
        );
        assert!(head.contains("x-request-id: "), "{head}");
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["code"], code, "{shown:?}");
        assert_eq!(problem["status"], status);
        let id = problem["request_id"].as_str().unwrap();
        assert!(head.contains(&format!("x-request-id: {id}\r\n")), "{head}");
    }
    // After a request that is one, too.
    let both = format!("GET /v1/messages/1 HTTP/1.1\r\nHost: a\r\nx-api-key: {KEY}\r\n\r\n");
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(both.as_bytes()).await.unwrap();
    let mut piece = [0; 4096];
    let mut text = String::new();
    while !text.ends_with('}') {
        let count = stream.read(&mut piece).await.unwrap();
        text.push_str(std::str::from_utf8(&piece[..count]).unwrap());
    }
    assert!(text.contains("message_not_found"), "{text}");
    stream.write_all(b"nonsense\r\n\r\n").await.unwrap();
    let (head, body) = read(stream).await;
    assert!(head.starts_with("http/1.1 400 "), "{head}");
    assert!(
        serde_json::from_slice::<serde_json::Value>(&body).is_ok(),
        "{body:?}"
    );
    served.stop().await;
}

#[tokio::test]
async fn an_answer_without_chunks_has_a_length_or_is_refused() {
    let mut lake = Lake::new();
    let long = "x".repeat(30_000);
    let ids: Vec<_> = (0..200).map(minute).collect();
    lake.add(ids.iter().map(|&id| payload(id, &long)));
    lake.index().await;
    let served = Served::new(&lake).await;
    let guild = testkit::lake::GUILD;
    let ask = async |method: &str, path: &str, more: &str| {
        let request = format!("{method} {path} HTTP/1.0\r\nx-api-key: {KEY}\r\n{more}\r\n");
        exchange(&served, request.as_bytes()).await
    };
    for path in [
        &format!("{MESSAGES}&limit=3") as &str,
        "/",
        "/health",
        "/docs",
        "/openapi.json",
        "/v1/snapshots",
        "/v1/changes?since=0&limit=3",
        &format!("/v1/coverage?guild_id={guild}"),
        &format!("/v1/messages/{}", ids[0]),
        &format!("/v1/reports/activity?guild_id={guild}"),
        &format!("/v1/reports/activity.csv?guild_id={guild}"),
        &format!("/v1/reports/activity.parquet?guild_id={guild}"),
        "/v1/search?limit=3",
    ] {
        for encoding in ["", "Accept-Encoding: gzip\r\n"] {
            let (head, body) = ask("GET", path, encoding).await;
            assert!(
                head.starts_with("http/1.0 200 ") || head.starts_with("http/1.1 200 "),
                "{path}: {head}"
            );
            let length = format!("content-length: {}\r\n", body.len());
            assert!(head.contains(&length), "{path} {encoding}: {head}");
            assert!(!body.is_empty());
            let (head, body) = ask("HEAD", path, encoding).await;
            assert!(head.contains(" 200 "), "{path}: {head}");
            assert!(body.is_empty());
        }
    }
    // Too large to be held back until its length is known.
    for path in [
        format!("/v1/messages.csv?guild_id={guild}"),
        format!("/v1/search.ndjson?guild_id={guild}"),
    ] {
        let (head, body) = ask("GET", &path, "").await;
        assert!(head.contains(" 505 "), "{path}: {head}");
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["code"], "http_version", "{path}");
    }
    served.stop().await;
}

#[tokio::test]
async fn stopping_waits_for_answers_but_not_for_idle_callers() {
    let mut lake = Lake::new();
    let long = "x".repeat(60_000);
    lake.add((0..200).map(|n| payload(minute(n), &long)));
    let served = Served::new(&lake).await;
    let address = served.address;
    let idle = TcpStream::connect(address).await.unwrap();
    let url = format!("{MESSAGES}&limit=500");
    let mut busy = served.ask("GET", &url, "").await;
    let mut first = [0; 1024];
    busy.read_exact(&mut first).await.unwrap();
    let stopping = tokio::spawn(served.stop());
    let mut rest = Vec::new();
    busy.read_to_end(&mut rest).await.unwrap();
    assert!(rest.ends_with(b"\"has_more\":false}"));
    stopping.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
    drop(idle);
}
