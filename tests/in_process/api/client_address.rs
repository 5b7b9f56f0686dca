//! From whom a request came, as the server tells the handlers.

use axum::routing::get;
use axum::{Extension, Router};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use guildlake::api::{ClientAddress, ServeSettings, TrustedProxies};
use testkit::lake::Served;

async fn told(served: &Served, headers: &str) -> String {
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.rsplit("\r\n\r\n").next().unwrap().to_owned()
}

#[tokio::test]
async fn only_a_trusted_proxy_says_from_whom_a_request_came() {
    let tell = async |Extension(client): Extension<ClientAddress>| client.0.to_string();
    let router = Router::new().route("/", get(tell));
    let forged = "X-Forwarded-For: 198.51.100.1\r\nForwarded: for=192.0.2.2\r\n";

    let nobody = Served::with(router.clone(), ServeSettings::default()).await;
    assert_eq!(told(&nobody, forged).await, "127.0.0.1");
    nobody.stop().await;

    let loopback = TrustedProxies::new(["127.0.0.0/8".parse().unwrap()]);
    let settings = ServeSettings {
        trusted_proxies: loopback,
        ..ServeSettings::default()
    };
    let proxied = Served::with(router, settings).await;
    assert_eq!(told(&proxied, forged).await, "198.51.100.1");
    assert_eq!(told(&proxied, "").await, "127.0.0.1");
    assert_eq!(
        told(&proxied, "X-Forwarded-For: nobody\r\n").await,
        "127.0.0.1"
    );
    proxied.stop().await;
}
