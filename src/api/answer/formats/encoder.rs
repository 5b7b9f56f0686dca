//! An encoder takes the rows batch by batch, and its output is sent as it is written.

use std::io::{self, Write};

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use axum::body::Bytes;
use parquet::errors::ParquetError;
use tokio::sync::mpsc;

use crate::api::answer::body::{PIECE, Piece};
use crate::store::StoreError;

/// Why a download was aborted. The cause goes to the log; the client only sees that the response is incomplete.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("the database failed: {0}")]
    Store(#[from] StoreError),
    #[error("Arrow failed: {0}")]
    Columns(#[from] ArrowError),
    #[error("Parquet failed: {0}")]
    Parquet(#[from] ParquetError),
    #[error("JSON failed: {0}")]
    Json(#[from] serde_json::Error),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the query ended after {sent} of {expected} rows")]
    Incomplete { expected: i64, sent: i64 },
}

/// Encodes rows in a format.
pub(crate) trait Encoder: Send {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), Broken>;

    /// Writes the end of the file and sends everything.
    fn finish(self: Box<Self>) -> Result<(), Broken>;
}

/// Sends the output piece by piece, from a thread that may block.
pub(crate) struct Out {
    pieces: mpsc::Sender<Piece>,
    text: Vec<u8>,
}

impl Out {
    pub(crate) fn new(pieces: mpsc::Sender<Piece>) -> Self {
        Self {
            pieces,
            text: Vec::with_capacity(PIECE),
        }
    }

    fn hand_on(&mut self) -> io::Result<()> {
        if self.text.is_empty() {
            return Ok(());
        }
        let text = Bytes::from(std::mem::replace(&mut self.text, Vec::with_capacity(PIECE)));
        self.send(Piece::Bytes(text))
    }

    /// Marks the body as complete.
    pub(crate) fn end(mut self) -> io::Result<()> {
        self.hand_on()?;
        self.send(Piece::End)
    }

    fn send(&self, piece: Piece) -> io::Result<()> {
        let sent = self.pieces.blocking_send(piece);
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        if self.text.len() >= PIECE {
            self.hand_on()?;
        }
        Ok(bytes.len())
    }

    /// Incomplete pieces are not sent here, because encoders flush after each batch.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
