//! Authentication: every path under `/v1` needs an API key, including paths that do not exist, so that nothing can be
//! learned without it. Then the limits of the key, and the scopes that the route needs.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use headers::Header;
use headers::authorization::{Authorization, Basic, Bearer};

use super::access;
use super::address::ClientAddress;
use super::permit::Permit;
use super::problem::{Code, Problem};
use super::quota::Quotas;
use crate::audit::AuditLog;
use crate::keys::{Grant, Keyring, Scope};

/// The header with the API key.
pub(crate) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Headers whose values never appear in a log.
pub(crate) const SENSITIVE: [HeaderName; 2] = [X_API_KEY, AUTHORIZATION];

/// Paths that answer without a key and without a limit, because monitoring asks them.
const UNLIMITED: [&str; 2] = ["/health", "/ready"];

/// How long a request waits for the answer that it is one too many. A caller that asks again at once would otherwise
/// take a core with such answers: 30,000 a second, beside which a page takes five times as long.
const SLOWED: Duration = Duration::from_millis(250);

/// Whoever asks is the operator: a key with the scope `admin`, or whoever reaches `ADMIN_BIND`. An extension, also on
/// paths that need no key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operator;

/// What decides on a request before its handler.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) keyring: Keyring,
    pub(crate) quotas: Arc<Quotas>,
    pub(crate) audit: AuditLog,
}

/// The grant of one of the headers that can contain a key. One valid key is enough, because a reverse proxy may have
/// put credentials of its own into `Authorization`.
fn grant(keyring: &Keyring, headers: &HeaderMap) -> Option<Arc<Grant>> {
    let plain = headers
        .get_all(X_API_KEY)
        .iter()
        .find_map(|value| keyring.grant(value.as_bytes()));
    let bearer = || {
        authorizations::<Bearer>(headers)
            .find_map(|Authorization(bearer)| keyring.grant(bearer.token().as_bytes()))
    };
    let basic = || {
        authorizations::<Basic>(headers)
            .find_map(|Authorization(basic)| keyring.grant(basic.password().as_bytes()))
    };
    plain.or_else(bearer).or_else(basic)
}

/// The `Authorization` headers of one scheme.
fn authorizations<S: headers::authorization::Credentials>(
    headers: &HeaderMap,
) -> impl Iterator<Item = Authorization<S>> {
    headers
        .get_all(AUTHORIZATION)
        .iter()
        .filter_map(|value| Authorization::<S>::decode(&mut std::iter::once(value)).ok())
}

/// Passes a request on if its path is public, or if it has a key that opens it.
pub(crate) async fn require(
    State(guard): State<Guard>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let is_open = path != "/v1" && !path.starts_with("/v1/");
    let is_unlimited = UNLIMITED.contains(&path);
    // A signed link has put its key here.
    let permit = request.extensions().get::<Permit>().cloned();
    let permit = permit.or_else(|| {
        let grant = grant(&guard.keyring, request.headers())?;
        let by_link = false;
        Some(Permit { grant, by_link })
    });
    let Some(permit) = permit else {
        let network = network(&request);
        if !is_open {
            return refused(&guard, request.headers(), network).await;
        }
        let taken = match is_unlimited {
            true => Ok(()),
            false => guard.quotas.take_anonymous(network),
        };
        return match taken {
            Ok(()) => next.run(request).await,
            Err(problem) => slowed(problem).await.into_response(),
        };
    };
    if permit.grant.has(Scope::Admin) {
        request.extensions_mut().insert(Operator);
    }
    request.extensions_mut().insert(permit.clone());
    if is_open {
        return next.run(request).await;
    }
    let mut response = match answer(&guard, &permit, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    };
    // For the audit log.
    response.extensions_mut().insert(permit);
    response
}

async fn answer(
    guard: &Guard,
    permit: &Permit,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let Some(route) = request.extensions().get::<MatchedPath>() else {
        return Ok(next.run(request).await);
    };
    let needs = access::of(route.as_str());
    let key_id = &permit.grant.key_id;
    let left = match guard.quotas.take(key_id, needs.class) {
        Ok(left) => left,
        Err(problem) => return Err(slowed(problem).await),
    };
    permit.open(&needs)?;
    if !guard.audit.has_room() {
        let detail =
            "The audit log can't be written, and nothing is answered that it could not record.";
        return Err(Problem::new(Code::Busy, detail).for_longer());
    }
    let place = guard.quotas.place(key_id, needs.class).await?;
    let mut response = next.run(request).await;
    drop(place);
    if let Some(left) = left {
        left.write(response.headers_mut());
    }
    Ok(response)
}

/// The answer to one request too many, after a while.
async fn slowed(problem: Problem) -> Problem {
    tokio::time::sleep(SLOWED).await;
    problem
}

/// The network of the caller; that of this machine if the request came over no socket.
fn network(request: &Request) -> IpAddr {
    let address = request.extensions().get::<ClientAddress>();
    address.map_or(Ipv4Addr::LOCALHOST.into(), ClientAddress::network)
}

/// The answer to a request without a valid key. A right key is answered however many wrong ones came from the same
/// address, so that nobody can shut out a neighbour.
async fn refused(guard: &Guard, headers: &HeaderMap, network: IpAddr) -> Response {
    let is_wrong = headers.contains_key(X_API_KEY) || headers.contains_key(AUTHORIZATION);
    let taken = match is_wrong {
        true => guard.quotas.take_wrong_key(network),
        false => guard.quotas.take_anonymous(network),
    };
    if let Err(problem) = taken {
        return slowed(problem).await.into_response();
    }
    let detail = if is_wrong {
        "The API key is wrong, has expired or was revoked."
    } else {
        "The API key is missing. Send it as the header x-api-key, as a Bearer token, or as the password of HTTP Basic."
    };
    let mut response = Problem::new(Code::Unauthorized, detail).into_response();
    // Basic comes first, because Power BI and browsers use the first challenge that they know.
    for challenge in [
        r#"Basic realm="guildlake", charset="UTF-8""#,
        r#"Bearer realm="guildlake""#,
    ] {
        response
            .headers_mut()
            .append(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}
