//! Serves a router on a TCP listener: HTTP/1.1, with limits on slow clients and on clients with many connections, until
//! it is stopped; then responses in progress may end within a limited time. TLS and HTTP/2 are the task of the reverse
//! proxy.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::address::{ClientAddress, Peer, TrustedProxies};
use super::busy::Refused;
use super::no_request::{self, Explained};
use super::paced::{Paced, ReadPace};
use super::places::{Answering, NoPlace, PhaseTimes, Place, Places};

/// The default of [`ServeSettings::connections`], and the most that [`connections_for`] answers.
const MAX_CONNECTIONS: usize = 1024;

/// The least number of connections, however few files may be open.
const MIN_CONNECTIONS: usize = 16;

/// Open files that are left to the record, the search index, the row store, the snapshots and Discord.
const RESERVED_FILES: u64 = 512;

/// A connection may have a file open that it sends.
const FILES_OF_CONNECTION: u64 = 2;

/// The default of [`ServeSettings::connections_per_address`]: browsers open six, a busy dashboard some tens.
const CONNECTIONS_PER_ADDRESS: usize = 64;

/// The maximum number of headers of a request, and of bytes of its head. A URL may have 8 KiB, and longer ones up to
/// 64 KiB are answered by a problem that says so.
const MAX_HEADERS: usize = 100;
const MAX_HEAD_BYTES: usize = 128 * 1024;

/// How long responses in progress may take after the stop.
const DRAIN: Duration = Duration::from_secs(5);

/// The pause after the system refused a connection, most likely because of missing file descriptors.
const AFTER_REFUSAL: Duration = Duration::from_millis(200);

/// How a listener treats its clients.
#[derive(Debug, Clone)]
pub struct ServeSettings {
    /// The name of the listener in the log.
    pub name: &'static str,
    /// The reverse proxies that say from whom a request came. Their connections carry many clients, so
    /// [`Self::connections_per_address`] does not hold for them.
    pub trusted_proxies: TrustedProxies,
    /// The maximum number of connections. When all are taken, the one that has done nothing for the longest time is
    /// closed.
    pub connections: usize,
    /// The maximum number of connections of one client: an IPv4 address or an IPv6 /64. Programs on this machine and
    /// trusted proxies have no such limit.
    pub connections_per_address: usize,
    /// How long a new connection may send nothing.
    pub first_byte: Duration,
    /// How long the head of a request may take from its first byte.
    pub head: Duration,
    /// How long a connection may wait between two requests. The default is longer than the usual minute of reverse
    /// proxies, so that they are the ones that close idle connections.
    pub idle: Duration,
    /// How long a client may read nothing of a response that waits for it.
    pub stalled: Duration,
    /// The time over which the pace of a client that reads a response is measured. Only time in which the service
    /// waited for the client counts.
    pub pace_window: Duration,
    /// The least pace, in bytes per second.
    pub min_bytes_per_second: u32,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self {
            name: "the API",
            trusted_proxies: TrustedProxies::default(),
            connections: MAX_CONNECTIONS,
            connections_per_address: CONNECTIONS_PER_ADDRESS,
            first_byte: Duration::from_secs(10),
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            stalled: Duration::from_secs(30),
            pace_window: Duration::from_secs(60),
            min_bytes_per_second: 4 * 1024,
        }
    }
}

impl ServeSettings {
    fn phase_times(&self) -> PhaseTimes {
        PhaseTimes {
            first_byte: self.first_byte,
            head: self.head,
            idle: self.idle,
        }
    }

    fn pace(&self) -> ReadPace {
        let window = self.pace_window.as_secs();
        ReadPace {
            stalled: self.stalled,
            window: self.pace_window,
            bytes: u64::from(self.min_bytes_per_second) * window.max(1),
        }
    }

