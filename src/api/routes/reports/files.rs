//! Reports are files that their owner may change at any time: they are read when they are asked for.

use crate::api::http::problem::Problem;
use crate::report::Library;

/// Reads report files on a thread that may block.
pub(crate) async fn with_files<T: Send + 'static>(
    library: &Library,
    look: impl FnOnce(&Library) -> T + Send + 'static,
) -> Result<T, Problem> {
    let library = library.clone();
    let looked = tokio::task::spawn_blocking(move || look(&library)).await;
    looked.map_err(|error| Problem::internal(error.to_string()))
}
