//! A server that says what a test tells it to, and remembers what it was asked. For what the
//! simulator does not do: it never redirects, and it never lies about JSON.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Response};
use guildlake::discord::rest::{Rest, RestSettings};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use url::Url;

/// A token whose text is found wherever it should not be.
pub(crate) const TOKEN: &str = "t0ken-that-must-stay-secret";

/// Patience in milliseconds instead of minutes.
pub(crate) fn quick() -> RestSettings {
    RestSettings {
        // Of a machine that is busy, and of no interest but to the tests that set their own.
        connect_timeout: Duration::from_secs(10),
        request_timeout: Duration::from_secs(10),
        requests_per_second: u16::MAX,
        attempts: 4,
        backoff_min: Duration::from_millis(2),
        backoff_max: Duration::from_millis(40),
        give_up_after: Duration::from_secs(10),
        limit_min_wait: Duration::from_millis(5),
        limit_default_wait: Duration::from_millis(20),
        limit_max_wait: Duration::from_millis(60),
        invalid_limit: 1_000,
        invalid_window: Duration::from_secs(600),
    }
}

pub(crate) fn client(url: &Url, settings: RestSettings) -> Rest {
    Rest::new(url, &TOKEN.into(), settings).expect("a client")
}

/// One request that came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) at: Instant,
}

pub(crate) struct Fake {
    pub(crate) url: Url,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: AbortHandle,
}

impl Fake {
    /// `answer` is given the number of the request (from 0) and its path with the query.
    pub(crate) async fn start(
        answer: impl Fn(usize, &str) -> Response<Body> + Clone + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&seen);
        let app = Router::new().fallback(move |request: Request| {
            let target = request.uri().to_string();
            let number = {
                let mut notes = notes.lock().expect("no panic");
                notes.push(Seen {
                    target: target.clone(),
                    headers: request.headers().clone(),
                    at: Instant::now(),
                });
                notes.len() - 1
            };
            let answer = answer.clone();
            async move { answer(number, &target) }
        });
        let task = tokio::spawn(async move { axum::serve(listener, app).await }).abort_handle();
        Self {
            url: Url::parse(&format!("http://{address}")).expect("an address"),
            seen,
            task,
        }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no panic").clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.seen().len()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An answer with headers.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response
        .body(Body::from(body.to_owned()))
        .expect("an answer")
}

/// What `GET /users/@me` answers when all is well.
pub(crate) fn me() -> Response<Body> {
    answer(200, &[], r#"{"id":"42","username":"lake"}"#)
}