    /// For whom a connection from this address counts; none if it has no bound of its own.
    fn counted(&self, peer: IpAddr) -> Option<IpAddr> {
        let is_unbounded = peer.to_canonical().is_loopback() || self.trusted_proxies.contains(peer);
        (!is_unbounded).then(|| ClientAddress(peer).network())
    }
}

/// How many connections a process may have that may open so many files, so that enough files are left for the record
/// and its followers; and whether that is fewer than usual. Without a limit of files it is the usual number.
#[must_use]
pub fn connections_for(open_files: Option<u64>) -> (usize, bool) {
    let Some(open_files) = open_files else {
        return (MAX_CONNECTIONS, false);
    };
    let room = open_files.saturating_sub(RESERVED_FILES) / FILES_OF_CONNECTION;
    let room = usize::try_from(room).unwrap_or(MAX_CONNECTIONS);
    (
        room.clamp(MIN_CONNECTIONS, MAX_CONNECTIONS),
        room < MAX_CONNECTIONS,
    )
}

/// Serves `router` on `listener` until `shutdown` completes; then accepts no more connections, and ends when
/// every response in progress has ended, or after five seconds.
///
/// # Errors
/// If the listener has no address any more; nothing else ends it.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: ServeSettings,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    tracing::info!(%address, "{} is listening", settings.name);
    let settings = Arc::new(settings);
    let places = Places::new(settings.connections, settings.connections_per_address);
    let limited = Refused::default();
    let connections = TaskTracker::new();
    let (drain, cut) = (CancellationToken::new(), CancellationToken::new());
    let _cut_when_dropped = cut.clone().drop_guard();

    let accepting = async {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let counted = settings.counted(peer.ip());
                    let Some(place) = admit(&places, counted, &settings, &limited).await else {
                        refuse(stream);
                        continue;
                    };
                    let connection = Connection {
                        place,
                        peer: peer.ip(),
                        settings: Arc::clone(&settings),
                        limited: limited.clone(),
                        drain: drain.clone(),
                    };
                    let connection = connection.converse(stream, router.clone());
                    let cut = cut.clone();
                    connections.spawn(async move {
                        tokio::select! {
                            () = cut.cancelled() => {}
                            () = connection => {}
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a client connection could not be accepted");
                    tokio::time::sleep(AFTER_REFUSAL).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = shutdown => {}
    }
    drop(listener);
    drain.cancel();
    connections.close();
    if tokio::time::timeout(DRAIN, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            connections = connections.len(),
            "some responses did not end in time during the shutdown; their connections were closed"
        );
        cut.cancel();
        connections.wait().await;
    }
    Ok(())
}

/// A place for a connection that was accepted, as soon as there is one; none if its client has too many.
async fn admit(
    places: &Arc<Places>,
    counted: Option<IpAddr>,
    settings: &ServeSettings,
    limited: &Refused,
) -> Option<Place> {
    loop {
        let no_place = match places.take(counted) {
            Ok(place) => return Some(place),
            Err(no_place) => no_place,
        };
        let name = settings.name;
        match no_place {
            NoPlace::Leaving => limited.note_connection(&format!(
                "all places for connections to {name} are taken: the longest idle connection was closed"
            )),
            NoPlace::Full => limited.note_connection(&format!(
                "all places for connections to {name} are taken by requests: a new connection waits"
            )),
            NoPlace::LeavingOfClient | NoPlace::FullOfClient => limited.note_connection(&format!(
                "a client has as many connections to {name} as MAX_CONNECTIONS_PER_ADDRESS allows: its longest idle \
                 connection was closed, or the new one"
            )),
        }
        if no_place == NoPlace::FullOfClient {
            return None;
        }
        places.changed().await;
    }
}

/// Tells a client that it has too many connections, as far as that is possible without waiting for it.
fn refuse(stream: TcpStream) {
    let told = stream.into_std().and_then(|mut stream| {
        // A connection with bytes that were not read is reset, and the answer would be lost.
        let _ = stream.read(&mut [0; 8 * 1024]);
        stream.write_all(&no_request::too_many_connections())?;
        stream.shutdown(Shutdown::Write)
    });
    if let Err(error) = told {
        tracing::debug!(%error, "a client with too many connections could not be told so");
    }
}

/// One connection.
struct Connection {
    place: Place,
    peer: IpAddr,
    settings: Arc<ServeSettings>,
    limited: Refused,
    drain: CancellationToken,
}

impl Connection {
    /// Serves the connection until it ends or, once it has to leave, until its present response has ended.
    async fn converse(self, stream: TcpStream, router: Router) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a client connection was closed before it was set up");
            return;
        }
        let (settings, activity, peer) = (&self.settings, self.place.activity(), self.peer);
        let limited = self.limited.clone();
        let stream = Paced::new(
            stream,
            Arc::clone(activity),
            settings.phase_times(),
            settings.pace(),
            move || limited.note_connection("a client read its answer too slowly and was cut off"),
        );
        let service = service_fn(|mut request: hyper::Request<Incoming>| {
            let client = settings.trusted_proxies.client(peer, request.headers());
            let is_trusted = settings.trusted_proxies.contains(peer);
            request.extensions_mut().insert(client);
            request.extensions_mut().insert(Peer { is_trusted });
            let answering = activity.answer();
            let answer = router.clone().oneshot(request);
            async move {
                let answer = answer.await?;
                Ok::<_, std::convert::Infallible>(answer.map(|body| Answer {
                    body,
                    _answering: answering,
                }))
            }
        });
        let connection = http1::Builder::new()
            // `Paced` has the time limits, which tell a head that is slow from a connection that is idle.
            .header_read_timeout(None)
            .max_headers(MAX_HEADERS)
            .max_header_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(Explained::new(stream)), service);
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = async {
                tokio::select! {
                    () = self.drain.cancelled() => {}
                    () = activity.told_to_leave() => {}
                }
            } => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        // A client that disconnects or stalls is not an error of the service; the log line of the request reports
        // it.
        if let Err(error) = ended {
            tracing::debug!(%error, "a client connection ended early");
        }
    }
}

