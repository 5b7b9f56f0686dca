//! Bodies that are written while the rows are read. Whatever ends one early (a failure, the deadline, a client
//! that disconnects) aborts it, so that a part of a response can never be taken for the whole.

use std::io;
use std::task::Poll;

use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

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
