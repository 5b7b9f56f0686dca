//! One gateway connection, from the WebSocket handshake to its end.
//! It judges what the client sends (each close code by Discord's table), keeps the heartbeat and carries the frames
//! that the hub hands it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message};

use super::hub::Command;
use super::identify::{self, Refusal};
use super::transport::Transport;
use crate::observe::{By, Happening};
use crate::shared::Shared;

/// How a connection ended.
enum End {
    /// The client closed it, with this code.
    Client(Option<u16>),
    /// The simulator closes it, with this code or none.
    Close(Option<u16>),
    /// The simulator resets it.
    Reset,
}

struct Connection<'a> {
    shared: &'a Shared,
    number: u64,
    socket: WebSocketStream<TcpStream>,
    transport: Transport,
    resume_url: bool,
    session: Option<String>,
    link: UnboundedSender<Command>,
    sends: VecDeque<Instant>,
    deadline: Instant,
}

/// Serve one accepted stream.
pub(crate) async fn serve(shared: Arc<Shared>, stream: TcpStream, resume_url: bool) {
    let mut cut = shared.cut();
    if let Err(error) = stream.set_nodelay(true) {
        shared.tell(Happening::Fault(format!("nodelay: {error}")));
    }
    let mut query = String::new();
    // The error type is tungstenite's own, and large.
    #[allow(clippy::result_large_err, reason = "the signature is tungstenite's")]
    let remember = |request: &Request, response: Response| {
        query = request.uri().query().unwrap_or_default().to_owned();
        Ok(response)
    };
    let Ok(socket) = tokio_tungstenite::accept_hdr_async(stream, remember).await else {
        return;
    };
    let Ok(transport) = Transport::from_query(&query) else {
        return;
    };
    let (link, mut commands) = mpsc::unbounded_channel();
    let number = {
        let mut state = shared.lock();
        state.hub.connections += 1;
        state.hub.connections
    };
    let mut connection = Connection {
        shared: &shared,
        number,
        socket,
        transport,
        resume_url,
        session: None,
        link,
        sends: VecDeque::new(),
        deadline: Instant::now(),
    };
    let version = query.split('&').find_map(|pair| pair.strip_prefix("v="));
    let end = if version.is_some_and(|version| version != "10" && version != "9") {
        End::Close(Some(4012))
    } else {
        tokio::select! {
            end = connection.run(&mut commands) => end,
            () = cut.wait() => End::Reset,
        }
    };
    connection.finish(end).await;
}

