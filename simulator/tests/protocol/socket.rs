//! A gateway client that can misbehave.

use std::io::Read as _;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use simulator::Simulator;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::PATIENCE;

/// GUILDS, GUILD_MESSAGES, MESSAGE_CONTENT.
pub(crate) const INTENTS: u64 = 33_281;

/// A gateway connection.
pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
    token: String,
    /// How many binary messages came.
    pub(crate) binary: usize,
    pub(crate) text: usize,
}

/// What comes off the wire.
#[derive(Debug)]
pub(crate) enum Came {
    /// A payload, with its exact text.
    Payload(Value, String),
    /// Something that is no payload.
    Garbage(#[expect(dead_code, reason = "seen when a test fails")] String),
    /// The end, with the close code if there was one.
    End(Option<u16>),
}

impl Socket {
    /// Connect and take Hello.
    pub(crate) async fn open(simulator: &Simulator, url: &str, query: &str) -> Self {
        let mut socket = Self::try_open(simulator, url, query).await.unwrap();
        let hello = socket.payload().await;
        assert_eq!(hello["op"], 10);
        assert!(hello["d"]["heartbeat_interval"].as_u64().unwrap() > 0);
        socket
    }

    pub(crate) async fn try_open(
        simulator: &Simulator,
        url: &str,
        query: &str,
    ) -> Result<Self, String> {
        let address = url.trim_start_matches("ws://");
        let stream = TcpStream::connect(address)
            .await
            .map_err(|error| error.to_string())?;
        let url = format!("{url}/{query}");
        let (stream, _) = tokio_tungstenite::client_async(url, stream)
            .await
            .map_err(|error| error.to_string())?;
        Ok(Self {
            stream,
            token: simulator.token().to_owned(),
            binary: 0,
            text: 0,
        })
    }

    /// Connect, IDENTIFY, take READY; the session is in READY.
    pub(crate) async fn identified(simulator: &Simulator) -> (Self, Value) {
        let mut socket =
            Self::open(simulator, &simulator.gateway_url(), "?v=10&encoding=json").await;
        socket.identify(INTENTS).await;
        let ready = socket.payload().await;
        assert_eq!(ready["t"], "READY");
        for _ in 0..ready["d"]["guilds"].as_array().unwrap().len() {
            assert_eq!(socket.payload().await["t"], "GUILD_CREATE");
        }
        (socket, ready["d"].clone())
    }

    pub(crate) async fn identify(&mut self, intents: u64) {
        self.identify_with(json!({"intents": intents})).await;
    }

    pub(crate) async fn identify_with(&mut self, fields: Value) {
        let mut d = json!({"token": self.token, "properties": {"os": "linux", "browser": "test", "device": "test"}});
        for (key, value) in fields.as_object().unwrap() {
            d[key] = value.clone();
        }
        self.say(&json!({"op": 2, "d": d})).await;
    }

    /// RESUME the session of a READY.
    pub(crate) async fn resume(simulator: &Simulator, ready: &Value, sequence: u64) -> Self {
        let url = ready["resume_gateway_url"].as_str().unwrap().to_owned();
        let mut socket = Self::open(simulator, &url, "?v=10&encoding=json").await;
        let d =
            json!({"token": simulator.token(), "session_id": ready["session_id"], "seq": sequence});
        socket.say(&json!({"op": 6, "d": d})).await;
        socket
    }

    pub(crate) async fn say(&mut self, payload: &Value) {
        self.say_text(&payload.to_string()).await;
    }

    pub(crate) async fn say_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    pub(crate) async fn close(mut self, code: u16) {
        let frame = CloseFrame {
            code: code.into(),
            reason: "".into(),
        };
        self.stream.close(Some(frame)).await.unwrap();
        while let Some(Ok(_)) = self.stream.next().await {}
    }

    pub(crate) async fn next(&mut self) -> Came {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.stream.next())
                .await
                .expect("something comes");
            let text = match message {
                None | Some(Err(_)) => return Came::End(None),
                Some(Ok(Message::Close(frame))) => {
                    return Came::End(frame.map(|frame| frame.code.into()));
                }
                Some(Ok(Message::Text(text))) => {
                    self.text += 1;
                    text.to_string()
                }
                Some(Ok(Message::Binary(bytes))) => {
                    self.binary += 1;
                    let mut text = String::new();
                    flate2::read::ZlibDecoder::new(&bytes[..])
                        .read_to_string(&mut text)
                        .unwrap();
                    text
                }
                Some(Ok(_)) => continue,
            };
            return match serde_json::from_str(&text) {
                Ok(payload) => Came::Payload(payload, text),
                Err(_) => Came::Garbage(text),
            };
        }
    }

    pub(crate) async fn payload(&mut self) -> Value {
        match self.next().await {
            Came::Payload(payload, _) => payload,
            other => panic!("no payload but {other:?}"),
        }
    }

    /// The next dispatch of this name.
    pub(crate) async fn dispatch(&mut self, name: &str) -> Value {
        loop {
            let payload = self.payload().await;
            if payload["t"] == name {
                return payload;
            }
        }
    }

    /// The close code, whatever comes before it.
    pub(crate) async fn end(&mut self) -> Option<u16> {
        loop {
            if let Came::End(code) = self.next().await {
                return code;
            }
        }
    }
}
