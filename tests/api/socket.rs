//! What only a real socket shows.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::{KEY, Lake, MESSAGES, minute, payload};

/// The API of a lake on a port of its own.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Served {
    pub(crate) async fn new(lake: &Lake) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let router = lake.router.clone();
        let server = tokio::spawn(async move {
            let shutdown = async {
                let _ = stopped.await;
            };
            guildlake::api::serve(listener, router, shutdown).await
        });
        Self {
            address,
            stop,
            server,
        }
    }

    /// Sends a request with the key and `Connection: close`.
    async fn ask(&self, method: &str, path: &str, more: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: test\r\nx-api-key: {KEY}\r\nConnection: close\r\n{more}\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.server.await.unwrap().unwrap();
    }
}

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

#[tokio::test]
async fn head_and_compression_are_right_on_the_wire() {
    let mut lake = Lake::new();
    lake.add_minutes(100);
    let served = Served::new(&lake).await;

    let (head, body) = read(served.ask("HEAD", MESSAGES, "").await).await;
    assert!(head.starts_with("http/1.1 200 ok"), "{head}");
    assert!(!head.contains("content-length"), "{head}");
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
    assert!(rest.ends_with(b"\"has_more\":false}\r\n0\r\n\r\n"));
    stopping.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
    drop(idle);
}
