//! What the audit log says of a request: parts come from the request, from its key, and from the handler.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::{Method, Uri};
use axum::response::Response;

use super::address::ClientAddress;
use super::parameters::Parameters;
use super::permit::Permit;
use super::values::read_id;
use crate::audit::{Actor, Entry};
use crate::message::{ChannelId, GuildId};

/// The maximum length of a path in an entry. The paths of routes are shorter.
const MAX_PATH: usize = 512;

/// What a handler says of its answer, as an extension of the response.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Audited {
    /// The number of rows in the whole answer.
    pub(crate) rows: Option<u64>,
    /// The place of what was asked for, if the query string does not name it.
    pub(crate) place: Option<(GuildId, ChannelId)>,
}

impl Audited {
    /// Notes the number of rows of an answer.
    pub(crate) fn rows(response: &mut Response, rows: usize) {
        let rows = u64::try_from(rows).ok();
        let place = None;
        response.extensions_mut().insert(Self { rows, place });
    }
}

/// The beginning of an entry: what the request says.
pub(crate) struct Asked {
    method: Method,
    uri: Uri,
    network: Option<IpAddr>,
}

impl Asked {
    pub(crate) fn of(request: &Request) -> Self {
        let address = request.extensions().get::<ClientAddress>();
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            network: address.map(|address| Entry::network_of(address.0)),
        }
    }

    /// The entry of a request that a key has asked; none for one without a key, which reads nothing.
    pub(crate) fn entry(self, response: &Response, request_id: &str) -> Option<Entry> {
        let permit = response.extensions().get::<Permit>()?;
        let audited = response.extensions().get::<Audited>();
        let audited = audited.copied().unwrap_or_default();
        let mut given = Parameters::parse(self.uri.query());
        let guild_id: Option<GuildId> = given.optional("guild_id", read_id);
        let channel_id: Option<ChannelId> = given.optional("channel_id", read_id);
        let place = audited.place;
        let guild_id = guild_id.or(place.map(|(guild, _)| guild));
        let channel_id = channel_id.or(place.map(|(_, channel)| channel));
        Some(Entry {
            event: "request".to_owned(),
            actor: Some(actor(permit)),
            request_id: request_id.to_owned(),
            network: self.network,
            method: self.method.as_str().to_owned(),
            path: self.uri.path().chars().take(MAX_PATH).collect(),
            guild_id: guild_id.map(|id| id.to_string()),
            channel_id: channel_id.map(|id| id.to_string()),
            status: Some(response.status().as_u16()),
            rows: audited.rows,
            ..Entry::default()
        })
    }
}

/// The key of a request, as the audit log names it.
pub(crate) fn actor(permit: &Permit) -> Actor {
    Actor {
        key_id: permit.grant.key_id.clone(),
        key_name: permit.grant.name.clone(),
        by_link: permit.by_link,
    }
}
