//! The token goes to one host, in one header, and nowhere else.

use std::io;
use std::sync::{Arc, Mutex};

use guildlake::discord::rest::{Rest, RestError};
use tracing_subscriber::fmt::MakeWriter;
use url::Url;

use super::fake::{Fake, TOKEN, answer, client, me, quick};

#[tokio::test]
async fn requests_say_who_asks() {
    let fake = Fake::start(|_, _| me()).await;
    client(&fake.url, quick()).me().await.unwrap();
    let headers = &fake.seen()[0].headers;
    assert_eq!(headers["authorization"], format!("Bot {TOKEN}"));
    let agent = headers["user-agent"].to_str().unwrap();
    let inside = agent
        .strip_prefix("DiscordBot (https://")
        .and_then(|rest| rest.strip_suffix(')'))
        .unwrap();
    assert!(
        inside.ends_with(concat!(", ", env!("CARGO_PKG_VERSION"))),
        "{agent}"
    );
    assert!(!headers.contains_key("referer"));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = Fake::start(|_, _| me()).await;
        let location = elsewhere.url.join("/api/v10/users/@me").unwrap();
        let fake =
            Fake::start(move |_, _| answer(status, &[("location", location.as_str())], "")).await;
        let rest = client(&fake.url, quick());
        let error = rest.me().await.unwrap_err();
        assert!(
            matches!(error, RestError::Redirected { status: said, .. } if said == status),
            "{error:?}"
        );
        assert!(error.to_string().contains("DISCORD_API_URL"), "{error}");
        assert_eq!((fake.count(), elsewhere.count()), (1, 0));
    }
}

#[test]
fn an_address_that_would_give_the_token_away_is_refused() {
    for address in [
        "ftp://discord.com",
        "https://user:pass@discord.com",
        "https://user@discord.com",
        "https://discord.com/?a=b",
        "https://discord.com/#a",
        "data:text/plain,x",
    ] {
        let url = Url::parse(address).unwrap();
        let made = Rest::new(&url, &TOKEN.into(), quick());
        assert!(matches!(made, Err(RestError::Setup(_))), "{address}");
    }
    let url = Url::parse("https://discord.com").unwrap();
    let Err(error) = Rest::new(&url, &format!("{TOKEN}\nx").into(), quick()) else {
        panic!("a token of two lines");
    };
    assert!(!error.to_string().contains(TOKEN) && !format!("{error:?}").contains(TOKEN));
}

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn the_token_is_in_no_log_and_no_error() {
    let log = Log::default();
    // Everything that any crate says on this thread, which is the runtime's only one.
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    // A server that repeats what it was told in everything it says.
    let echo = format!("<html>you said: authorization: Bot {TOKEN}</html>");
    let json =
        format!(r#"{{"message":"{TOKEN}","code":50001,"url":"wss://a.b","shards":"{TOKEN}"}}"#);
    let fake = Fake::start(move |n, _| match n {
        0 => answer(502, &[], &echo),
        1 => answer(429, &[("x-ratelimit-scope", "user")], &json),
        2..5 => answer(200, &[], &echo),
        5 => answer(403, &[], &json),
        6 => answer(400, &[], &json),
        _ => answer(200, &[], &json),
    })
    .await;
    let rest = client(&fake.url, quick());
    let mut said = format!("{rest:?} {:?}", rest.status());
    for _ in 0..3 {
        let error = rest.me().await.unwrap_err();
        said += &format!("{error} {error:?}");
    }
    // The JSON library would quote the text where it wants a number.
    let error = rest.gateway_bot().await.unwrap_err();
    said += &format!("{error} {error:?}");
    assert!(!said.contains(TOKEN), "{said}");
    assert!(said.contains("[the token]"), "{said}");
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("429"), "{log}");
    assert!(log.contains("invalid response"), "{log}");
    let line = log.lines().find(|line| line.contains(TOKEN));
    assert_eq!(line, None);
}
