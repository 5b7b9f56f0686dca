//! `GET /v1/search`: messages by what they say, page by page. `parameters` is what it takes, `page` an answer
//! of JSON, `download` the other forms, `suggest` what completes a name that is being typed.

mod cursor;
pub(super) mod download;
pub(super) mod page;
mod parameters;
pub(super) mod suggest;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use self::parameters::SearchQuery;
use super::Api;
use super::problem::{Code, Problem};
use crate::derived::search::text::fold_name;
use crate::derived::search::{
    Hits, Search, SearchError, SearchRequest, Searchable, names_channels,
};
use crate::status::{SearchState, Status};
use crate::store::{FoundAt, FoundRow, StoreError};

/// Searches at once: each has a core for a while.
pub(super) const AT_ONCE: usize = 4;

/// How long a search may take, its wait for a place included.
const LONGEST: Duration = Duration::from_secs(10);

/// What can be searched, and how many may.
pub(super) struct Place {
    pub(super) index: Search,
    pub(super) places: Arc<Semaphore>,
}

/// What there is to be searched now.
fn searchable(api: &Api) -> Result<Arc<Searchable>, Problem> {
    api.search
        .index
        .now()
        .ok_or_else(|| not_ready(&api.status.borrow()))
}

fn not_ready(status: &Status) -> Problem {
    let search = &status.search;
    let detail = match search.state {
        SearchState::Off => {
            let detail = "SEARCH_INDEX is off: set it to on, and start the service again.";
            return Problem::new(Code::SearchOff, detail);
        }
        SearchState::Building => format!(
            "The index is being made: {} of {} messages are in it.",
            search.rows_done, search.rows_total
        ),
        SearchState::Checking | SearchState::Following => "The index is being checked.".to_owned(),
        SearchState::Failed => {
            "The index can't be written at this moment; the log has the reason.".to_owned()
        }
    };
    Problem::new(Code::SearchNotReady, detail)
}

/// Searches, on a thread that may wait.
async fn find(
    api: &Api,
    searchable: &Arc<Searchable>,
    query: &SearchQuery,
    limit: usize,
) -> Result<Hits, Problem> {
    let deadline = Instant::now() + LONGEST;
    let channels = match &query.clause {
        Some(clause) if names_channels(clause) => api.reader.channels().await?,
        _ => Vec::new(),
    };
    let (searchable, query) = (Arc::clone(searchable), query.clone());
    let found = blocking(api, deadline, move || {
        let named = |name: &str| {
            let channels = channels.iter().map(|known| &known.channel);
            let of_the_guild =
                channels.filter(|channel| query.guild_id.is_none_or(|id| id == channel.guild_id));
            let named = of_the_guild.filter(|channel| fold_name(&channel.name) == name);
            named
                .map(|channel| channel.id.as_i64().cast_unsigned())
                .collect()
        };
        searchable.find(&SearchRequest {
            clause: query.clause,
            guild_id: query.guild_id,
            channel_id: query.channel_id,
            span: query.span,
            include_deleted: query.include_deleted,
            sort: query.sort,
            after: query.after,
            limit,
            facets: query.facets,
            zone: query.zone,
            channels_named: &named,
            deadline,
        })
    });
    found.await?.ok_or_else(cursor::of_another_search)
}

/// Runs a search where it may wait, once there is a place for it.
async fn blocking<T: Send + 'static>(
    api: &Api,
    deadline: Instant,
    search: impl FnOnce() -> Result<T, SearchError> + Send + 'static,
) -> Result<T, Problem> {
    let place = Arc::clone(&api.search.places).acquire_owned();
    let place = tokio::time::timeout_at(deadline.into(), place).await;
    let Ok(Ok(place)) = place else {
        return Err(Problem::new(
            Code::Busy,
            format!("{AT_ONCE} searches are under way, and no more may be at once."),
        ));
    };
    let found = tokio::task::spawn_blocking(move || {
        let found = search();
        drop(place);
        found
    });
    match found.await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(SearchError::TooLong)) => Err(Problem::new(
            Code::SearchTooLong,
            format!(
                "The search was given up after {} seconds. Ask for less, or for a shorter time.",
                LONGEST.as_secs()
            ),
        )),
        Ok(Err(error)) => Err(doubtful(api, error.to_string())),
        // tantivy panics on files that are not what they were written as.
        Err(panic) => Err(doubtful(api, panic.to_string())),
    }
}

/// The rows of hits, which the record has if the index is what it says.
async fn rows(api: &Api, found: Vec<FoundAt>) -> Result<Vec<FoundRow>, Problem> {
    match api.reader.found_rows(found).await {
        Err(error @ StoreError::Damaged(_)) => Err(doubtful(api, error.to_string())),
        other => Ok(other?),
    }
}

/// A failure that sound files can't cause: they are looked at.
fn doubtful(api: &Api, cause: String) -> Problem {
    api.search.index.doubt();
    Problem::internal(cause)
}
