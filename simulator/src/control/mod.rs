//! The simulator over HTTP, for whoever is not Rust or not in the same process.
//! JSON in and out: faults, world operations, bursts, the truth as NDJSON. No token: it listens on loopback.

mod operation;

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

use crate::burst::Burst;
use crate::error::Error;
use crate::faults::Fault;
use crate::shared::Shared;
use crate::switchboard;
use operation::apply;
pub use operation::{CrosspostJson, DraftJson, EmojiJson, Id, Operation, PollJson};

/// Serve one accepted connection.
pub(crate) async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    let service = service_fn(|request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(answer(&shared, request).await) }
    });
    // A broken control connection is its client's affair.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(shared: &Arc<Shared>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, 1 << 20).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return respond(400, &error.to_string()),
    };
    let done = match (&parts.method, parts.uri.path()) {
        (&Method::POST, "/control/faults") => parse(&body).and_then(|fault: Fault| {
            let set = switchboard::set(shared, &tokio::runtime::Handle::current(), fault);
            set.map(|rule| {
                format!(
                    "{{\"rule\":{}}}",
                    rule.map_or("null".to_owned(), |rule| rule.to_string())
                )
            })
            .map_err(|error| refused(&error))
        }),
        (&Method::DELETE, "/control/faults") => {
            switchboard::clear(shared);
            Ok("{}".to_owned())
        }
        (&Method::POST, "/control/burst") => {
            let burst = if body.is_empty() {
                Ok(Burst::default())
            } else {
                parse::<Burst>(&body)
            };
            burst.map(|burst| format!("{{\"events\":{}}}", crate::burst::run(shared, &burst)))
        }
        (&Method::POST, "/control/world") => parse(&body).and_then(|operation| {
            apply(shared, operation)
                .map(|id| format!("{{\"id\":{}}}", quoted(id)))
                .map_err(|error| refused(&error))
        }),
        (&Method::GET, "/control/truth") => Ok(truth(shared)),
        (&Method::GET, "/control/channels") => {
            let state = shared.lock();
            let rooms = [state.world.rooms(false), state.world.rooms(true)].concat();
            serde_json::to_string(&rooms).map_err(|error| (500, error.to_string()))
        }
        _ => Err((404, "no such control route".to_owned())),
    };
    match done {
        Ok(body) => respond(200, &body),
        Err((status, reason)) => respond(status, &reason),
    }
}

fn quoted(id: Option<u64>) -> String {
    id.map_or("null".to_owned(), |id| format!("\"{id}\""))
}

fn refused(error: &Error) -> (u16, String) {
    let status = match error {
        Error::NotConnected => 409,
        Error::Invalid(_) => 400,
        _ => 404,
    };
    (status, error.to_string())
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, (u16, String)> {
    serde_json::from_slice(body).map_err(|error| (400, error.to_string()))
}

fn respond(status: u16, body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.to_owned()));
    *response.status_mut() =
        hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    response
}

/// One line of JSON for each message.
fn truth(shared: &Shared) -> String {
    let state = shared.lock();
    let mut out = String::new();
    for message in (0..state.world.channels.len()).flat_map(|at| state.truth_in(at)) {
        // Plain data of strings and numbers: it always serializes.
        if let Ok(line) = serde_json::to_string(&message) {
            let _ = writeln!(out, "{line}");
        }
    }
    out
}
