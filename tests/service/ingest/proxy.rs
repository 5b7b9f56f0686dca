//! A server between the service and the simulated Discord that changes what is asked and what is
//! answered, for answers that the simulator never gives. The socket goes past it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Response, header};
use guildlake::status::{BackfillState, Status};
use serde_json::value::RawValue;
use simulator::{ChannelInfo, Kind};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use testkit::world::World;

/// What of `/api/v10/...` stands before the path that rules see.
const PREFIX: &str = "/api/v10";

/// From a path and the body of its answer, the body that is answered.
type Change = dyn Fn(&str, String) -> String + Send + Sync;

/// What is done with a request.
pub(crate) struct Rule {
    /// What the simulator is asked instead of this path (with its query).
    pub(crate) ask: fn(&str) -> String,
    /// What is answered to this path (as the service asked it) instead of this body.
    pub(crate) answer: Box<Change>,
    /// Whether each answer says that it is the time of the first one.
    pub(crate) is_time_still: bool,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            ask: str::to_owned,
            answer: Box::new(|_, body| body),
            is_time_still: false,
        }
    }
}

pub(crate) struct Proxy {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<String>>>,
    task: AbortHandle,
}

impl Proxy {
    pub(crate) async fn start(discord: &str, rule: Rule) -> Self {
        // reqwest takes no TLS provider by itself; this address needs none.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .await
            .unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (notes, discord, rule) = (Arc::clone(&asked), discord.to_owned(), Arc::new(rule));
        let first_date = Arc::new(OnceLock::new());
        let app = Router::new().fallback(move |request: Request| {
            let (http, discord, rule) = (http.clone(), discord.clone(), Arc::clone(&rule));
            let first_date = Arc::clone(&first_date);
            let path = request.uri().to_string();
            let path = path.strip_prefix(PREFIX).unwrap().to_owned();
            notes
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(path.clone());
            let authorization = request.headers()[header::AUTHORIZATION].clone();
            async move {
                let url = format!("{discord}{PREFIX}{}", (rule.ask)(&path));
                let asked = http.get(url).header(header::AUTHORIZATION, authorization);
                let answer = asked.send().await.unwrap();
                let mut response = Response::builder().status(answer.status());
                for (name, value) in answer.headers() {
                    let value = if rule.is_time_still && name == header::DATE {
                        first_date.get_or_init(|| value.clone())
                    } else {
                        value
                    };
                    if name != header::CONTENT_LENGTH && name != header::TRANSFER_ENCODING {
                        response = response.header(name, value);
                    }
                }
                let body = answer.text().await.unwrap();
                let body = (rule.answer)(&path, body);
                response.body(Body::from(body)).unwrap()
            }
        });
        let task = tokio::spawn(async move { axum::serve(listener, app).await }).abort_handle();
        Self { url, asked, task }
    }

    /// Every path that was asked for, with its query.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A page of history with its items, byte for byte, in another order or number.
pub(crate) fn rearranged(body: &str, rearrange: impl FnOnce(&mut Vec<Box<RawValue>>)) -> String {
    let mut items: Vec<Box<RawValue>> = serde_json::from_str(body).unwrap();
    rearrange(&mut items);
    serde_json::to_string(&items).unwrap()
}

/// The text channel with the most messages that the bot can read.
pub(crate) fn busiest(world: &World) -> ChannelInfo {
    let channels = world.simulator.channels().into_iter();
    let readable =
        channels.filter(|channel| channel.visible && channel.history && channel.kind == Kind::Text);
    readable.max_by_key(|channel| channel.messages).unwrap()
}

/// Runs the service over `rule` until a pass is over; answers how it ended.
pub(crate) async fn one_pass(world: &mut World, rule: Rule) -> (Status, Proxy) {
    let proxy = Proxy::start(&world.simulator.api_url(), rule).await;
    world.api_url = Some(proxy.url.clone());
    let mut running = world.start().await;
    let status = running
        .until(|status| {
            matches!(
                status.backfill.state,
                BackfillState::Complete | BackfillState::Incomplete
            )
        })
        .await;
    running.stop().await;
    (status, proxy)
}