impl Connection<'_> {
    async fn run(&mut self, commands: &mut UnboundedReceiver<Command>) -> End {
        let interval = self.shared.config.heartbeat_interval;
        let hello = format!(
            "{{\"t\":null,\"s\":null,\"op\":10,\"d\":{{\"heartbeat_interval\":{},\"_trace\":[\"[\\\"gateway-sim\\\",{{\\\"micros\\\":0.0}}]\"]}}}}",
            interval.as_millis()
        );
        if self.send(&hello).await.is_err() {
            return End::Client(None);
        }
        self.expect_heartbeat();
        self.shared.tell(Happening::Connected {
            connection: self.number,
            resume_url: self.resume_url,
        });
        loop {
            let step = tokio::select! {
                biased;
                command = commands.recv() => match command {
                    Some(command) => self.obey(command).await,
                    None => Err(End::Reset),
                },
                message = self.socket.next() => self.hear(message).await,
                () = sleep_until(self.deadline) => {
                    self.shared.tell(Happening::HeartbeatMissed);
                    Err(End::Close(Some(4000)))
                }
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    fn expect_heartbeat(&mut self) {
        self.deadline = Instant::now()
            + self.shared.config.heartbeat_interval.mul_f64(1.5)
            + Duration::from_millis(500);
    }

    async fn send(&mut self, text: &str) -> Result<(), End> {
        let message = self.transport.encode(text).map_err(|_| End::Reset)?;
        self.socket
            .send(message)
            .await
            .map_err(|_| End::Client(None))
    }

    async fn obey(&mut self, command: Command) -> Result<(), End> {
        match command {
            Command::Frame(text) => self.send(&text).await,
            Command::Close(code) => Err(End::Close(code)),
            Command::Reset => Err(End::Reset),
            Command::Silence => {
                self.be_silent().await;
                Err(End::Reset)
            }
        }
    }

    /// Take what comes without looking at it, send nothing, until the client gives up.
    async fn be_silent(&mut self) {
        let mut sink = vec![0u8; 4096];
        let stream = self.socket.get_mut();
        while stream.read(&mut sink).await.is_ok_and(|count| count > 0) {}
    }

    async fn hear(
        &mut self,
        message: Option<Result<Message, tungstenite::Error>>,
    ) -> Result<(), End> {
        let text = match message {
            None | Some(Err(_)) => return Err(End::Client(None)),
            Some(Ok(Message::Close(frame))) => {
                return Err(End::Client(frame.map(|frame| frame.code.into())));
            }
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Binary(_))) => return Err(End::Close(Some(4002))),
            Some(Ok(_)) => return Ok(()),
        };
        let now = Instant::now();
        while self
            .sends
            .front()
            .is_some_and(|time| now.duration_since(*time) > Duration::from_secs(60))
        {
            self.sends.pop_front();
        }
        self.sends.push_back(now);
        if self.sends.len() > self.shared.config.send_limit as usize {
            return Err(End::Close(Some(4008)));
        }
        if text.len() > 4096 {
            return Err(End::Close(Some(4002)));
        }
        let payload: serde_json::Value =
            serde_json::from_str(&text).map_err(|_| End::Close(Some(4002)))?;
        let op = payload
            .get("op")
            .and_then(serde_json::Value::as_u64)
            .ok_or(End::Close(Some(4002)))?;
        self.take(op, payload.get("d").cloned().unwrap_or_default())
            .await
    }

    async fn take(&mut self, op: u64, d: serde_json::Value) -> Result<(), End> {
        let link = (self.number, self.link.clone());
        match op {
            1 => {
                self.expect_heartbeat();
                self.shared.tell(Happening::Heartbeat {
                    sequence: d.as_u64(),
                });
                if self.shared.lock().faults.gateway.drop_acks {
                    return Ok(());
                }
                self.send(r#"{"t":null,"s":null,"op":11,"d":null}"#).await
            }
            2 | 6 if self.session.is_some() => Err(End::Close(Some(4005))),
            2 => {
                let asked: identify::Identify =
                    serde_json::from_value(d).map_err(|_| End::Close(Some(4002)))?;
                if asked.compress {
                    self.transport
                        .compress_payloads(self.shared.config.binary_share);
                }
                let answer = identify::identify(self.shared, &asked, link);
                self.settle(answer).await
            }
            6 => {
                let asked: identify::Resume =
                    serde_json::from_value(d).map_err(|_| End::Close(Some(4002)))?;
                let answer = identify::resume(self.shared, &asked, link, self.resume_url);
                self.settle(answer).await
            }
            // Presence, voice state, members, soundboard: a client may say them; nothing here answers.
            3 | 4 | 8 | 31 if self.session.is_some() => Ok(()),
            3 | 4 | 8 | 31 => Err(End::Close(Some(4003))),
            _ => Err(End::Close(Some(4001))),
        }
    }

    async fn settle(&mut self, answer: Result<String, Refusal>) -> Result<(), End> {
        match answer {
            Ok(session) => {
                self.session = Some(session);
                Ok(())
            }
            Err(Refusal::Close(code)) => Err(End::Close(Some(code))),
            Err(Refusal::Invalid { resumable }) => {
                self.shared.tell(Happening::Invalidated { resumable });
                self.send(&format!(
                    "{{\"t\":null,\"s\":null,\"op\":9,\"d\":{resumable}}}"
                ))
                .await
            }
        }
    }

    async fn finish(mut self, end: End) {
        let (code, by) = match end {
            End::Client(code) => (code, By::Client),
            End::Close(code) => (code, By::Server),
            End::Reset => (None, By::Server),
        };
        if let Some(session) = &self.session {
            let over = by == By::Client && matches!(code, Some(1000 | 1001));
            self.shared.lock().hub.detach(session, self.number, over);
        }
        match end {
            End::Reset => reset(self.socket.get_mut()),
            End::Close(code) => {
                let frame = code.map(|code| CloseFrame {
                    code: code.into(),
                    reason: reason(code).into(),
                });
                let closing = async {
                    self.socket.close(frame).await?;
                    while let Some(message) = self.socket.next().await {
                        message?;
                    }
                    Ok::<(), tungstenite::Error>(())
                };
                // A client that does not answer the close within a second is not waited for.
                let _ = tokio::time::timeout(Duration::from_secs(1), closing).await;
            }
            End::Client(_) => {
                let _ = self.socket.flush().await;
            }
        }
        self.shared.tell(Happening::Closed {
            connection: self.number,
            code,
            by,
        });
    }
}

/// Make the end of a stream a TCP reset.
pub(crate) fn reset(stream: &TcpStream) {
    // Without it the stream ends with FIN, which is a lesser fault but one all the same.
    let _ = stream.set_zero_linger();
}

fn reason(code: u16) -> &'static str {
    match code {
        4000 => "Unknown error.",
        4001 => "Unknown opcode.",
        4002 => "Error while decoding payload.",
        4003 => "Not authenticated.",
        4004 => "Authentication failed.",
        4005 => "Already authenticated.",
        4007 => "Invalid seq.",
        4008 => "Rate limited.",
        4009 => "Session timed out.",
        4010 => "Invalid shard.",
        4011 => "Sharding required.",
        4012 => "Invalid API version.",
        4013 => "Invalid intent(s).",
        4014 => "Disallowed intent(s).",
        _ => "",
    }
}
