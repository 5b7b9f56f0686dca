//! Connections that behave badly: that say nothing, a byte at a time, that leave before the answer, that read slowly.

use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// The pause between two bytes, and after a connection was cut.
const PAUSE: Duration = Duration::from_millis(500);

/// Ways to behave.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// Connects and says nothing.
    Idle,
    /// Sends the head of a request a byte at a time.
    Slow,
    /// Asks for everything and leaves.
    Vanishing,
    /// Asks for a download and reads a few bytes now and then.
    Reading,
}

const WAYS: [Way; 4] = [Way::Idle, Way::Slow, Way::Vanishing, Way::Reading];

/// Keeps one rude connection open, and opens another when it is cut, until it is told to stop.
pub(crate) async fn connection(
    address: SocketAddr,
    target: String,
    key: String,
    mut dice: StdRng,
    stop: CancellationToken,
) {
    let request = format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nx-api-key: {key}\r\n\r\n");
    let going_on = async {
        loop {
            let way = WAYS[dice.random_range(0..WAYS.len())];
            // Whatever becomes of it, it begins again.
            let _ = once(address, &request, way).await;
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = going_on => {}
    }
}

async fn once(address: SocketAddr, request: &str, way: Way) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let mut buffer = [0; 512];
    match way {
        Way::Idle => {
            let _cut = stream.read(&mut buffer).await?;
        }
        Way::Slow => {
            for byte in request.bytes() {
                stream.write_all(&[byte]).await?;
                tokio::time::sleep(PAUSE).await;
            }
        }
        Way::Vanishing => stream.write_all(request.as_bytes()).await?,
        Way::Reading => {
            stream.write_all(request.as_bytes()).await?;
            while stream.read(&mut buffer).await? > 0 {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    Ok(())
}
