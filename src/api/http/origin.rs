//! From which page and to which name a request goes: the header `Host`, requests that another site's page makes a
//! browser send (CSRF), and the pages that may read answers (CORS).
//!
//! A browser sends what a page asks for to any address, also to one that only its machine reaches, with the credentials
//! of HTTP Basic that it has stored for it. Three rules keep other sites' pages out. A page that resolves its own name to
//! this address (DNS rebinding) is found by that name. A page of another site may not change anything. Nobody but the
//! pages that the operator names may read an answer.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{
    self, ACCEPT_RANGES, AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_RANGE, ETAG, HOST, LINK,
    LOCATION, RETRY_AFTER,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::address::Peer;
use super::auth::X_API_KEY;
use super::problem::{Code, Problem};
use super::request_log::X_REQUEST_ID;

/// The paths that monitoring asks, often by an address or a name of its own. They tell nothing that a page could use.
const HEALTH_CHECKS: [&str; 2] = ["/health", "/ready"];

/// Where the page stands that made a browser send a request.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// How long a browser may remember what a preflight answered.
const PREFLIGHT_AGE: Duration = Duration::from_secs(3600);

/// Which pages and which names the service knows.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    /// The origins whose pages may read answers and send requests, as browsers write them: `https://example.org`.
    pub cors: Vec<String>,
    /// The host names and addresses under which the service is reached, beside those of this machine. If there are any,
    /// no other is answered.
    pub hosts: Vec<String>,
    /// Whether the service listens on a loopback address. Then, only names of this machine are answered, those in
    /// `hosts`, and all that come through a trusted proxy.
    pub is_on_loopback: bool,
}

impl Origins {
    /// Whether a request to this host is answered.
    fn knows(&self, host: &str, peer: Peer) -> bool {
        if self.hosts.is_empty() && (!self.is_on_loopback || peer.is_trusted) {
            return true;
        }
        let host = host.strip_suffix('.').unwrap_or(host);
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let is_of_this_machine = host.eq_ignore_ascii_case("localhost")
            || host.to_ascii_lowercase().ends_with(".localhost")
            || bare
                .parse::<IpAddr>()
                .is_ok_and(|address| address.to_canonical().is_loopback());
        let is = |known: &String| known.eq_ignore_ascii_case(host) || known == bare;
        is_of_this_machine || self.hosts.iter().any(is)
    }
}

/// Refuses requests whose `Host` is not valid, as RFC 9112 asks, or not a name of this service. Only requests that came
/// over a socket have to have one.
pub(crate) async fn check_host(
    State(origins): State<Arc<Origins>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(peer) = request.extensions().get::<Peer>().copied() else {
        return next.run(request).await;
    };
    let host = match host(request.headers(), request.uri(), request.version()) {
        Ok(host) => host,
        Err(detail) => return Problem::new(Code::BadRequest, detail).into_response(),
    };
    let is_health_check = HEALTH_CHECKS.contains(&request.uri().path());
    // Every browser sends a host, so what has none is no page.
    let is_known = host.is_none_or(|host| origins.knows(&host, peer));
    if is_known || is_health_check {
        return next.run(request).await;
    }
    let detail = if origins.hosts.is_empty() {
        "guildlake listens on a loopback address, so it answers only to names of this machine: a page from elsewhere could reach it by another name. If this is a reverse proxy's name, its operator must set PUBLIC_HOSTS to that name, or TRUSTED_PROXIES to the proxy's address."
    } else {
        "guildlake does not answer to this host. Its operator must add the name to PUBLIC_HOSTS."
    };
    Problem::new(Code::UnknownHost, detail).into_response()
}

/// The host that a request is for, without its port; none if the request has none and need not.
fn host(headers: &HeaderMap, uri: &Uri, version: Version) -> Result<Option<String>, &'static str> {
    let mut lines = headers.get_all(HOST).iter();
    let line = match (lines.next(), lines.next()) {
        (None, _) if version < Version::HTTP_11 => None,
        (None, _) => return Err("A request of HTTP/1.1 needs the header Host."),
        (Some(line), None) => Some(line),
        (Some(_), Some(_)) => return Err("The request has more than one header Host."),
    };
    let not_valid = "The header Host is not valid.";
    let line = match line.map(HeaderValue::as_bytes) {
        // Allowed where the URL has no host.
        Some(b"") => Some(String::new()),
        Some(line) => {
            let authority = Authority::try_from(line).map_err(|_| not_valid)?;
            if authority.as_str().contains('@') {
                return Err(not_valid);
            }
            Some(authority.host().to_owned())
        }
        None => None,
    };
    // A proxy's form of the request line names the host, and wins.
    Ok(uri.host().map(str::to_owned).or(line))
}