/// The body of a response, which keeps its connection busy until it ends.
struct Answer {
    body: Body,
    _answering: Answering,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_the_rest() {
        assert_eq!(connections_for(None), (1024, false));
        assert_eq!(connections_for(Some(524_288)), (1024, false));
        assert_eq!(connections_for(Some(1024)), (256, true));
        assert_eq!(connections_for(Some(256)), (16, true));
    }

    #[test]
    fn loopback_and_trusted_proxies_have_no_bound_of_their_own() {
        let settings = ServeSettings {
            trusted_proxies: TrustedProxies::new(["10.0.0.0/8".parse().expect("a network")]),
            ..ServeSettings::default()
        };
        for (peer, counted) in [
            ("127.0.0.1", None),
            ("::1", None),
            ("::ffff:127.0.0.1", None),
            ("10.1.2.3", None),
            ("::ffff:10.1.2.3", None),
            ("192.0.2.1", Some("192.0.2.1")),
            ("2001:db8:1:2:3::4", Some("2001:db8:1:2::")),
        ] {
            let counted = counted.map(|address| address.parse().expect("an address"));
            let peer = peer.parse().expect("an address");
            assert_eq!(settings.counted(peer), counted, "{peer}");
        }
    }

    #[tokio::test]
    async fn a_client_with_too_many_connections_is_told_so() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("an address");
        let mut client = TcpStream::connect(address).await.expect("a connection");
        let (stream, _) = listener.accept().await.expect("a connection");
        refuse(stream);
        let mut answer = String::new();
        let read = tokio::io::AsyncReadExt::read_to_string(&mut client, &mut answer).await;
        read.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
        assert!(answer.contains("retry-after: 2\r\n"), "{answer}");
        assert!(
            answer.contains(r#""code":"too_many_connections""#),
            "{answer}"
        );
    }
}
