//! Extractors: with them the signature of a handler says what the route takes, and the first that fails decides the
//! error.

use std::convert::Infallible;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, RawPathParams};
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

/// What the variable segments of the route's path name. axum's own `Path` would answer a path that is not UTF-8
/// without knowing what the route names, as if the request were no HTTP.
pub(crate) struct InPath<T>(pub(crate) T);

/// Something that a path can name.
pub(crate) trait PathParameter: Sized {
    /// Reads the variable segments, decoded and joined by `/`; none if they are not UTF-8.
    fn read(segments: Option<&str>) -> Result<Self, Problem>;
}

impl<S: Send + Sync, T: PathParameter> FromRequestParts<S> for InPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let segments = match RawPathParams::from_request_parts(parts, state).await {
            Ok(segments) => {
                let segments: Vec<_> = segments.iter().map(|(_, segment)| segment).collect();
                Some(segments.join("/"))
            }
            Err(RawPathParamsRejection::InvalidUtf8InPathParam(_)) => None,
            Err(no_segments) => return Err(Problem::internal(no_segments.to_string())),
        };
        T::read(segments.as_deref()).map(Self)
    }
}

/// The parameters as they are given, for a handler that decides itself which ones there are.
impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query()))
    }
}
