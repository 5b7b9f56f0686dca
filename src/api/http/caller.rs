//! The method and the HTTP version of a request, for handlers whose response depends on them.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Method, Version};

/// The method and HTTP version of the request.
pub(crate) struct Caller {
    pub(crate) method: Method,
    pub(crate) version: Version,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self {
            method: parts.method.clone(),
            version: parts.version,
        })
    }
}
