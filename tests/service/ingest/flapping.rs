//! A Gateway that accepts each connection and ends it at once, in one of many ways, until it is told
//! to be good; then it hands its connections on to the simulator. It stands beside a REST side that
//! names it as the Gateway and hands everything else on.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use futures_util::{SinkExt, StreamExt};
use simulator::Simulator;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message};

/// How a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Close4000,
    DroppedAfterUpgrade,
    DroppedBeforeUpgrade,
    ReconnectBeforeReady,
    ReadyThenClose,
    ResumedThenClose,
    CloseWithoutCode,
    InvalidSession,
    HttpRefusal,
    /// Accepts, and says nothing.
    Silence,
    /// Says Hello and answers heartbeats, and neither begins a session nor refuses it.
    NoSession,
    /// Begins a session that is to be resumed at an address that is none, and closes.
    NoResumeAddress,
}

pub(crate) const WAYS: [Way; 9] = [
    Way::Close4000,
    Way::DroppedAfterUpgrade,
    Way::DroppedBeforeUpgrade,
    Way::ReconnectBeforeReady,
    Way::ReadyThenClose,
    Way::ResumedThenClose,
    Way::CloseWithoutCode,
    Way::InvalidSession,
    Way::HttpRefusal,
];

struct State {
    way: Way,
    is_good: AtomicBool,
    attempts: AtomicU64,
    address: SocketAddr,
    gateway: String,
    rest: String,
    guilds: String,
    agent: watch::Sender<Option<String>>,
}

pub(crate) struct Flapping {
    state: Arc<State>,
    rest: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Flapping {
    pub(crate) async fn start(simulator: &Simulator, way: Way) -> Self {
        let gateway = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let rest = front.local_addr().unwrap();
        let guilds: Vec<_> = simulator
            .guilds()
            .iter()
            .map(|guild| format!(r#"{{"id":"{}","unavailable":true}}"#, guild.id))
            .collect();
        let state = Arc::new(State {
            way,
            is_good: AtomicBool::new(false),
            attempts: AtomicU64::new(0),
            address: gateway.local_addr().unwrap(),
            gateway: host(&simulator.gateway_url()),
            rest: host(&simulator.api_url()),
            guilds: guilds.join(","),
            agent: watch::Sender::new(None),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(
            gateway,
            Arc::clone(&state),
            |state, stream| async move {
                state.attempts.fetch_add(1, SeqCst);
                // How a client takes the end of its connection is its own affair.
                let _ = state.serve(stream).await;
            },
        ));
        tasks.spawn(accept(
            front,
            Arc::clone(&state),
            |state, stream| async move {
                let _ = state.front(stream).await;
            },
        ));
        Self {
            state,
            rest,
            _tasks: tasks,
        }
    }

    /// The base of the REST side.
    pub(crate) fn api_url(&self) -> String {
        format!("http://{}", self.rest)
    }

    /// TCP connections accepted so far.
    pub(crate) fn attempts(&self) -> u64 {
        self.state.attempts.load(SeqCst)
    }

    /// The `User-Agent` of the last handshake.
    pub(crate) fn agent(&self) -> Option<String> {
        self.state.agent.borrow().clone()
    }

    /// From now on connections are handed on to the simulator.
    pub(crate) fn be_good(&self) {
        self.state.is_good.store(true, SeqCst);
    }
}

fn host(url: &str) -> String {
    let (_, rest) = url.split_once("://").unwrap();
    rest.split('/').next().unwrap().to_owned()
}

async fn accept<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    state: Arc<State>,
    serve: impl Fn(Arc<State>, TcpStream) -> F,
) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(serve(Arc::clone(&state), stream));
        while connections.try_join_next().is_some() {}
    }
}

/// The head of a request.
async fn head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    String::from_utf8(head).map_err(io::Error::other)
}

impl State {
    /// One request of the REST side.
    async fn front(&self, mut stream: TcpStream) -> io::Result<()> {
        let head = head(&mut stream).await?;
        if head.starts_with("GET /api/v10/gateway/bot ") {
            let body = format!(
                r#"{{"url":"ws://{}","shards":1,"session_start_limit":{{"total":1000,"remaining":1000,"reset_after":86400000,"max_concurrency":1}}}}"#,
                self.address
            );
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await?;
            return stream.shutdown().await;
        }
        let mut upstream = TcpStream::connect(&self.rest).await?;
        let closing = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
        upstream.write_all(closing.as_bytes()).await?;
        copy_bidirectional(&mut stream, &mut upstream).await?;
        Ok(())
    }

