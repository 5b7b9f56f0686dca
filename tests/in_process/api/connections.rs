//! Clients that hold connections, send slowly or read slowly: over real sockets, with short limits.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use futures_util::stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

use guildlake::api::ServeSettings;
use testkit::lake::{KEY, Lake, Served};

/// Longer than any test.
const HOUR: Duration = Duration::from_secs(3600);
/// Passes while a test waits.
const MOMENT: Duration = Duration::from_millis(50);

fn patient(connections: usize) -> ServeSettings {
    ServeSettings {
        connections,
        first_byte: HOUR,
        head: HOUR,
        idle: HOUR,
        stalled: HOUR,
        pace_window: HOUR,
        ..ServeSettings::default()
    }
}

fn hello() -> Router {
    Router::new().route("/", get(async || "hello"))
}

async fn connect(served: &Served) -> TcpStream {
    TcpStream::connect(served.address).await.unwrap()
}

/// Asks, and reads up to the end of the answer's body.
async fn ask(stream: &mut TcpStream, path: &str, end: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    read_until(stream, end).await
}

async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    let mut piece = [0; 4096];
    while !text.ends_with(end) {
        let count = stream.read(&mut piece).await.unwrap();
        assert!(count > 0, "closed after {text:?}");
        text.push_str(std::str::from_utf8(&piece[..count]).unwrap());
    }
    text
}

/// Waits until the service closes the connection.
async fn closed(stream: &mut TcpStream) {
    while let Ok(count) = stream.read(&mut [0; 4096]).await
        && count > 0
    {}
}

/// A thousand idle sockets used to stop every answer for 75 seconds.
#[tokio::test]
async fn the_longest_idle_connection_makes_room_for_a_new_one() {
    let served = Served::with(hello(), patient(3)).await;
    let mut used = connect(&served).await;
    ask(&mut used, "/", "hello").await;
    let mut silent = connect(&served).await;
    let mut begun = connect(&served).await;
    begun.write_all(b"GET / HT").await.unwrap();

    let mut others = Vec::new();
    for leaves in [&mut used, &mut silent] {
        let mut new = connect(&served).await;
        ask(&mut new, "/", "hello").await;
        closed(leaves).await;
        others.push(new);
    }
    // Also a crowd gets its answers, one after the other.
    for _ in 0..100 {
        let mut new = connect(&served).await;
        ask(&mut new, "/", "hello").await;
        others.push(new);
    }
    served.stop().await;
}

#[tokio::test]
async fn a_connection_with_a_request_keeps_its_place() {
    let (began, mut begun) = mpsc::unbounded_channel();
    let go_on = Arc::new(Notify::new());
    let told = Arc::clone(&go_on);
    let slow = async move || {
        began.send(()).unwrap();
        told.notified().await;
        "slow"
    };
    let router = hello().route("/slow", get(slow));
    let served = Served::with(router, patient(2)).await;
    let mut both = Vec::new();
    for _ in 0..2 {
        let mut stream = connect(&served).await;
        stream
            .write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        begun.recv().await.unwrap();
        both.push(stream);
    }
    // All places are busy: the new one waits, and is answered when the first of them is idle.
    let mut new = connect(&served).await;
    new.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    go_on.notify_one();
    read_until(&mut new, "hello").await;
    go_on.notify_one();
    for mut stream in both {
        read_until(&mut stream, "slow").await;
    }
    served.stop().await;
}

#[tokio::test]
async fn who_sends_nothing_or_half_a_head_is_cut_and_who_waits_between_requests_is_not() {
    let settings = ServeSettings {
        first_byte: MOMENT,
        head: MOMENT,
        ..patient(8)
    };
    let served = Served::with(hello(), settings).await;
    let mut waiting = connect(&served).await;
    ask(&mut waiting, "/", "hello").await;
    let mut silent = connect(&served).await;
    let mut half = connect(&served).await;
    half.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    closed(&mut silent).await;
    closed(&mut half).await;
    ask(&mut waiting, "/", "hello").await;
    // Its second head counts from its own first byte.
    waiting.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    closed(&mut waiting).await;

    let idle = ServeSettings {
        idle: MOMENT,
        ..patient(8)
    };
    let idle = Served::with(hello(), idle).await;
    let mut stream = connect(&idle).await;
    ask(&mut stream, "/", "hello").await;
    closed(&mut stream).await;
    idle.stop().await;
    served.stop().await;
}

/// What such a client asked for must not stay open: there are two downloads for all.
#[tokio::test]
async fn who_reads_nothing_is_cut_and_its_answer_ends() {
    for settings in [
        ServeSettings {
            stalled: MOMENT,
            ..patient(8)
        },
        ServeSettings {
            pace_window: MOMENT,
            min_bytes_per_second: u32::MAX,
            ..patient(8)
        },
    ] {
        let (ends, mut ended) = mpsc::unbounded_channel();
        let endless = async move || {
            let body = Ends(ends);
            Body::from_stream(stream::repeat_with(move || {
                let _body = &body;
                Ok::<_, std::io::Error>(Bytes::from_static(&[0; 64 * 1024]))
            }))
        };
        let router = Router::new().route("/", get(endless));
        let served = Served::with(router, settings).await;
        let mut stream = connect(&served).await;
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        ended.recv().await.unwrap();
        closed(&mut stream).await;
        served.stop().await;
    }
}

/// The body of an answer, which tells when it is dropped.
struct Ends(mpsc::UnboundedSender<()>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.send(()).unwrap();
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_or_too_slow_is_refused() {
    let lake = Lake::with(1, MOMENT);
    let served = Served::new(&lake).await;
    let head = format!("POST /v1/snapshots HTTP/1.1\r\nHost: a\r\nx-api-key: {KEY}\r\n");
    let chunk = format!("8000\r\n{}\r\n", "x".repeat(0x8000));
    let three = [chunk.as_str(); 3].concat();
    for (more, body, status, code) in [
        (
            "Transfer-Encoding: chunked",
            three.as_str(),
            413,
            "body_too_large",
        ),
        ("Content-Length: 70000", "", 413, "body_too_large"),
        ("Content-Length: 10", "half", 408, "body_too_slow"),
        (
            "Transfer-Encoding: chunked",
            "5\r\nhel",
            408,
            "body_too_slow",
        ),
        (
            "Transfer-Encoding: chunked",
            "no number\r\n",
            400,
            "bad_request",
        ),
    ] {
        let mut stream = connect(&served).await;
        let request = format!("{head}{more}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let text = read_until(&mut stream, "}").await;
        assert!(
            text.starts_with(&format!("HTTP/1.1 {status} ")),
            "{more}: {text}"
        );
        assert!(
            text.contains(&format!(r#""code":"{code}""#)),
            "{more}: {text}"
        );
    }
    served.stop().await;
}

#[tokio::test]
async fn heads_are_bounded_in_number_and_size() {
    let served = Served::with(hello(), patient(8)).await;
    let header = |count: usize, size: usize| {
        let value = "v".repeat(size);
        (0..count)
            .map(|n| format!("x-{n}: {value}\r\n"))
            .collect::<String>()
    };
    for (headers, status) in [
        (header(98, 1), 200),
        (header(100, 1), 431),
        (header(20, 6_000), 200),
        (header(20, 7_000), 431),
    ] {
        let mut stream = connect(&served).await;
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n");
        // The service may refuse before it has read everything.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert_eq!(
            status == 431,
            answer.contains("headers_too_large"),
            "{answer}"
        );
    }
    served.stop().await;
}
