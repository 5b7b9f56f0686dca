#!/bin/sh
# twilight-gateway 0.18.0 connects again without any pause after a connection that was made.
#
# Seen: against a Gateway that completes the WebSocket handshake and then ends the connection (a close
#   frame with code 4000, or simply the end of the TCP stream), `Shard` connects over a thousand times a
#   second. Where the stream just ends, it does so inside one call of `next()`: no item is given to
#   the caller in all that time.
# Guessed: its documented pauses (1, 2, 4 … 128 s) hold for every reconnection. They hold only for
#   connections that could not be made: each end of one that was made sets the counter back to 0.
# Follows: whoever uses it can't put a pause in, as the stream connects by itself; a server or a proxy
#   that accepts and closes is hammered, and real sessions (RESUME) with it.
#
# Prints the versions and what was counted; ends with 0 if it is still so, else with 1. Listens on
# loopback only. Needs cargo and a registry.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2024"

[dependencies]
futures-util = { version = "=0.3.31", features = ["sink"] }
tokio = { version = "1.48", features = ["rt-multi-thread", "macros", "net", "time"] }
tokio-websockets = { version = "=0.13.3", default-features = false, features = ["fastrand", "server", "sha1_smol"] }
twilight-gateway = { version = "=0.18.0", default-features = false }
TOML
cat > "$folder/src/main.rs" <<'RUST'
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpListener;
use tokio_websockets::{CloseCode, Message, ServerBuilder};
use twilight_gateway::{ConfigBuilder, Intents, Shard, ShardId};

/// Connections and items in so long.
const LASTS: Duration = Duration::from_secs(3);

async fn count(with_close_frame: bool) -> (u64, u64) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&connections);
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counter.fetch_add(1, SeqCst);
            if let Ok((_, mut socket)) = ServerBuilder::new().accept(stream).await
                && with_close_frame
            {
                let code = CloseCode::try_from(4000).ok();
                let _ = socket.send(Message::close(code, "Unknown error.")).await;
                let _ = socket.close().await;
            }
        }
    });
    let config = ConfigBuilder::new("Bot x".to_owned(), Intents::GUILDS).proxy_url(url).build();
    let mut shard = Shard::with_config(ShardId::ONE, config);
    let mut items = 0;
    let _ = tokio::time::timeout(LASTS, async {
        while shard.next().await.is_some() {
            items += 1;
        }
    })
    .await;
    server.abort();
    (connections.load(SeqCst), items)
}

#[tokio::main]
async fn main() {
    let (closed, told) = count(true).await;
    println!("closed with 4000: {closed} connections in {LASTS:?}, {told} items for the caller");
    let (dropped, silent) = count(false).await;
    println!("TCP stream ended: {dropped} connections in {LASTS:?}, {silent} items for the caller");
    let is_so = closed > 50 && told > 50 && dropped > 50 && silent == 0;
    std::process::exit(i32::from(!is_so));
}
RUST
cd "$folder"
cargo build --quiet
cargo tree --depth 1 --prefix none | sed 's/ (.*//'
cargo run --quiet
