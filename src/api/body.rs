//! Bodies that are written while the rows are found. Whatever ends one early (a fault, the deadline,
//! a caller who left) breaks it off, so that part of an answer can never be taken for all of it.

use std::io;
use std::task::Poll;

use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// A piece is handed on when it has this size.
pub(super) const PIECE: usize = 32 * 1024;

/// Pieces that wait for a slow caller; the query then waits too.
const PIECES_AHEAD: usize = 4;

/// A piece of a body, or its end: without the end it is broken off.
pub(super) enum Piece {
    Bytes(Bytes),
    End,
}

/// A body, and where its pieces go. It keeps `guard`, so that whoever leaves it ends what that guards,
/// and is broken off at the end of the time that it may take, if that is bounded.
pub(super) fn channel(
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
    // Nothing is asked of a stream after its first error.
    let mut broken = false;
    let body = body.take_while(move |piece: &Result<Bytes, io::Error>| {
        let go_on = !broken;
        broken = piece.is_err();
        std::future::ready(go_on)
    });
    (pieces, Body::from_stream(body))
}
