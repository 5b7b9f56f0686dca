//! Extractors: with them the signature of a handler says what the route takes, and the first that fails decides the
//! error.

use std::convert::Infallible;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use headers::{ContentType, HeaderMapExt};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

use super::limits;
use super::parameters::{Parameters, QueryParameters};
use super::problem::{Code, FieldError, Problem};

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

/// The body as JSON. Only `application/json` is taken: a form of another site can't send it without asking first.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let content_type = request.headers().typed_get::<ContentType>();
        let is_json = content_type.is_some_and(|it| {
            let it = mime::Mime::from(it);
            it.type_() == mime::APPLICATION && it.subtype() == mime::JSON
        });
        if !is_json {
            let detail = "Send the body as JSON, with the header content-type: application/json.";
            return Err(Problem::new(Code::UnsupportedMediaType, detail));
        }
        let bytes = limits::whole(request.into_body()).await?;
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let read = serde_path_to_error::deserialize(&mut json);
        let read = read.map_err(|error| (error.path().to_string(), error.into_inner()));
        let read = read.and_then(|read| {
            let end = json.end();
            end.map(|()| read).map_err(|error| (".".to_owned(), error))
        });
        read.map(Self).map_err(|(path, error)| {
            Problem::parameters(vec![FieldError {
                // The path to a field without a name is empty.
                field: match path.as_str() {
                    "" | "." => "body".to_owned(),
                    _ => path,
                },
                reason: error.to_string().into(),
                at: None,
            }])
        })
    }
}

/// Reads a whole number of a body. JSON does not tell whole numbers from others, so `60.0` is one too.
pub(crate) fn whole_number<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<i64>, D::Error> {
    /// Beyond it a number with a point does not tell which whole number it is.
    const LIMIT: f64 = 9_007_199_254_740_992.0;
    let Some(number) = Option::<serde_json::Number>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let is_whole = |number: &f64| number.fract() == 0.0 && number.abs() < LIMIT;
    let from_float = || number.as_f64().filter(is_whole).map(|it| it as i64);
    let whole = number.as_i64().or_else(from_float);
    whole
        .map(Some)
        .ok_or_else(|| D::Error::custom("must be a whole number"))
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
