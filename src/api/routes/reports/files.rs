//! Reports are files that their owner may change at any time: they are read when they are asked for.

use crate::api::http::permit::Permit;
use crate::api::http::problem::Problem;
use crate::api::routes::blocking::blocking;
use crate::api::routes::state::Api;
use crate::report::Library;

/// The reports that a key can run: what the operator's own show is not known, so only a key that sees everything can.
pub(crate) fn offered<'a>(api: &'a Api, permit: &Permit) -> &'a Library {
    match permit.grant.sees_everything() {
        true => &api.library,
        false => Library::built_in(),
    }
}

/// Reads report files on a thread that may block.
pub(crate) async fn with_files<T: Send + 'static>(
    library: &Library,
    look: impl FnOnce(&Library) -> T + Send + 'static,
) -> Result<T, Problem> {
    let library = library.clone();
    blocking(move || Ok(look(&library))).await
}
