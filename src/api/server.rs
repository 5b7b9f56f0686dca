//! Serving a router on a socket: HTTP/1.1, with limits on slow callers, until told to stop; then
//! answers that are under way may end, for a bounded time. TLS and HTTP/2 are the reverse
//! proxy's.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::no_request::Explained;

/// Connections at once; more wait in the system's queue.
const CONNECTIONS: usize = 1024;

/// How long a connection may be idle, or take to send a request's head. Longer than the usual
/// minute of reverse proxies, so that it is they who close idle connections.
const IDLE: Duration = Duration::from_secs(75);

/// How long a caller may take nothing of an answer that waits for it.
const STALLED: Duration = Duration::from_secs(30);

/// How long answers that are under way may take after the order to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// The pause after the system refused a connection (no file descriptors, most likely).
const AFTER_REFUSAL: Duration = Duration::from_millis(200);

/// Serves `router` on `listener` until `shutdown` is done; then takes no more connections, and
/// ends when every answer that was under way has ended, or after five seconds.
///
/// # Errors
/// If the listener has no address any more: nothing else ends it.
pub async fn serve(
    listener: TcpListener,
    router: Router,
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
                Ok((stream, _)) => {
                    let connection = converse(stream, router.clone(), drain.clone());
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

/// One connection, until it ends or, once `drain` is given, until its present answer has ended.
async fn converse(stream: TcpStream, router: Router, drain: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a client connection was closed before it was set up");
        return;
    }
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(STALLED));
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
    // A caller that breaks off or stalls is its own affair; the request's line tells of it.
    if let Err(error) = ended {
        tracing::debug!(%error, "a client connection ended early");
    }
}
