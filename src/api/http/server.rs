//! Serves a router on a TCP listener: HTTP/1.1, with limits on slow clients, until it is stopped; then
//! responses in progress may end within a limited time. TLS and HTTP/2 are the task of the reverse proxy.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::address::TrustedProxies;
use super::no_request::Explained;

/// The maximum number of connections; more wait in the backlog of the operating system.
const CONNECTIONS: usize = 1024;

/// How long a connection may be idle, or take to send the head of a request. It is longer than the usual minute
/// of reverse proxies, so that they are the ones that close idle connections.
const IDLE: Duration = Duration::from_secs(75);

/// How long a client may read nothing of a response that waits for it.
const STALLED: Duration = Duration::from_secs(30);

/// How long responses in progress may take after the stop.
const DRAIN: Duration = Duration::from_secs(5);

/// The pause after the system refused a connection, most likely because of missing file descriptors.
const AFTER_REFUSAL: Duration = Duration::from_millis(200);

/// How a listener treats its clients.
#[derive(Debug, Clone, Default)]
pub struct ServeSettings {
    /// The reverse proxies that say from whom a request came.
    pub trusted_proxies: TrustedProxies,
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
    tracing::info!(%address, "the API is listening");
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let connections = TaskTracker::new();
    let (drain, cut) = (CancellationToken::new(), CancellationToken::new());
    let _cut_when_dropped = cut.clone().drop_guard();

    let accepting = async {
        loop {
            let place = Arc::clone(&room).acquire_owned().await;
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let proxies = settings.trusted_proxies.clone();
                    let connection =
                        converse(stream, peer.ip(), router.clone(), proxies, drain.clone());
                    let cut = cut.clone();
                    connections.spawn(async move {
                        let _place = place;
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

/// Serves one connection until it ends or, once `drain` is cancelled, until its present response has ended.
async fn converse(
    stream: TcpStream,
    peer: IpAddr,
    router: Router,
    proxies: TrustedProxies,
    drain: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a client connection was closed before it was set up");
        return;
    }
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(STALLED));
    let router = router.map_request(move |mut request: hyper::Request<Incoming>| {
        let client = proxies.client(peer, request.headers());
        request.extensions_mut().insert(client);
        request
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(
            TokioIo::new(Explained::new(Box::pin(stream))),
            TowerToHyperService::new(router),
        );
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = drain.cancelled() => {
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
