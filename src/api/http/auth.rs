//! Authentication: every path under `/v1` needs the API key, including paths that do not exist, so that nothing
//! can be learned without it. The key is compared as a digest, in constant time.

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use headers::Header;
use headers::authorization::{Authorization, Basic, Bearer};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::problem::{Code, Problem};

/// The header with the API key.
pub(crate) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Headers whose values never appear in a log.
pub(crate) const SENSITIVE: [HeaderName; 2] = [X_API_KEY, AUTHORIZATION];

/// The request has a right key; an extension, also on paths that need none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Authenticated;

/// The API key as a digest of fixed length, so that the comparison does not reveal the key's length.
#[derive(Clone)]
pub(crate) struct Key([u8; 32]);

impl Key {
    pub(crate) fn new(key: &SecretString) -> Self {
        Self(Sha256::digest(key.expose_secret()).into())
    }

    fn matches(&self, presented: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(presented).into();
        digest.ct_eq(&self.0).into()
    }

    /// Whether one of the headers that can contain the key contains it. One match is enough, because a reverse
    /// proxy may have put credentials of its own into `Authorization`.
    fn is_in(&self, headers: &HeaderMap) -> bool {
        let plain = headers
            .get_all(X_API_KEY)
            .iter()
            .any(|value| self.matches(value.as_bytes()));
        let bearer = authorizations::<Bearer>(headers)
            .any(|Authorization(bearer)| self.matches(bearer.token().as_bytes()));
        let basic = authorizations::<Basic>(headers)
            .any(|Authorization(basic)| self.matches(basic.password().as_bytes()));
        plain | bearer | basic
    }
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

/// Passes a request on if its path is public or if it has the key.
pub(crate) async fn require(State(key): State<Key>, mut request: Request, next: Next) -> Response {
    let is_authentic = key.is_in(request.headers());
    if is_authentic {
        request.extensions_mut().insert(Authenticated);
    }
    let path = request.uri().path();
    let is_open = path != "/v1" && !path.starts_with("/v1/");
    if is_open || is_authentic {
        return next.run(request).await;
    }
    let headers = request.headers();
    let detail = if headers.contains_key(X_API_KEY) || headers.contains_key(AUTHORIZATION) {
        "The API key is wrong."
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
