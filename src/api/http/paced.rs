//! A TCP stream that ends when its client is too slow: with the first byte, with the head of a request, with the next
//! request, or with reading an answer. Neither hyper nor a timeout of the whole answer can tell a slow client from a
//! slow service; the socket can, because it knows whose turn it is.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::places::{Activity, PhaseTimes};

/// How much the system may hold of what it has not sent. Its own buffer grows to megabytes, of which it takes more only
/// when a third is free again: a client that reads steadily would seem to stand still for minutes.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 16 * 1024;

/// How slowly a client may read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadPace {
    /// How long a client may read nothing.
    pub(crate) stalled: Duration,
    /// The time over which the pace is measured; only the time in which the service waited for the client counts.
    pub(crate) window: Duration,
    /// The least number of bytes in that time.
    pub(crate) bytes: u64,
}

/// The stream of one connection.
pub(crate) struct Paced {
    stream: TcpStream,
    activity: Arc<Activity>,
    times: PhaseTimes,
    reading: Pin<Box<Sleep>>,
    writing: Writing,
    unblocking: Pin<Box<Sleep>>,
    too_slow: Box<dyn Fn() + Send>,
}

impl Paced {
    /// `too_slow` is called if the client reads too slowly.
    pub(crate) fn new(
        stream: TcpStream,
        activity: Arc<Activity>,
        times: PhaseTimes,
        pace: ReadPace,
        too_slow: impl Fn() + Send + 'static,
    ) -> Self {
        #[cfg(target_os = "linux")]
        if let Err(error) = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_BYTES) {
            tracing::debug!(%error, "the system does not limit what it holds unsent");
        }
        let now = Instant::now();
        Self {
            stream,
            activity,
            times,
            reading: Box::pin(sleep_until(now)),
            writing: Writing {
                pace,
                stalled_since: None,
                blocked_since: None,
                blocked: Duration::ZERO,
                bytes: 0,
            },
            unblocking: Box::pin(sleep_until(now)),
            too_slow: Box::new(too_slow),
        }
    }

    /// What a try to write came to.
    fn wrote(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let is_fast_enough = match &written {
            Poll::Ready(Ok(bytes)) => self.writing.wrote(*bytes as u64, Instant::now()),
            Poll::Ready(Err(_)) => true,
            Poll::Pending => self.may_wait(context),
        };
        if is_fast_enough {
            return written;
        }
        (self.too_slow)();
        let error = io::Error::new(io::ErrorKind::TimedOut, "the client reads too slowly");
        Poll::Ready(Err(error))
    }
}

impl Paced {
    /// Whether the client may take nothing for now; the task is woken when it may no longer.
    fn may_wait(&mut self, context: &mut Context<'_>) -> bool {
        while let Some(deadline) = self.writing.waits(Instant::now()) {
            if self.unblocking.deadline() != deadline {
                self.unblocking.as_mut().reset(deadline);
            }
            if self.unblocking.as_mut().poll(context).is_pending() {
                return true;
            }
        }
        false
    }
}

impl Paced {
    /// It is the client's turn: whether it took too long. The task is woken when that is so.
    fn poll_turn(&mut self, context: &mut Context<'_>) -> Option<io::Error> {
        if self.activity.must_leave() {
            let reason = "its place is needed";
            return Some(io::Error::new(io::ErrorKind::ConnectionAborted, reason));
        }
        let deadline = self.activity.deadline(self.times)?;
        if self.reading.deadline() != deadline {
            self.reading.as_mut().reset(deadline);
        }
        let is_late = self.reading.as_mut().poll(context).is_ready();
        is_late.then(|| io::Error::new(io::ErrorKind::TimedOut, "the client sends too slowly"))
    }
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut this.stream).poll_read(context, buffer) {
            if buffer.filled().len() > before {
                this.activity.received();
            }
            return Poll::Ready(read);
        }
        match this.poll_turn(context) {
            Some(error) => Poll::Ready(Err(error)),
            None => Poll::Pending,
        }
    }
}

