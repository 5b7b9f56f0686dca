//! A page as JSON, written while its rows are found, before the deadline. Whatever ends it early
//! ends the query too.

use axum::body::Body;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use super::body::{self, PIECE, Piece};
use super::row::MessageJson;
use crate::message::MessageId;
use crate::store::{Page, StoreError};

/// Every row this much at least: room for a short message.
const SHORT_ROW: usize = 512;

/// Why a body was broken off. Says nothing: the caller sees only that it was.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the record: {0}")]
    Store(#[from] StoreError),
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("{expected} rows were announced and {sent} came")]
    Incomplete { expected: usize, sent: usize },
    #[error("the caller did not take it in time")]
    TooSlow,
}

/// The body of a page. Its first row is awaited, so that a query which fails at once still gets
/// an answer with a status.
pub(super) async fn page_body(mut page: Page, deadline: Instant) -> Result<Body, StoreError> {
    let first = next_row(&mut page).await?;
    let (pieces, body) = body::channel((), None);
    tokio::spawn(
        async move {
            let gone = pieces.clone();
            let sending = timeout_at(deadline, send(first, page, &pieces));
            let sent = tokio::select! {
                () = gone.closed() => return,
                sent = sending => sent.unwrap_or(Err(Broken::TooSlow)),
            };
            if let Err(broken) = sent {
                tracing::error!(cause = %broken, "a page was broken off");
            }
        }
        .in_current_span(),
    );
    Ok(body)
}

async fn send(
    first: Option<MessageJson>,
    mut page: Page,
    pieces: &mpsc::Sender<Piece>,
) -> Result<(), Broken> {
    let mut text = Vec::with_capacity(PIECE + SHORT_ROW);
    text.extend_from_slice(br#"{"data":["#);
    let mut sent = 0;
    let mut next = first;
    while let Some(row) = next {
        if sent > 0 {
            text.push(b',');
        }
        serde_json::to_writer(&mut text, &row)?;
        sent += 1;
        if text.len() >= PIECE {
            let full = std::mem::replace(&mut text, Vec::with_capacity(PIECE + SHORT_ROW));
            hand_on(full, pieces).await;
        }
        next = next_row(&mut page).await?;
    }
    if sent != page.row_count {
        return Err(Broken::Incomplete {
            expected: page.row_count,
            sent,
        });
    }
    text.extend_from_slice(tail(page.next_cursor).as_bytes());
    hand_on(text, pieces).await;
    let _ = pieces.send(Piece::End).await;
    Ok(())
}

async fn next_row(page: &mut Page) -> Result<Option<MessageJson>, StoreError> {
    let row = page.rows.next().await.transpose()?;
    row.map(MessageJson::try_from).transpose()
}

/// What follows the rows. `next_cursor` is always there: some clients stop with an error else.
fn tail(next_cursor: Option<MessageId>) -> String {
    match next_cursor {
        Some(cursor) => format!(r#"],"next_cursor":"{cursor}","has_more":true}}"#),
        None => r#"],"next_cursor":null,"has_more":false}"#.to_owned(),
    }
}

async fn hand_on(text: Vec<u8>, pieces: &mpsc::Sender<Piece>) {
    // If nobody takes it, the task is about to be ended.
    let _ = pieces.send(Piece::Bytes(text.into())).await;
}
