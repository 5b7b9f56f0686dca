//! Downloads: responses of any size that are encoded while the rows are read. The query waits while the client reads,
//! and ends when it disconnects. What the rows are is the concern of the routes.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Version};
use axum::response::Response;
use axum::routing::MethodRouter;
use futures_util::stream;
use parking_lot::Mutex;
use tokio::time::Instant;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, PathItem, Paths};
use utoipa_axum::router::UtoipaMethodRouter;

use super::body;
use super::formats::{Broken, Encoder, Format, Options, Out};
use super::private::keep_private;
use crate::api::http::audited::Audited;
use crate::api::http::caller::Caller;
use crate::api::http::limits::old_client;
use crate::api::http::problem::{Code, Problem};
use crate::parquet_layout::Order;
use crate::store::{BatchStream, InterruptOnDrop};

/// The maximum number of concurrent downloads: a long read keeps old row versions and its own rows in memory.
const MAX_CONCURRENT: usize = 4;

/// The maximum number of concurrent downloads of one key, so that some are left for the others.
const MAX_OF_KEY: usize = 2;

/// The response header with the coverage summary of the returned messages.
pub(crate) const COVERAGE: HeaderName = HeaderName::from_static("guildlake-coverage");
/// The response header with the revision of the database that was read.
pub(crate) const REVISION: HeaderName = HeaderName::from_static("guildlake-revision");

/// How long a download may take; a slow client occupies one of the [`MAX_CONCURRENT`] places.
const MAX_DURATION: Duration = Duration::from_secs(3600);

/// The head of a download's response. HTTP/1.0 clients are refused, because they can't tell a complete
/// download from one that was cut off.
pub(crate) fn begin(format: Format, caller: &Caller, file_name: &str) -> Result<Response, Problem> {
    if caller.version == Version::HTTP_10 {
        // A download can be too long to be buffered; see `length_for_old_clients`.
        return Err(old_client());
    }
    // HEAD gets no Content-Length, as the streamed response to GET has none.
    let mut response = Response::new(Body::from_stream(
        stream::empty::<Result<Bytes, Infallible>>(),
    ));
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(format.content_type()),
    );
    keep_private(headers);
    let disposition = format!("attachment; filename=\"{file_name}\"");
    set_header(headers, CONTENT_DISPOSITION, &disposition);
    Ok(response)
}

/// A route that answers with a download in one format; its path ends with the extension of the format.
pub(crate) fn described<S>(
    path: &str,
    format: Format,
    operation: OperationBuilder,
    handler: MethodRouter<S>,
) -> UtoipaMethodRouter<S> {
    let mut paths = Paths::new();
    let item = PathItem::new(HttpMethod::Get, operation);
    paths
        .paths
        .insert(format!("{path}.{}", format.extension()), item);
    (Vec::new(), paths, handler)
}

/// The places of concurrent downloads, of each key and of all.
#[derive(Clone, Default)]
pub(crate) struct DownloadPlaces(Arc<Mutex<HashMap<String, usize>>>);

/// A place, which is free again when this is dropped.
pub(crate) struct DownloadPlace {
    places: DownloadPlaces,
    key_id: String,
}

impl DownloadPlaces {
    /// Takes a place for a key, or fails at once.
    pub(crate) fn acquire(&self, key_id: &str) -> Result<DownloadPlace, Problem> {
        let mut taken = self.0.lock();
        let of_all: usize = taken.values().sum();
        let of_key = taken.get(key_id).copied().unwrap_or_default();
        let detail = if of_key >= MAX_OF_KEY {
            format!(
                "{MAX_OF_KEY} downloads of this key are in progress, which is the maximum. Try again later."
            )
        } else if of_all >= MAX_CONCURRENT {
            format!(
                "{MAX_CONCURRENT} downloads are in progress, which is the maximum. Try again later."
            )
        } else {
            taken.insert(key_id.to_owned(), of_key + 1);
            return Ok(DownloadPlace {
                places: self.clone(),
                key_id: key_id.to_owned(),
            });
        };
        Err(Problem::new(Code::Busy, detail).for_longer())
    }
}

impl Drop for DownloadPlace {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock();
        if let Some(count) = taken.get_mut(&self.key_id) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.key_id);
            }
        }
    }
}

/// The rows of a download.
pub(crate) struct Rows {
    pub(crate) batches: BatchStream,
    pub(crate) guard: InterruptOnDrop,
    /// How many rows the batches contain together.
    pub(crate) row_count: i64,
    /// The place, free again when all rows are sent.
    pub(crate) place: DownloadPlace,
}

/// The format of a download.
pub(crate) struct Form {
    pub(crate) format: Format,
    pub(crate) options: Options,
    pub(crate) schema: SchemaRef,
    pub(crate) order: Order,
}

/// Streams the rows into the body, after `shape` has converted each batch.
pub(crate) fn send(
    response: &mut Response,
    rows: Rows,
    form: Form,
    shape: impl FnMut(RecordBatch) -> Result<RecordBatch, Broken> + Send + 'static,
) {
    let Rows {
        batches,
        guard,
        row_count,
        place,
    } = rows;
    Audited::rows(response, usize::try_from(row_count).unwrap_or_default());
    let (pieces, body) = body::channel(guard, Some(Instant::now() + MAX_DURATION));
    *response.body_mut() = body;
    let encode = move || {
        let out = Out::new(pieces.clone());
        let encoded = form
            .format
            .encoder(&form.schema, form.order, form.options, out);
        let encoded = encoded.and_then(|encoder| encode(batches, row_count, encoder, shape));
        match encoded {
            Ok(()) => {}
            // The log line of the request reports it.
            Err(broken) if pieces.is_closed() => {
                tracing::debug!(%broken, "the client closed the connection during a download");
            }
            Err(broken) => tracing::error!(cause = %broken, "a download was aborted"),
        }
        drop(place);
    };
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(encode));
}

fn encode(
    mut batches: BatchStream,
    row_count: i64,
    mut encoder: Box<dyn Encoder>,
    mut shape: impl FnMut(RecordBatch) -> Result<RecordBatch, Broken>,
) -> Result<(), Broken> {
    let mut sent = 0;
    while let Some(rows) = batches.blocking_next() {
        let rows = rows?;
        sent += i64::try_from(rows.num_rows()).unwrap_or(0);
        encoder.write(&shape(rows)?)?;
    }
    // A query that ends early has panicked: the response must not look complete.
    if sent != row_count {
        return Err(Broken::Incomplete {
            expected: row_count,
            sent,
        });
    }
    encoder.finish()
}

/// Sets a header. The value consists of ids, times and fixed names, so it is always a valid header value.
pub(crate) fn set_header(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
