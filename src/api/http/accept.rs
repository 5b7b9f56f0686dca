//! Content negotiation: the response format that the client prefers, by the header `Accept`.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use headers::HeaderMapExt;
use headers_accept::Accept;
use mediatype::names::{APPLICATION, HTML, JSON, TEXT};
use mediatype::{MediaType, ReadParams};

use super::problem::{Code, Problem};

/// The default format of the API's responses.
pub(crate) const APPLICATION_JSON: MediaType<'static> = MediaType::new(APPLICATION, JSON);
/// The format for browsers.
const TEXT_HTML: MediaType<'static> = MediaType::new(TEXT, HTML);

/// The route answers with JSON, and the client accepts it.
pub(crate) struct AcceptsJson;

impl<S: Sync> FromRequestParts<S> for AcceptsJson {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        negotiate(&parts.headers, &[APPLICATION_JSON])?;
        Ok(Self)
    }
}

/// The route answers with JSON or HTML; the client prefers this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonOrHtml {
    Json,
    Html,
}

impl<S: Sync> FromRequestParts<S> for JsonOrHtml {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let chosen = negotiate(&parts.headers, &[APPLICATION_JSON, TEXT_HTML])?;
        Ok(if chosen == TEXT_HTML {
            Self::Html
        } else {
            Self::Json
        })
    }
}

/// The format among `available`, which is in the service's order of preference, that the client prefers.
///
/// An invalid `Accept` counts as none, because Java's own client sends one. Parameters other than `q` are ignored,
/// so `application/json; charset=utf-8` is accepted.
pub(crate) fn negotiate(
    headers: &HeaderMap,
    available: &[MediaType<'static>],
) -> Result<MediaType<'static>, Problem> {
    let Some(first) = available.first().cloned() else {
        return Err(Problem::internal("the route offers no format"));
    };
    let Some(accept) = headers.typed_get::<Accept>() else {
        return Ok(first);
    };
    if accept.media_types().next().is_none() {
        return Ok(first);
    }
    let mut best: Option<(u16, &MediaType<'static>)> = None;
    for form in available {
        let quality = quality(&accept, form);
        if quality > best.map_or(0, |(quality, _)| quality) {
            best = Some((quality, form));
        }
    }
    best.map(|(_, form)| form.clone()).ok_or_else(|| {
        let names: Vec<_> = available.iter().map(ToString::to_string).collect();
        let detail = format!(
            "The header Accept excludes every format of this route: {}.",
            names.join(", ")
        );
        Problem::new(Code::NotAcceptable, detail)
    })
}

/// The quality of a format in thousandths, by the most specific matching range.
fn quality(accept: &Accept, form: &MediaType<'_>) -> u16 {
    accept
        .media_types()
        .filter_map(|range| {
            let any = mediatype::names::_STAR;
            let specificity = match (range.ty(), range.subty()) {
                (ty, subty) if ty == form.ty && subty == form.subty => 2,
                (ty, subty) if ty == form.ty && subty == any => 1,
                (ty, subty) if ty == any && subty == any => 0,
                _ => return None,
            };
            let quality = range
                .get_param(mediatype::names::Q)
                .and_then(|quality| quality.as_str().parse::<f32>().ok())
                .unwrap_or(1.0);
            Some((specificity, (quality.clamp(0.0, 1.0) * 1000.0) as u16))
        })
        .max()
        .map_or(0, |(_, quality)| quality)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderValue, header};

    #[test]
    fn the_callers_order_decides_and_silence_takes_ours() {
        let both = &[APPLICATION_JSON, TEXT_HTML];
        for (accept, expected) in [
            ("", "application/json"),
            ("*/*", "application/json"),
            ("text/html", "text/html"),
            ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
            ("text/*;q=0.3, application/json;q=0.4", "application/json"),
            ("application/json; charset=utf-8", "application/json"),
            ("application/json;q=0, */*", "text/html"),
            ("text/html, image/gif, *; q=.2", "application/json"),
            ("not a media type", "application/json"),
        ] {
            let headers =
                HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_str(accept).unwrap())]);
            let chosen = negotiate(&headers, both).unwrap();
            assert_eq!(chosen.to_string(), expected, "Accept: {accept}");
        }
        for accept in [
            "text/csv",
            "application/json;q=0",
            "image/*, text/csv;q=0.1",
        ] {
            let headers =
                HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_str(accept).unwrap())]);
            let refused = negotiate(&headers, &[APPLICATION_JSON]);
            assert!(refused.is_err(), "Accept: {accept}");
        }
    }
}
