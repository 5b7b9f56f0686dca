//! Bodies that are written while the rows are read, and bodies that are whole from the start. Whatever ends one early (a failure, the deadline, a client
//! that disconnects) aborts it, so that a part of a response can never be taken for the whole.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep, sleep_until};

/// The size from which a piece is sent.
pub(crate) const PIECE: usize = 32 * 1024;

/// The maximum number of pieces that wait for a slow client; the query waits then too.
const PIECES_AHEAD: usize = 4;

/// A piece of a body, or its end; a body without the end is aborted.
pub(crate) enum Piece {
    Bytes(Bytes),
    End,
}

/// Makes a body and the sender of its pieces. The body owns `guard`, so that a client that disconnects ends the
/// guarded query. If the time is limited, the body is aborted at its end.
pub(crate) fn channel(
    guard: impl Send + 'static,
    until: Option<Instant>,
) -> (mpsc::Sender<Piece>, Body) {
    let (pieces, mut taken) = mpsc::channel(PIECES_AHEAD);
    let mut time = until.map(|until| Box::pin(sleep_until(until)));
    let mut ended = false;
    let body = stream::poll_fn(move |context| {
        let _ = &guard;
        if let Some(time) = &mut time
            && time.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())));
        }
        taken.poll_recv(context).map(|piece| match piece {
            Some(Piece::Bytes(bytes)) => Some(Ok(bytes)),
            Some(Piece::End) => {
                ended = true;
                None
            }
            None if ended => None,
            None => Some(Err(io::Error::other("broken off"))),
        })
    });
    // A stream is not polled after its first error.
    let mut broken = false;
    let body = body.take_while(move |piece: &Result<Bytes, io::Error>| {
        let go_on = !broken;
        broken = piece.is_err();
        std::future::ready(go_on)
    });
    (pieces, Body::from_stream(body))
}

/// Makes a body of these bytes, whose length the response tells. It is aborted if it is not sent in time.
pub(crate) fn whole(bytes: Bytes, until: Instant) -> Body {
    Body::new(Whole {
        bytes: Some(bytes),
        time: Box::pin(sleep_until(until)),
    })
}

struct Whole {
    /// None once they were handed over.
    bytes: Option<Bytes>,
    time: Pin<Box<Sleep>>,
}

impl http_body::Body for Whole {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let Some(bytes) = self.bytes.take() else {
            return Poll::Ready(None);
        };
        Poll::Ready(Some(if self.time.as_mut().poll(context).is_ready() {
            Err(io::ErrorKind::TimedOut.into())
        } else {
            Ok(Frame::data(bytes))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.bytes.as_ref().map_or(0, Bytes::len);
        SizeHint::with_exact(left as u64)
    }
}
