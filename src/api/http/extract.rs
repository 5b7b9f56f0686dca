//! Extractors: with them the signature of a handler says what the route takes, and the first that fails decides the
//! error.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::parameters::{Parameters, QueryParameters};
use super::problem::Problem;

/// The parameters of the route, strictly read.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Sync, T: QueryParameters> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Parameters::parse(parts.uri.query()).read().map(Self)
    }
}

/// The route takes no parameters.
pub(crate) struct NoQuery;

impl<S: Sync> FromRequestParts<S> for NoQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Parameters::parse(parts.uri.query()).finish()?;
        Ok(Self)
    }
}

/// The parameters as they are given, for a handler that decides itself which ones there are.
impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query()))
    }
}
