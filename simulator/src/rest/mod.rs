//! Discord's REST v10, as far as a reader of messages needs it.
//! A request is judged in Discord's order: the address's ban, faults on order, the token, the limits, the route.

#![expect(
    clippy::result_large_err,
    reason = "an Answer is the error, once in a request"
)]

mod answer;
mod history;
mod limits;
mod objects;
mod query;
mod threads;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

pub(crate) use answer::{Answer, Body};
pub(crate) use limits::Meter;

use crate::faults::{Refused, RestFaultKind};
use crate::observe::Happening;
use crate::shared::{Shared, State};
use query::Query;

/// Serve one accepted connection.
pub(crate) async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    let mut cut = shared.cut();
    let service = service_fn(|request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(answer(&shared, &request).await) }
    });
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // A connection's error is the client's or a fault's; both have been seen.
        _ = connection => {}
        () = cut.wait() => {}
    }
}

async fn answer(shared: &Shared, request: &Request<Incoming>) -> Response<Body> {
    let uri = request.uri();
    let path = uri
        .path_and_query()
        .map_or("/", hyper::http::uri::PathAndQuery::as_str);
    let authorization = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let call = Call::new(request.method().as_str(), path, authorization);
    let answer = {
        let mut state = shared.lock();
        judge(shared, &mut state, &call)
    };
    if let Some(fault) = &answer.fault {
        shared.tell(Happening::Fault(fault.clone()));
    }
    shared.tell(Happening::Request {
        method: call.method.clone(),
        path: path.to_owned(),
        status: (!answer.hang).then_some(answer.status),
    });
    if answer.hang {
        std::future::pending::<()>().await;
    }
    if answer.delay > Duration::ZERO {
        tokio::time::sleep(answer.delay).await;
    }
    let now_ms = shared.lock().world.clock.now_ms();
    answer.into_response(now_ms)
}

/// A request, taken apart.
#[derive(Debug)]
pub(crate) struct Call {
    method: String,
    /// The path with its query, after the version.
    path: String,
    segments: Vec<String>,
    query: Query,
    token: Option<String>,
}

impl Call {
    fn new(method: &str, path: &str, authorization: Option<&str>) -> Self {
        let bare = ["/api/v10", "/api/v9", "/api"]
            .iter()
            .find_map(|prefix| path.strip_prefix(prefix))
            .unwrap_or(path);
        let (place, query) = bare.split_once('?').unwrap_or((bare, ""));
        Self {
            method: method.to_owned(),
            path: bare.to_owned(),
            segments: place
                .split('/')
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect(),
            query: Query::new(query),
            token: authorization.map(str::to_owned),
        }
    }
}

fn judge(shared: &Shared, state: &mut State, call: &Call) -> Answer {
    if state.meter.banned(&shared.config.limits) {
        return Answer::cloudflare_limited(600);
    }
    let hit = state.faults.rest.hit(&call.path);
    let mut answer = match &hit {
        Some(kind) => match Answer::from_fault(kind) {
            Some(answer) => answer,
            None => admitted(shared, state, call, Some(kind)),
        },
        None => admitted(shared, state, call, None),
    };
    let acted = state.faults.lists.take_acted();
    answer.fault = hit.map(|kind| format!("{kind:?}")).or(acted);
    if matches!(answer.status, 401 | 403 | 429) && !answer.shared_limit {
        state.meter.count_invalid();
    }
    answer
}

fn admitted(
    shared: &Shared,
    state: &mut State,
    call: &Call,
    fault: Option<&RestFaultKind>,
) -> Answer {
    let open = call.segments == ["gateway"];
    if !open && call.token.as_deref() != Some(&format!("Bot {}", shared.config.token)) {
        return Answer::error(401, 0, "401: Unauthorized");
    }
    let passed = state.meter.pass(&shared.config.limits, call);
    let mut answer = match passed.refused {
        Some((retry_after, global)) => Answer::limited(retry_after, global),
        None => {
            let mut answer = route(shared, state, call, fault);
            answer.apply(fault);
            answer
        }
    };
    answer.headers.extend(passed.headers);
    answer
}

fn route(shared: &Shared, state: &mut State, call: &Call, fault: Option<&RestFaultKind>) -> Answer {
    if call.method != "GET" {
        return Answer::error(405, 0, "405: Method Not Allowed");
    }
    if let Some(RestFaultKind::DeleteChannel) = fault
        && let Some(id) = call.segments.get(1).and_then(|id| id.parse().ok())
        && let Ok(events) = state.world.delete_channel(id)
    {
        state.dispatch(events, shared.config.replay_buffer);
    }
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["gateway"] => objects::gateway(shared),
        ["gateway", "bot"] => objects::gateway_bot(shared, state),
        ["users", "@me"] => objects::me(state),
        ["applications" | "oauth2", "@me"] | ["oauth2", "applications", "@me"] => {
            objects::application(state)
        }
        ["users", "@me", "guilds"] => objects::guilds(state),
        ["guilds", id, rest @ ..] => match objects::guild_at(state, id) {
            Ok(guild) => match rest {
                [] => objects::guild(state, guild),
                ["channels"] => objects::channels(state, guild),
                ["roles"] => objects::roles(state, guild),
                ["members", user] => objects::member(state, guild, user),
                ["threads", "active"] => threads::active(state, guild),
                _ => Answer::error(404, 0, "404: Not Found"),
            },
            Err(answer) => answer,
        },
        ["channels", id, rest @ ..] => match objects::channel_at(state, id) {
            Ok(channel) => match rest {
                [] => match refused(state, id, false) {
                    Some(answer) => answer,
                    None => objects::channel(state, channel),
                },
                ["messages"] => history::page(shared, state, channel, &call.query, fault),
                ["messages", id] => match refused(state, id, true) {
                    Some(answer) => answer,
                    None => history::one(state, channel, id),
                },
                ["threads", "archived", "public"] => {
                    threads::archived(state, channel, &call.query, false)
                }
                ["threads", "archived", "private"] => {
                    threads::archived(state, channel, &call.query, true)
                }
                ["users", "@me", "threads", "archived", "private"] => {
                    threads::joined(state, channel, &call.query)
                }
                _ => Answer::error(404, 0, "404: Not Found"),
            },
            Err(answer) => answer,
        },
        _ => Answer::error(404, 0, "404: Not Found"),
    }
}

/// The refusal of something that lists leave out.
fn refused(state: &mut State, id: &str, message: bool) -> Option<Answer> {
    Some(match state.faults.lists.refuse(id.parse().ok()?)? {
        Refused::Forbidden => Answer::error(403, 50_001, "Missing Access"),
        Refused::NotFound if message => Answer::error(404, 10_008, "Unknown Message"),
        Refused::NotFound => Answer::error(404, 10_003, "Unknown Channel"),
    })
}