    async fn serve(&self, mut stream: TcpStream) -> anyhow::Result<()> {
        if self.is_good.load(SeqCst) {
            let mut upstream = TcpStream::connect(&self.gateway).await?;
            copy_bidirectional(&mut stream, &mut upstream).await?;
            return Ok(());
        }
        match self.way {
            Way::DroppedBeforeUpgrade => return Ok(()),
            Way::HttpRefusal => {
                head(&mut stream).await?;
                let refusal =
                    "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                stream.write_all(refusal.as_bytes()).await?;
                stream.shutdown().await?;
                return Ok(());
            }
            _ => {}
        }
        // The error type is tungstenite's own, and large.
        #[allow(clippy::result_large_err, reason = "the signature is tungstenite's")]
        let look = |request: &Request, response: Response| {
            let agent = request.headers().get("user-agent");
            let agent = agent.and_then(|agent| agent.to_str().ok());
            self.agent.send_replace(agent.map(str::to_owned));
            Ok(response)
        };
        let mut socket = tokio_tungstenite::accept_hdr_async(stream, look).await?;
        match self.way {
            Way::Close4000 => close(socket, Some(4000)).await,
            Way::CloseWithoutCode => close(socket, None).await,
            Way::InvalidSession => {
                say(&mut socket, HELLO).await?;
                say(&mut socket, r#"{"t":null,"s":null,"op":9,"d":false}"#).await?;
                drain(socket).await
            }
            Way::ReconnectBeforeReady => {
                say(&mut socket, HELLO).await?;
                asked(&mut socket).await?;
                say(&mut socket, r#"{"t":null,"s":null,"op":7,"d":null}"#).await?;
                drain(socket).await
            }
            Way::ReadyThenClose => {
                say(&mut socket, HELLO).await?;
                asked(&mut socket).await?;
                say(&mut socket, &self.ready()).await?;
                close(socket, Some(4000)).await
            }
            Way::ResumedThenClose => {
                say(&mut socket, HELLO).await?;
                if asked(&mut socket).await? == 6 {
                    let resumed = r#"{"t":"RESUMED","s":2,"op":0,"d":{}}"#;
                    say(&mut socket, resumed).await?;
                } else {
                    say(&mut socket, &self.ready()).await?;
                }
                close(socket, Some(4000)).await
            }
            Way::Silence => drain(socket).await,
            Way::NoSession => {
                say(&mut socket, &HELLO.replace("41250", "20")).await?;
                loop {
                    socket.next().await.ok_or_else(gone)??;
                    say(&mut socket, r#"{"t":null,"s":null,"op":11,"d":null}"#).await?;
                }
            }
            Way::NoResumeAddress => {
                say(&mut socket, HELLO).await?;
                asked(&mut socket).await?;
                let address = format!("ws://{}", self.address);
                let ready = self.ready().replace(&address, "no address at all");
                say(&mut socket, &ready).await?;
                close(socket, Some(4000)).await
            }
            Way::DroppedAfterUpgrade | Way::DroppedBeforeUpgrade | Way::HttpRefusal => Ok(()),
        }
    }

    fn ready(&self) -> String {
        format!(
            r#"{{"t":"READY","s":1,"op":0,"d":{{"v":10,"session_id":"of-this-server","resume_gateway_url":"ws://{}","guilds":[{}]}}}}"#,
            self.address, self.guilds
        )
    }
}

const HELLO: &str = r#"{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250}}"#;

type Socket = WebSocketStream<TcpStream>;

async fn say(socket: &mut Socket, text: &str) -> Result<(), tungstenite::Error> {
    socket.send(Message::text(text.to_owned())).await
}

/// The op code of the IDENTIFY or RESUME that the client sends.
async fn asked(socket: &mut Socket) -> anyhow::Result<u64> {
    loop {
        let message = socket.next().await;
        let message = message.ok_or_else(gone)??;
        if let Message::Text(text) = message {
            let frame: serde_json::Value = serde_json::from_str(&text)?;
            match frame["op"].as_u64() {
                Some(op @ (2 | 6)) => return Ok(op),
                _ => continue,
            }
        }
    }
}

fn gone() -> anyhow::Error {
    anyhow::anyhow!("the client went away")
}

async fn close(mut socket: Socket, code: Option<u16>) -> anyhow::Result<()> {
    let frame = code.map(|code| CloseFrame {
        code: code.into(),
        reason: "Unknown error.".into(),
    });
    socket.close(frame).await?;
    drain(socket).await
}

async fn drain(mut socket: Socket) -> anyhow::Result<()> {
    while let Some(message) = socket.next().await {
        message?;
    }
    Ok(())
}
