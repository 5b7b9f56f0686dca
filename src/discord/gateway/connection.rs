//! One WebSocket connection: its handshake, its frames as text, and its end.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use reqwest::header::{HeaderValue, USER_AGENT};
use tokio::net::TcpStream;
use tokio_websockets::upgrade::Error as UpgradeError;
use tokio_websockets::{
    ClientBuilder, CloseCode, Connector, Error as SocketError, Limits, MaybeTlsStream, Message,
    WebSocketStream,
};
use zstd::stream::raw::{Decoder, Operation};

use super::end::Cause;

/// The version and encoding of the protocol.
const QUERY: &str = "v=10&encoding=json&compress=zstd-stream";

/// How long the connection and the WebSocket handshake may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// How long sending a frame may take.
const SEND_WITHIN: Duration = Duration::from_secs(10);

/// How long closing the connection may take.
const GOODBYE_WITHIN: Duration = Duration::from_secs(3);

/// The maximum size of a frame, far above that of the largest guild.
const MAX_FRAME: usize = 256 << 20;

/// The maximum length of the reason in a close frame.
const MAX_REASON: usize = 123;

/// The close code that keeps a session resumable, and the one that ends it.
/// Source: <https://discord.com/developers/docs/events/gateway#initiating-a-disconnect>
const CLOSE_RESUMABLE: u16 = 4000;
const CLOSE_FOR_GOOD: u16 = 1000;

/// An open connection.
pub(super) struct Connection {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The decoder of the connection, whose frames are one compressed stream.
    decoder: Decoder<'static>,
    buffer: Box<[u8]>,
}

impl Connection {
    /// Connects to a URL without a query.
    pub(super) async fn open(address: &str, tls: Option<&Connector>) -> Result<Self, Cause> {
        let address = address.trim_end_matches('/');
        let unreachable = |reason: String| Cause::Unreachable {
            address: address.to_owned(),
            reason,
        };
        let failed = |error: SocketError| match error {
            SocketError::Upgrade(UpgradeError::DidNotSwitchProtocols(status)) => Cause::Refused {
                address: address.to_owned(),
                status,
            },
            error => unreachable(error.to_string()),
        };
        let agent = HeaderValue::try_from(crate::discord::user_agent()).expect("plain ASCII");
        let mut builder = ClientBuilder::new()
            .uri(&format!("{address}/?{QUERY}"))
            .map_err(|error| unreachable(format!("the URL is not valid: {error}")))?
            .limits(Limits::default().max_payload_len(Some(MAX_FRAME)))
            .add_header(USER_AGENT, agent)
            .map_err(failed)?;
        if let Some(tls) = tls {
            builder = builder.connector(tls);
        }
        let decoder = Decoder::new().map_err(|error| unreachable(error.to_string()))?;
        match tokio::time::timeout(CONNECT_WITHIN, builder.connect()).await {
            Ok(Ok((stream, _))) => Ok(Self {
                stream,
                decoder,
                buffer: vec![0; 32 * 1024].into(),
            }),
            Ok(Err(error)) => Err(failed(error)),
            Err(_) => {
                let within = CONNECT_WITHIN.as_secs();
                Err(unreachable(format!("no response within {within} s")))
            }
        }
    }

    /// The text of the next frame. The future may be dropped and called again.
    pub(super) async fn next(&mut self) -> Result<String, Cause> {
        loop {
            let message = match self.stream.next().await {
                Some(Ok(message)) => message,
                Some(Err(SocketError::Io(error))) => return Err(Cause::Broken(error.to_string())),
                Some(Err(error)) => return Err(Cause::Garbled(error.to_string())),
                None => return Err(Cause::Dropped),
            };
            if let Some((code, reason)) = message.as_close() {
                return Err(closed(code, reason));
            }
            if let Some(text) = message.as_text() {
                return Ok(text.to_owned());
            }
            if message.is_binary() {
                return self.inflate(message.as_payload());
            }
        }
    }

    fn inflate(&mut self, mut compressed: &[u8]) -> Result<String, Cause> {
        let garbled = |reason: String| Cause::Garbled(format!("decompression failed: {reason}"));
        let mut text = Vec::new();
        loop {
            let status = self
                .decoder
                .run_on_buffers(compressed, &mut self.buffer)
                .map_err(|error| garbled(error.to_string()))?;
            text.extend_from_slice(&self.buffer[..status.bytes_written]);
            compressed = &compressed[status.bytes_read..];
            if text.len() > MAX_FRAME {
                return Err(garbled("the frame is too long".to_owned()));
            }
            if compressed.is_empty() && status.bytes_written < self.buffer.len() {
                return String::from_utf8(text).map_err(|error| garbled(error.to_string()));
            }
            if status.bytes_read == 0 && status.bytes_written == 0 {
                return Err(garbled(
                    "the compressed stream makes no progress".to_owned(),
                ));
            }
        }
    }

    pub(super) async fn send(&mut self, text: String) -> Result<(), Cause> {
        let sending = self.stream.send(Message::text(text));
        match tokio::time::timeout(SEND_WITHIN, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Cause::Broken(error.to_string())),
            Err(_) => Err(Cause::Broken(
                "a frame could not be sent in time".to_owned(),
            )),
        }
    }

    /// Closes the connection if it is still open, and waits for the other side.
    pub(super) async fn goodbye(mut self, resumable: bool) {
        let code = if resumable {
            CLOSE_RESUMABLE
        } else {
            CLOSE_FOR_GOOD
        };
        let goodbye = async {
            // The other side may have closed the connection already.
            let close = Message::close(CloseCode::try_from(code).ok(), "");
            let _ = self.stream.send(close).await;
            let _ = self.stream.close().await;
        };
        if tokio::time::timeout(GOODBYE_WITHIN, goodbye).await.is_err() {
            tracing::debug!("Discord did not answer the close frame in time");
        }
    }
}

fn closed(code: CloseCode, reason: &str) -> Cause {
    if code == CloseCode::NO_STATUS_RECEIVED {
        return Cause::ClosedWithoutCode;
    }
    Cause::Closed {
        code: code.into(),
        reason: reason
            .chars()
            .filter(|c| !c.is_control())
            .take(MAX_REASON)
            .collect(),
    }
}
