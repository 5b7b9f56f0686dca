//! Input that is not a valid HTTP request never reaches the router: hyper answers it with a status and an empty
//! body, and offers no hook. [`Explained`] sits between hyper and the TCP stream and puts a problem into those
//! responses, so that clients see the same form of error in every case. Clients that get no connection see it too.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use uuid::Uuid;

use super::problem;

/// How long a refused client may go on sending, and how many bytes, before the connection is closed. Closing it
/// earlier would reset the connection, and the response would be lost.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 4 * 1024 * 1024;

/// A connection that adds a body to hyper's own error responses.
pub(crate) struct Explained<S> {
    stream: S,
    /// The rest of the response that replaces hyper's.
    unsent: Vec<u8>,
    /// Set once such a response was sent: the connection ends with it.
    lingering: Option<(Pin<Box<Sleep>>, usize)>,
    is_shut: bool,
}

impl<S> Explained<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            unsent: Vec::new(),
            lingering: None,
            is_shut: false,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Explained<S> {
    /// Writes the rest of the replacing response.
    fn poll_unsent(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            let sent = ready!(Pin::new(&mut self.stream).poll_write(context, &self.unsent))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unsent.drain(..sent);
        }
        Poll::Ready(Ok(()))
    }

    /// Replaces a response that hyper made itself.
    fn replace(&mut self, bytes: &[u8]) -> bool {
        let Some((status, head)) = answer_without_request(bytes) else {
            return false;
        };
        let request_id = Uuid::now_v7().to_string();
        tracing::info!(
            request_id,
            status = status.as_u16(),
            "a connection sent something that is not a valid HTTP request; it was refused"
        );
        self.unsent = explained(status, head, &request_id);
        self.lingering = Some((Box::pin(sleep(LINGER)), LINGER_BYTES));
        true
    }
}

/// The status and head of a response that hyper made itself. Responses of the service have a request id and are
/// never written alone, so nothing else can be mistaken for one.
fn answer_without_request(bytes: &[u8]) -> Option<(StatusCode, &str)> {
    let head = bytes.strip_suffix(b"\r\n\r\n")?;
    let head = std::str::from_utf8(head).ok()?;
    let status = head.strip_prefix("HTTP/1.")?.get(2..5)?;
    let status = StatusCode::from_bytes(status.as_bytes()).ok()?;
    let is_own = status.is_client_error()
        && !head.contains("\r\n\r\n")
        && !head.contains("x-request-id:")
        && head.lines().any(|line| line == "content-length: 0");
    is_own.then_some((status, head))
}

/// The response to a client that has too many connections, whatever it is about to ask.
pub(crate) fn too_many_connections() -> Vec<u8> {
    let head = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 2";
    let request_id = Uuid::now_v7().to_string();
    explained(StatusCode::TOO_MANY_REQUESTS, head, &request_id)
}

/// The same response with a problem as its body.
fn explained(status: StatusCode, head: &str, request_id: &str) -> Vec<u8> {
    let body = problem::without_request(status, request_id);
    let mut answer = String::with_capacity(head.len() + body.len() + 256);
    let own = ["content-length:", "connection:"];
    let kept = head
        .lines()
        .filter(|line| !own.iter().any(|name| line.starts_with(name)));
    for line in kept {
        answer.push_str(line);
        answer.push_str("\r\n");
    }
    let length = body.len();
    answer.push_str(&format!(
        "content-type: {}\r\ncontent-length: {length}\r\ncache-control: no-store\r\n\
         cross-origin-resource-policy: same-origin\r\nx-content-type-options: nosniff\r\nx-request-id: {request_id}\r\nconnection: close\r\n\r\n",
        problem::PROBLEM_JSON
    ));
    answer.push_str(&body);
    answer.into_bytes()
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Explained<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_unsent(context))?;
        if self.replace(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_unsent(context))?;
        if let [slice] = slices
            && self.replace(slice)
        {
            return Poll::Ready(Ok(slice.len()));
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_unsent(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_unsent(context))?;
        if !self.is_shut {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.is_shut = true;
        }
        let this = &mut *self;
        let Some((time, left)) = &mut this.lingering else {
            return Poll::Ready(Ok(()));
        };
        let mut bytes = [0; 8 * 1024];
        while *left > 0 && time.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut buffer))?;
            match buffer.filled().len() {
                0 => break,
                count => *left = left.saturating_sub(count),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Explained<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}
