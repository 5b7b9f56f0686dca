//! Runs searches: with a limited number at once, for a limited time, on threads that may block.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tantivy::TantivyError;

use super::cursor;
use super::query::SearchQuery;
use crate::api::http::problem::{Code, FieldError, Problem};
use crate::api::routes::state::{Api, MAX_SEARCHES};
use crate::derived::search::text::fold_name;
use crate::derived::search::{Clock, Hits, SearchError, SearchRequest, Searchable, names_channels};
use crate::guild::Reach;
use crate::message::UserId;
use crate::status::{SearchState, Status};
use crate::store::{FoundAt, FoundRow, StoreError};

/// How long a search may take.
const MAX_DURATION: Duration = Duration::from_secs(10);

/// How long a search may wait for a permit.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// The searchable state of the index, or the error that tells why there is none.
pub(crate) fn searchable(api: &Api) -> Result<Arc<Searchable>, Problem> {
    api.search
        .now()
        .ok_or_else(|| not_ready(&api.status.borrow()))
}

fn not_ready(status: &Status) -> Problem {
    let search = &status.search;
    let detail = match search.state {
        SearchState::Off => {
            let detail = "The search is disabled. Set SEARCH_INDEX to on and restart the service.";
            return Problem::new(Code::SearchOff, detail);
        }
        SearchState::Building => format!(
            "The search index is being rebuilt: {} of {} messages are indexed.",
            search.rows_done, search.rows_total
        ),
        SearchState::Checking | SearchState::Following => {
            "The search index is being checked.".to_owned()
        }
        SearchState::Failed => {
            "The search index can't be written at the moment; the log has the reason.".to_owned()
        }
    };
    Problem::new(Code::SearchNotReady, detail)
}

/// Searches on a thread that may block.
pub(crate) async fn find(
    api: &Api,
    searchable: &Arc<Searchable>,
    query: &SearchQuery,
    limit: usize,
) -> Result<Hits, Problem> {
    let channels = match &query.clause {
        Some(clause) if names_channels(clause) => api.reader.channels().await?,
        _ => Vec::new(),
    };
    let (searchable, query) = (Arc::clone(searchable), query.clone());
    let reach = Reach::EVERYTHING;
    let found = blocking(api, move |clock| {
        let named = |name: &str| {
            let channels = channels.iter().map(|known| &known.channel);
            let channels = channels.filter(|channel| reach.has(channel.guild_id, channel.id));
            let of_the_guild =
                channels.filter(|channel| query.guild_id.is_none_or(|id| id == channel.guild_id));
            let named = of_the_guild.filter(|channel| fold_name(&channel.name) == name);
            named
                .map(|channel| channel.id.as_i64().cast_unsigned())
                .collect()
        };
        searchable.find(&SearchRequest {
            clause: query.clause,
            reach: reach.clone(),
            names: true,
            guild_id: query.guild_id,
            channel_id: query.channel_id,
            range: query.range,
            include_deleted: query.include_deleted,
            sort: query.sort,
            after: query.after,
            limit,
            facets: query.facets,
            zone: query.zone,
            channels_named: &named,
            clock,
        })
    });
    found.await?.ok_or_else(cursor::of_another_search)
}

/// Runs a part of a search on a thread that may block, once it has a permit. The search is cancelled when its time
/// is over or when this future is dropped.
pub(crate) async fn blocking<T: Send + 'static>(
    api: &Api,
    search: impl FnOnce(Clock) -> Result<T, SearchError> + Send + 'static,
) -> Result<T, Problem> {
    let place = Arc::clone(&api.searches).acquire_owned();
    let Ok(Ok(place)) = tokio::time::timeout(MAX_WAIT, place).await else {
        return Err(Problem::new(
            Code::Busy,
            format!("{MAX_SEARCHES} searches are running, which is the maximum. Try again later."),
        ));
    };
    let (clock, leave_on_drop) = Clock::until(Instant::now() + MAX_DURATION);
    let found = tokio::task::spawn_blocking(move || {
        let found = search(clock);
        drop(place);
        found
    });
    let found = found.await;
    drop(leave_on_drop);
    match found {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(SearchError::TooLong)) => Err(Problem::new(
            Code::SearchTooLong,
            format!(
                "The search was cancelled after {} seconds. Use fewer terms, or request a shorter time.",
                MAX_DURATION.as_secs()
            ),
        )),
        Ok(Err(SearchError::Refused { at, reason })) => Err(refused(at, &reason)),
        // tantivy limits the number of words to which a prefix at the end of a phrase may expand.
        Ok(Err(SearchError::Index(TantivyError::InvalidArgument(_)))) => Err(refused(
            0..0,
            "The prefix at the end of this phrase matches too many words: type more of it.",
        )),
        Ok(Err(error)) => Err(doubtful(api, error.to_string())),
        // tantivy panics on damaged files.
        Err(panic) => Err(doubtful(api, panic.to_string())),
    }
}

/// The error for a part of `q` that would be too expensive.
fn refused(at: Range<usize>, reason: &str) -> Problem {
    let reason = format!("character {}: {reason}", at.start + 1);
    Problem::parameters(vec![FieldError {
        field: "q".to_owned(),
        reason: reason.into(),
        at: Some([at.start, at.end]),
    }])
}

/// Reads the rows of hits from the database. A hit without a row means that the index is damaged.
pub(crate) async fn rows(
    api: &Api,
    found: Vec<FoundAt>,
    include_raw: bool,
) -> Result<Vec<FoundRow>, Problem> {
    match api.found(found, include_raw).await {
        Err(error @ StoreError::Damaged(_)) => Err(doubtful(api, error.to_string())),
        other => Ok(other?),
    }
}

/// A failure that intact index files can't cause, so the index is verified.
fn doubtful(api: &Api, cause: String) -> Problem {
    api.search.doubt();
    Problem::internal(cause)
}

/// The user names of authors in the newest of their messages that were found.
pub(crate) async fn author_names(
    api: &Api,
    authors: &[(UserId, u64, FoundAt)],
) -> Result<Vec<String>, Problem> {
    let newest = authors.iter().map(|(_, _, newest)| *newest).collect();
    let rows = rows(api, newest, false).await?;
    Ok(rows
        .into_iter()
        .map(|found| found.row.author_name)
        .collect())
}
