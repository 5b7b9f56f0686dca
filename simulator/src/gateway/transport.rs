//! How a text becomes a WebSocket message: plain, zlib per payload, one zlib stream, or one zstd stream.
//! A stream has one context for the life of a connection and is flushed after each message.

use std::io::Write;

use flate2::{Compress, Compression, FlushCompress};
use tokio_tungstenite::tungstenite::Message;
use zstd::stream::raw::{Encoder, InBuffer, Operation, OutBuffer};

use crate::random::mix;

/// The way texts travel on one connection.
pub(crate) enum Transport {
    /// Text frames.
    Plain,
    /// Some frames as text, some (by a seeded draw) each zlib-compressed by itself.
    Payload {
        /// The share of compressed frames.
        share: f64,
        /// Frames so far.
        count: u64,
    },
    /// `compress=zlib-stream`.
    Zlib(Box<Compress>),
    /// `compress=zstd-stream`.
    Zstd(Box<Encoder<'static>>),
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain => "Plain",
            Self::Payload { .. } => "Payload",
            Self::Zlib(_) => "Zlib",
            Self::Zstd(_) => "Zstd",
        })
    }
}

impl Transport {
    /// As the query of the connection asks.
    pub(crate) fn from_query(query: &str) -> std::io::Result<Self> {
        Ok(
            match query
                .split('&')
                .find_map(|pair| pair.strip_prefix("compress="))
            {
                Some("zlib-stream") => {
                    Self::Zlib(Box::new(Compress::new(Compression::default(), true)))
                }
                Some("zstd-stream") => Self::Zstd(Box::new(Encoder::new(3)?)),
                _ => Self::Plain,
            },
        )
    }

    /// Identify asked for compressed payloads; a stream stays what it is.
    pub(crate) fn compress_payloads(&mut self, share: f64) {
        if let Self::Plain = self {
            *self = Self::Payload { share, count: 0 };
        }
    }

    /// The message that carries a text.
    pub(crate) fn encode(&mut self, text: &str) -> std::io::Result<Message> {
        match self {
            Self::Plain => Ok(Message::text(text)),
            Self::Payload { share, count } => {
                *count += 1;
                let draw = (mix(*count, text.len() as u64) % 1000) as f64 / 1000.0;
                if draw >= *share {
                    return Ok(Message::text(text));
                }
                let mut encoder =
                    flate2::write::ZlibEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(text.as_bytes())?;
                Ok(Message::binary(encoder.finish()?))
            }
            Self::Zlib(context) => deflate(context, text.as_bytes()).map(Message::binary),
            Self::Zstd(encoder) => frame(encoder, text.as_bytes()).map(Message::binary),
        }
    }
}

fn deflate(context: &mut Compress, input: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(input.len() / 2 + 64);
    let start = context.total_in();
    loop {
        let used = usize::try_from(context.total_in() - start).unwrap_or(input.len());
        out.reserve(1024);
        context
            .compress_vec(&input[used..], &mut out, FlushCompress::Sync)
            .map_err(std::io::Error::other)?;
        let used = usize::try_from(context.total_in() - start).unwrap_or(input.len());
        // A sync flush is complete when there was room left over.
        if used == input.len() && out.len() < out.capacity() {
            return Ok(out);
        }
    }
}

fn frame(encoder: &mut Encoder<'static>, input: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(input.len() + 256);
    let mut chunk = vec![0u8; 32 * 1024];
    let mut source = InBuffer::around(input);
    while source.pos() < input.len() {
        let mut target = OutBuffer::around(chunk.as_mut_slice());
        encoder.run(&mut source, &mut target)?;
        out.extend_from_slice(target.as_slice());
    }
    loop {
        let mut target = OutBuffer::around(chunk.as_mut_slice());
        let left = encoder.flush(&mut target)?;
        out.extend_from_slice(target.as_slice());
        if left == 0 {
            return Ok(out);
        }
    }
}
