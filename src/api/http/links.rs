//! Signed links: a request of `/dl/{token}/{name}` is answered as the request that the token contains, with the rights
//! of the key that signed it. It happens before the routes are looked at.

use axum::extract::{Request, State};
use axum::http::{Method, Uri};
use axum::middleware::Next;
use axum::response::Response;

use super::permit::Permit;
use crate::keys::Keyring;

/// The beginning of every link.
pub(crate) const PREFIX: &str = "/dl/";

/// Replaces the request of a valid link; another one goes to the route of `/dl/`, which refuses it.
pub(crate) async fn follow(
    State(keyring): State<Keyring>,
    mut request: Request,
    next: Next,
) -> Response {
    let is_read = [Method::GET, Method::HEAD].contains(request.method());
    let token = request.uri().path().strip_prefix(PREFIX);
    let token = token.and_then(|rest| rest.split('/').next());
    if is_read
        && request.uri().query().is_none()
        && let Some((link, grant)) = token.and_then(|token| keyring.follow(token))
        && let Ok(uri) = link.target.parse::<Uri>()
    {
        *request.uri_mut() = uri;
        let by_link = true;
        request.extensions_mut().insert(Permit { grant, by_link });
    }
    next.run(request).await
}