impl AsyncWrite for Paced {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        // hyper flushes once the system has taken everything, and after that it need not read again before bytes
        // arrive: the time of an idle connection begins here.
        if matches!(flushed, Poll::Ready(Ok(())))
            && self.activity.sent_everything()
            && let Some(error) = self.poll_turn(context)
        {
            return Poll::Ready(Err(error));
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// How fast the client takes what is written.
struct Writing {
    pace: ReadPace,
    /// Since when the client takes nothing.
    stalled_since: Option<Instant>,
    /// The same, but not before the present window began.
    blocked_since: Option<Instant>,
    /// How long the service waited for the client in the present window, before that.
    blocked: Duration,
    /// What the client took in the present window.
    bytes: u64,
}

impl Writing {
    /// The client took bytes; returns whether it is fast enough.
    fn wrote(&mut self, bytes: u64, now: Instant) -> bool {
        self.stalled_since = None;
        if let Some(since) = self.blocked_since.take() {
            self.blocked += now - since;
        }
        self.bytes += bytes;
        self.blocked < self.pace.window || self.next_window()
    }

    /// The client takes nothing at the moment; returns until when it may, or none if it may no longer.
    fn waits(&mut self, now: Instant) -> Option<Instant> {
        let end_of_stall = *self.stalled_since.get_or_insert(now) + self.pace.stalled;
        if now >= end_of_stall {
            return None;
        }
        let since = *self.blocked_since.get_or_insert(now);
        let mut end_of_window = since + self.pace.window.saturating_sub(self.blocked);
        if now >= end_of_window {
            if !self.next_window() {
                return None;
            }
            self.blocked_since = Some(now);
            end_of_window = now + self.pace.window;
        }
        Some(end_of_window.min(end_of_stall))
    }

    /// Begins a new window; returns whether the client was fast enough in the last one.
    fn next_window(&mut self) -> bool {
        let is_fast_enough = self.bytes >= self.pace.bytes;
        self.blocked = Duration::ZERO;
        self.bytes = 0;
        is_fast_enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writing() -> Writing {
        Writing {
            pace: ReadPace {
                stalled: Duration::from_secs(30),
                window: Duration::from_secs(60),
                bytes: 600,
            },
            stalled_since: None,
            blocked_since: None,
            blocked: Duration::ZERO,
            bytes: 0,
        }
    }

    /// A client that takes so many bytes every ten seconds; how many seconds it is served, of an hour.
    fn served(bytes: u64) -> u64 {
        let (mut writing, start) = (writing(), Instant::now());
        for seconds in (0..3600).step_by(10) {
            let now = start + Duration::from_secs(seconds);
            if writing.waits(now).is_none() {
                return seconds;
            }
            let now = now + Duration::from_secs(10);
            if bytes > 0 && !writing.wrote(bytes, now) {
                return seconds + 10;
            }
        }
        3600
    }

    #[test]
    fn a_client_that_reads_too_slowly_is_cut_and_a_slow_one_is_not() {
        assert_eq!(served(0), 30);
        assert_eq!(served(99), 60);
        assert_eq!(served(100), 3600);
    }

    #[test]
    fn a_window_can_end_while_the_client_takes_nothing() {
        for (bytes, is_fast_enough) in [(599, false), (600, true)] {
            let (mut writing, start) = (writing(), Instant::now());
            let second = |second: u64| start + Duration::from_secs(second);
            for begin in [0, 20] {
                assert!(writing.waits(second(begin)).is_some());
                assert!(writing.wrote(if begin == 0 { bytes } else { 0 }, second(begin + 20)));
            }
            assert_eq!(writing.waits(second(45)), Some(second(65)));
            assert_eq!(writing.waits(second(65)).is_some(), is_fast_enough);
            // It may not stall for longer because a window ended.
            assert_eq!(writing.waits(second(75)), None);
        }
    }

    #[test]
    fn a_slow_service_is_not_the_clients_fault() {
        let (mut writing, start) = (writing(), Instant::now());
        for n in 0..1000 {
            assert!(writing.wrote(1, start + Duration::from_secs(10 * n)));
        }
        assert!(writing.waits(start + Duration::from_secs(10_000)).is_some());
    }
}
