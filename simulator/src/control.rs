//! The simulator over HTTP, for whoever is not Rust or not in the same process.
//! JSON in and out: faults, world operations, bursts, the truth as NDJSON. No token: it listens on loopback.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

use crate::burst::Burst;
use crate::draft::Draft;
use crate::error::Error;
use crate::faults::Fault;
use crate::shared::Shared;
use crate::switchboard;
use crate::world::{Event, Kind, PermissionChange, Presence, World};

/// A message, as `POST /control/world` takes it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct DraftJson {
    content: String,
    author: Option<Id>,
    reply_to: Option<Id>,
    attachments: usize,
    embeds: usize,
    components_v2: Option<String>,
}

/// A snowflake, as a number or as a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id(pub u64);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(u64),
            Text(String),
        }
        match Either::deserialize(from)? {
            Either::Number(id) => Ok(Self(id)),
            Either::Text(text) => text.parse().map(Self).map_err(serde::de::Error::custom),
        }
    }
}

/// An operation, as `POST /control/world` takes it: `{"operation": "create_message", "channel": "1", "draft": {…}}`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "operation", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the names are those of the methods of Simulator"
)]
pub enum Operation {
    CreateMessage {
        channel: Id,
        draft: DraftJson,
    },
    EditMessage {
        channel: Id,
        id: Id,
        content: String,
    },
    Unfurl {
        channel: Id,
        id: Id,
        embeds: usize,
    },
    PartialUpdate {
        channel: Id,
        id: Id,
        embeds: usize,
    },
    DeleteMessage {
        channel: Id,
        id: Id,
    },
    BulkDelete {
        channel: Id,
        ids: Vec<Id>,
    },
    CreateThread {
        channel: Id,
        on: Option<Id>,
        name: String,
        #[serde(default)]
        private: bool,
    },
    CreatePost {
        forum: Id,
        name: String,
        draft: DraftJson,
    },
    ArchiveThread {
        thread: Id,
        archived: bool,
    },
    JoinThread {
        thread: Id,
        joined: bool,
    },
    DeleteThread {
        thread: Id,
    },
    CreateChannel {
        guild: Id,
        kind: Kind,
        name: String,
        parent: Option<Id>,
    },
    DeleteChannel {
        channel: Id,
    },
    SetPermission {
        permission: PermissionChange,
    },
    Kick {
        guild: Id,
    },
    GuildOutage {
        guild: Id,
    },
    GuildBack {
        guild: Id,
    },
    AdvanceClock {
        ms: u64,
    },
    Outage {
        on: bool,
    },
}

impl DraftJson {
    fn draft(self) -> Draft {
        let mut draft = Draft::text(self.content)
            .attachments(self.attachments)
            .embeds(self.embeds);
        if let Some(Id(user)) = self.author {
            draft = draft.author(user);
        }
        if let Some(Id(message)) = self.reply_to {
            draft = draft.reply_to(message);
        }
        match self.components_v2 {
            Some(text) => draft.components_v2(text),
            None => draft,
        }
    }
}

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

/// Carry out an operation; the id of what it made.
fn apply(shared: &Shared, operation: Operation) -> Result<Option<u64>, Error> {
    match operation {
        Operation::AdvanceClock { ms } => {
            shared
                .lock()
                .world
                .clock
                .advance(std::time::Duration::from_millis(ms));
            Ok(None)
        }
        Operation::Outage { on } => {
            shared.net.send_modify(|net| {
                net.outage = on;
                net.cuts += u64::from(on);
            });
            Ok(None)
        }
        operation => shared.change(|world| change(world, operation)),
    }
}

type Changed = Result<(Option<u64>, Vec<Event>), Error>;

fn change(world: &mut World, operation: Operation) -> Changed {
    let made = |(id, events): (u64, Vec<Event>)| (Some(id), events);
    let told = |events: Vec<Event>| (None, events);
    let one = |event: Option<Event>| (None, event.into_iter().collect());
    match operation {
        Operation::CreateMessage { channel, draft } => {
            world.create_message(channel.0, draft.draft()).map(made)
        }
        Operation::EditMessage {
            channel,
            id,
            content,
        } => world.edit_message(channel.0, id.0, content).map(one),
        Operation::Unfurl {
            channel,
            id,
            embeds,
        } => world.unfurl(channel.0, id.0, embeds).map(one),
        Operation::PartialUpdate {
            channel,
            id,
            embeds,
        } => world.partial_update(channel.0, id.0, embeds).map(one),
        Operation::DeleteMessage { channel, id } => world.delete_message(channel.0, id.0).map(one),
        Operation::BulkDelete { channel, ids } => {
            let ids: Vec<u64> = ids.into_iter().map(|Id(id)| id).collect();
            world.bulk_delete(channel.0, &ids).map(one)
        }
        Operation::CreateThread {
            channel,
            on,
            name,
            private,
        } => world
            .create_thread(channel.0, on.map(|Id(id)| id), name, private)
            .map(made),
        Operation::CreatePost { forum, name, draft } => {
            world.create_post(forum.0, name, draft.draft()).map(made)
        }
        Operation::ArchiveThread { thread, archived } => {
            world.archive(thread.0, archived).map(told)
        }
        Operation::JoinThread { thread, joined } => world.join_thread(thread.0, joined).map(told),
        Operation::DeleteThread { thread } => world.delete_thread(thread.0).map(told),
        Operation::CreateChannel {
            guild,
            kind,
            name,
            parent,
        } => world
            .create_channel(guild.0, kind, name, parent.map(|Id(id)| id))
            .map(made),
        Operation::DeleteChannel { channel } => world.delete_channel(channel.0).map(told),
        Operation::SetPermission { permission } => world.set_permission(permission).map(told),
        Operation::Kick { guild } => world.set_presence(guild.0, Presence::Left).map(told),
        Operation::GuildOutage { guild } => {
            world.set_presence(guild.0, Presence::Unavailable).map(told)
        }
        Operation::GuildBack { guild } => world.set_presence(guild.0, Presence::Here).map(told),
        Operation::AdvanceClock { .. } | Operation::Outage { .. } => Ok((None, Vec::new())),
    }
}
