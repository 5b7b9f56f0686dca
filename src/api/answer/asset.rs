//! A response that is the same for everybody who asks for it: it is compressed once, away from the threads that serve
//! requests, and has an entity tag by which a client need not load it again. Compressing the documentation's script for
//! each request let an anonymous client stop all others.

use std::io::Write;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use headers::{HeaderMapExt, IfNoneMatch};
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, OnceCell};

use crate::api::http::problem::Problem;

/// Small because it is done once: the script of 1.5 MB takes 40 ms with gzip and 94 ms with brotli.
const GZIP_LEVEL: u32 = 9;
const BROTLI_LEVEL: u32 = 9;
const BROTLI_WINDOW: u32 = 22;
const BUFFER_BYTES: usize = 64 * 1024;

/// The size from which compression is worth it.
const COMPRESS_FROM: usize = 1024;

/// How a response is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
    Brotli,
}

/// The response.
pub(crate) struct Asset {
    content_type: HeaderValue,
    cache: HeaderValue,
    vary: HeaderValue,
    plain: Bytes,
    /// A hash of `plain`.
    tag: String,
    gzip: OnceCell<Bytes>,
    brotli: OnceCell<Bytes>,
}

impl Asset {
    /// With these values of `Content-Type`, `Cache-Control` and `Vary`.
    pub(crate) fn new(
        plain: impl Into<Bytes>,
        content_type: HeaderValue,
        cache: &'static str,
        vary: &'static str,
    ) -> Self {
        let plain = plain.into();
        let hash = Sha256::digest(&plain);
        let tag = hash[..12]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            content_type,
            cache: HeaderValue::from_static(cache),
            vary: HeaderValue::from_static(vary),
            plain,
            tag,
            gzip: OnceCell::new(),
            brotli: OnceCell::new(),
        }
    }

    /// The response to a request with these headers.
    pub(crate) async fn answer(&self, request: &HeaderMap) -> Result<Response, Problem> {
        let coding = if self.plain.len() < COMPRESS_FROM {
            Coding::Identity
        } else {
            coding(request)
        };
        let (name, suffix) = match coding {
            Coding::Identity => (None, ""),
            Coding::Gzip => (Some("gzip"), "-gzip"),
            Coding::Brotli => (Some("br"), "-br"),
        };
        let tag = format!("\"{}{suffix}\"", self.tag);
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, self.cache.clone());
        headers.insert(VARY, self.vary.clone());
        // A hash in hexadecimal digits is both an entity tag and a value of a header.
        if let Ok(value) = HeaderValue::from_str(&tag) {
            headers.insert(ETAG, value);
        }
        if let (Some(known), Ok(tag)) = (none_match(request), tag.parse())
            && !known.precondition_passes(&tag)
        {
            return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
        }
        headers.insert(CONTENT_TYPE, self.content_type.clone());
        if let Some(name) = name {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        let body = match coding {
            Coding::Identity => self.plain.clone(),
            Coding::Gzip => once(&self.gzip, &self.plain, gzip).await?,
            Coding::Brotli => once(&self.brotli, &self.plain, brotli).await?,
        };
        Ok((headers, Body::from(body)).into_response())
    }
}

fn none_match(request: &HeaderMap) -> Option<IfNoneMatch> {
    request
        .contains_key(IF_NONE_MATCH)
        .then(|| request.typed_get())?
}

/// A response that is made again when what it was made of has changed, which a stamp tells.
pub(crate) struct KeptAsset<S>(Mutex<Option<(S, Arc<Asset>)>>);

impl<S> Default for KeptAsset<S> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<S: PartialEq> KeptAsset<S> {
    /// The response for this stamp. One request makes it, and the others wait for that one.
    pub(crate) async fn get(
        &self,
        stamp: S,
        make: impl AsyncFnOnce() -> Result<Asset, Problem>,
    ) -> Result<Arc<Asset>, Problem> {
        let mut kept = self.0.lock().await;
        if let Some((of, asset)) = &*kept
            && *of == stamp
        {
            return Ok(Arc::clone(asset));
        }
        let asset = Arc::new(make().await?);
        *kept = Some((stamp, Arc::clone(&asset)));
        Ok(asset)
    }
}

/// The compressed form, which is made by the first request that wants it.
async fn once(
    kept: &OnceCell<Bytes>,
    plain: &Bytes,
    compress: fn(&[u8]) -> std::io::Result<Vec<u8>>,
) -> Result<Bytes, Problem> {
    let made = kept.get_or_try_init(async || {
        let plain = plain.clone();
        let made = tokio::task::spawn_blocking(move || compress(&plain)).await;
        let made = made.map_err(|error| Problem::internal(error.to_string()))?;
        made.map(Bytes::from)
            .map_err(|error| Problem::internal(error.to_string()))
    });
    made.await.cloned()
}

fn gzip(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL));
    encoder.write_all(plain)?;
    encoder.finish()
}

fn brotli(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut compressed = Vec::new();
    let mut encoder =
        brotli::CompressorWriter::new(&mut compressed, BUFFER_BYTES, BROTLI_LEVEL, BROTLI_WINDOW);
    encoder.write_all(plain)?;
    encoder.flush()?;
    drop(encoder);
    Ok(compressed)
}

/// The encoding that the client prefers, by `Accept-Encoding`. Without a preference it is the smallest.
fn coding(request: &HeaderMap) -> Coding {
    let values = request.get_all(ACCEPT_ENCODING).iter();
    let elements = values.filter_map(|value| value.to_str().ok());
    let elements: Vec<_> = elements.flat_map(|value| value.split(',')).collect();
    let weight = |wanted: &str| {
        let named = |name: &str| {
            elements.iter().find_map(|element| {
                let mut parts = element.split(';').map(str::trim);
                let is_it = parts.next()?.eq_ignore_ascii_case(name);
                let weight = parts.find_map(|it| it.strip_prefix("q=").or(it.strip_prefix("Q=")));
                let weight = weight.map_or(Some(1.0), |weight| weight.parse::<f32>().ok());
                is_it.then(|| weight.unwrap_or(0.0))
            })
        };
        named(wanted).or_else(|| named("*"))
    };
    let (brotli, gzip) = (weight("br").unwrap_or(0.0), weight("gzip").unwrap_or(0.0));
    let best = brotli.max(gzip);
    if best <= 0.0 || weight("identity").is_some_and(|identity| identity > best) {
        Coding::Identity
    } else if brotli >= gzip {
        Coding::Brotli
    } else {
        Coding::Gzip
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_chooses_the_encoding() {
        for (accept, expected) in [
            (&[][..], Coding::Identity),
            (&["gzip, deflate, br, zstd"], Coding::Brotli),
            (&["gzip", "br"], Coding::Brotli),
            (&["gzip;q=1.0, br;q=0.5"], Coding::Gzip),
            (&["GZIP"], Coding::Gzip),
            (&["br;q=0, *"], Coding::Gzip),
            (&["*"], Coding::Brotli),
            (&["identity"], Coding::Identity),
            (&["gzip;q=0.5, identity"], Coding::Identity),
            (&["br;q=0"], Coding::Identity),
            (&["br;q=much"], Coding::Identity),
            (&["zstd"], Coding::Identity),
        ] {
            let mut headers = HeaderMap::new();
            for value in accept {
                headers.append(ACCEPT_ENCODING, value.parse().expect("a header"));
            }
            assert_eq!(coding(&headers), expected, "{accept:?}");
        }
    }
}