/// Refuses requests that change something and that another site's page made a browser send. Programs send neither of the
/// headers by which browsers tell; they pass. These are the rules of Go 1.25 and of tower-http's `CsrfLayer`, which
/// traces the path of each request, and so ids, which must not be logged.
pub(crate) async fn refuse_cross_site(
    State(origins): State<Arc<Origins>>,
    request: Request,
    next: Next,
) -> Response {
    if is_cross_site(&request, &origins) {
        let detail = "A page of another site sent this request. If the page is yours, its operator must name its origin in CORS_ORIGINS.";
        return Problem::new(Code::CrossSite, detail).into_response();
    }
    next.run(request).await
}

fn is_cross_site(request: &Request, origins: &Origins) -> bool {
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method()) {
        return false;
    }
    let text = |name: HeaderName| request.headers().get(name).map(HeaderValue::as_bytes);
    let origin = text(header::ORIGIN);
    let is_named = |origin: &[u8]| origins.cors.iter().any(|it| it.as_bytes() == origin);
    if origin.is_some_and(is_named) {
        return false;
    }
    match (text(SEC_FETCH_SITE), origin) {
        (Some(b"same-origin" | b"none"), _) | (None, None) => false,
        (Some(_), _) => true,
        // Browsers of before 2023. The scheme is the reverse proxy's.
        (None, Some(origin)) => {
            let origin = Uri::try_from(origin).ok();
            let origin = origin.as_ref().and_then(Uri::authority);
            let own = request.uri().authority().map(Authority::as_str);
            let own = own.map(str::as_bytes).or_else(|| text(HOST));
            origin.is_none_or(|it| own != Some(it.as_str().as_bytes()))
        }
    }
}

/// Lets the pages of the named origins read answers; none if none is named. The key is sent in a header that the page
/// sets, never by the browser itself, so credentials are not allowed.
pub(crate) fn allow_origins(origins: &Origins) -> Option<CorsLayer> {
    if origins.cors.is_empty() {
        return None;
    }
    let allowed = origins.cors.iter();
    let allowed = allowed.filter_map(|origin| HeaderValue::from_str(origin).ok());
    let named = |names: &[&'static str]| -> Vec<HeaderName> {
        names
            .iter()
            .map(|name| HeaderName::from_static(name))
            .collect()
    };
    let mut accepted = named(&["traceparent", "tracestate", "last-event-id"]);
    accepted.extend([
        X_API_KEY,
        AUTHORIZATION,
        X_REQUEST_ID,
        header::ACCEPT,
        header::CONTENT_TYPE,
        header::RANGE,
        header::IF_RANGE,
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        header::IF_MODIFIED_SINCE,
        header::IF_UNMODIFIED_SINCE,
    ]);
    let mut exposed = named(&[
        "ratelimit",
        "ratelimit-policy",
        "guildlake-revision",
        "guildlake-coverage",
        "guildlake-store-id",
        "guildlake-epoch",
    ]);
    exposed.extend([
        LINK,
        ETAG,
        X_REQUEST_ID,
        RETRY_AFTER,
        LOCATION,
        CONTENT_DISPOSITION,
        CONTENT_RANGE,
        ACCEPT_RANGES,
    ]);
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::list(allowed))
        .allow_methods([
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers(accepted)
        .expose_headers(exposed)
        .max_age(PREFLIGHT_AGE);
    Some(layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knows(hosts: &[&str], is_on_loopback: bool, is_trusted: bool, host: &str) -> bool {
        let origins = Origins {
            hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
            is_on_loopback,
            ..Origins::default()
        };
        origins.knows(host, Peer { is_trusted })
    }

    #[test]
    fn on_loopback_only_names_of_this_machine_and_named_hosts_are_known() {
        for host in [
            "localhost",
            "LOCALHOST",
            "localhost.",
            "demo.localhost",
            "127.0.0.1",
            "127.8.9.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(knows(&[], true, false, host), "{host}");
            assert!(knows(&["reports.example.org"], true, true, host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "notlocalhost",
            "192.0.2.1",
            "[2001:db8::1]",
            "",
            "0.0.0.0",
        ] {
            assert!(!knows(&[], true, false, host), "{host}");
            // A trusted proxy passes on the name by which it was asked, unless the names are known.
            assert!(knows(&[], true, true, host), "{host}");
            assert!(knows(&[], false, false, host), "{host}");
            for (is_on_loopback, is_trusted) in [(true, true), (false, true), (false, false)] {
                assert!(
                    !knows(&["reports.example.org"], is_on_loopback, is_trusted, host),
                    "{host}"
                );
            }
        }
        assert!(knows(
            &["reports.example.org"],
            true,
            false,
            "Reports.Example.org."
        ));
        assert!(knows(
            &["192.0.2.1", "2001:db8::1"],
            false,
            false,
            "192.0.2.1"
        ));
        assert!(knows(
            &["192.0.2.1", "2001:db8::1"],
            false,
            false,
            "[2001:db8::1]"
        ));
    }
}
