//! A page of hits as JSON.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::LINK;
use axum::response::Response;
use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use super::cursor;
use super::download::download;
use super::find::{author_names, blocking, find, rows, searchable};
use super::query::{PageParameters, SearchPageQuery, SearchParameters};
use crate::api::answer::formats::Accepted;
use crate::api::answer::hidden::Hidden;
use crate::api::answer::message::MessageJson;
use crate::api::answer::private::private_json;
use crate::api::http::audited::Audited;
use crate::api::http::caller::Caller;
use crate::api::http::extract::Query;
use crate::api::http::parameters::Parameters;
use crate::api::http::permit::Permit;
use crate::api::http::problem::{Problem, ProblemBody};
use crate::api::http::refusals::Refusals;
use crate::api::http::values::{Snowflake, snowflake};
use crate::api::routes::sight::Sight;
use crate::api::routes::state::Api;
use crate::derived::search::{
    Clock, Counts, Facets, Highlight, Highlighter, Hit, Place, SearchError, Searchable, Sort,
    Warning,
};
use crate::keys::Scope;
use crate::store::{FollowedMessage, FoundRow, MessageRow};

/// A page of search hits.
#[derive(Serialize, ToSchema)]
pub(crate) struct SearchPage {
    /// The messages, in the requested order.
    data: Vec<HitJson>,
    /// The `cursor` of the next page; null on the last page.
    #[schema(required = true)]
    next_cursor: Option<String>,
    /// Whether there is a next page.
    has_more: bool,
    /// Exact number of hits on all pages, as of `as_of_revision`.
    #[schema(minimum = 0, example = 42)]
    total: u64,
    /// The revision of the database up to which the index was searched. Newer messages can't be found yet.
    #[schema(minimum = 0, example = 42)]
    as_of_revision: i64,
    /// The number of hits per channel, author and day, as requested with `facets`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    facets: Option<FacetsJson>,
    /// Parts of `q` that the search ignored, or that can't match anything.
    warnings: Vec<WarningJson>,
}

/// A message that was found.
#[derive(Serialize, ToSchema)]
#[schema(as = Hit)]
struct HitJson {
    #[serde(flatten)]
    message: MessageJson,
    /// Relevance score, comparable only within one search; null if the hits are ordered by time.
    #[schema(required = true, example = 7.5)]
    score: Option<f32>,
    /// The positions of the searched words in the texts of the message.
    highlights: Vec<HighlightJson>,
}

/// The positions of the searched words in one text of a message.
#[derive(Serialize, ToSchema)]
#[schema(as = Highlight)]
struct HighlightJson {
    /// The part of the message that contains the text: `content`, `embed`, `forward`, `poll`, `attachment`,
    /// `component` or `mention`.
    #[schema(example = "content")]
    field: &'static str,
    /// The text around the words as HTML: the text is escaped, and each word is enclosed in `<mark>`.
    #[schema(example = "the <mark>release notes</mark> are &lt;here&gt;")]
    html: String,
    /// Start (inclusive) and end (exclusive) of each word in the whole text, in Unicode scalar values from 0.
    #[schema(example = json!([[4, 17]]))]
    offsets: Vec<(usize, usize)>,
}

/// The number of hits per channel, author and day.
#[derive(Serialize, ToSchema)]
#[schema(as = SearchFacets)]
struct FacetsJson {
    /// The 50 channels and threads with the most hits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    channel: Option<Vec<ChannelCount>>,
    /// The 50 authors with the most hits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    author: Option<Vec<AuthorCount>>,
    /// Every day in `time_zone` with at least one hit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    day: Option<Vec<DayCount>>,
}

/// The number of hits in a channel or thread.
#[derive(Serialize, ToSchema)]
struct ChannelCount {
    /// Discord's id of the channel or thread.
    channel_id: Snowflake,
    /// Name of the channel or thread; null if it is not known.
    #[schema(required = true, example = "general")]
    name: Option<String>,
    /// Number of hits.
    #[schema(minimum = 1, example = 42)]
    count: u64,
}

/// The number of hits of an author.
#[derive(Serialize, ToSchema)]
struct AuthorCount {
    /// Discord's id of the author.
    author_id: Snowflake,
    /// The author's user name in the newest of these hits; null if the key may not see names.
    #[schema(required = true, example = "ada")]
    name: Option<String>,
    /// Number of hits.
    #[schema(minimum = 1, example = 42)]
    count: u64,
}

/// The number of hits on a day.
#[derive(Serialize, ToSchema)]
struct DayCount {
    /// The day in `time_zone`.
    #[schema(value_type = String, format = Date, example = "2025-01-31")]
    day: NaiveDate,
    /// Number of hits.
    #[schema(minimum = 1, example = 42)]
    count: u64,
}

/// A part of `q` that the search ignored, or that can't match anything.
#[derive(Serialize, ToSchema)]
#[schema(as = SearchWarning)]
struct WarningJson {
    /// Start (inclusive) and end (exclusive) of the part in `q`, in Unicode scalar values from 0.
    #[schema(example = json!([0, 8]))]
    at: [usize; 2],
    /// Explanation of the warning.
    #[schema(example = "No author has this name.")]
    reason: String,
}

/// Search messages
///
/// Full-text search in the query language of Discord's own search box. Case and accents are ignored, and
/// words are matched by their stem unless they are in quotes. To read all hits, repeat the request with
/// `cursor` set to `next_cursor` until it is null. Messages that are added during such a walk do not
/// change the rank of the others.
#[utoipa::path(
    get,
    path = "/v1/search",
    tag = "search",
    operation_id = "search",
    params(SearchParameters, PageParameters),
    responses(
        (status = 200, description = "One page of hits.", body = SearchPage, headers(
            ("link" = String, description = "The next page, if there is one, as a reference relative to this URL with `rel=\"next\"`."),
            ("cache-control" = String, description = "`private, no-cache`"),
            ("vary" = String, description = "The request headers that the response depends on."),
        )),
        (status = 404, description = "The search is disabled (`SEARCH_INDEX=off`).", body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 422, description = "`Accept` requests a download, and the search has more hits than a download may contain.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        Refusals,
    ),
)]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    permit: Permit,
    caller: Caller,
    Accepted(format): Accepted,
    given: Parameters,
) -> Result<Response, Problem> {
    match format {
        Some(format) => {
            permit.require(Scope::Export)?;
            download(&api, format, &caller, &permit, given).await
        }
        None => page(&api, &permit, given.read()?).await,
    }
}

/// The same page at a path that names the format and ignores `Accept`.
pub(crate) async fn list_json(
    State(api): State<Arc<Api>>,
    permit: Permit,
    Query(query): Query<SearchPageQuery>,
) -> Result<Response, Problem> {
    page(&api, &permit, query).await
}

async fn page(api: &Api, permit: &Permit, query: SearchPageQuery) -> Result<Response, Problem> {
    let SearchPageQuery { search, page } = &query;
    let sight = api.sight(permit).await?;
    let include_raw = sight.payload(page.include_raw, false)?;
    let index = searchable(api)?;
    let mut hits = find(api, &sight, &index, search, page.limit()).await?;
    let found = hits.hits.iter().map(|hit| (hit.channel_id, hit.message_id));
    let shows = page.highlights() && !sight.hidden.content;
    let highlighter = search.clause.as_ref().filter(|_| shows);
    let highlighter = highlighter.and_then(Highlighter::new);
    let highlighter = match sight.hidden.names {
        true => highlighter.map(Highlighter::without_names),
        false => highlighter,
    };
    let mut rows = rows(api, found.collect(), include_raw).await?;
    if let Some(highlighter) = &highlighter
        && !include_raw
    {
        add_payloads(api, &index, &hits.hits, highlighter, &mut rows).await?;
    }
    let shown = Shown {
        highlighter,
        shows_deleted: search.shows_deleted(),
        is_scored: search.sort == Sort::Relevance,
        include_raw,
        hidden: sight.hidden,
    };
    let found: Vec<_> = rows
        .into_iter()
        .zip(std::mem::take(&mut hits.hits))
        .collect();
    let data = blocking(api, move |clock| shown.of(found, &clock)).await?;
    let count = data.len();
    let cursor = hits.next.as_ref();
    let cursor = cursor.map(|position| cursor::write(&search.question, search.now, position));
    let link = cursor.as_ref().map(|cursor| query.link(cursor));
    let mut response = private_json(SearchPage {
        data,
        has_more: cursor.is_some(),
        next_cursor: cursor,
        total: hits.total,
        as_of_revision: index.revision,
        facets: facets(api, &sight, search.facets, hits.counts).await?,
        warnings: hits.warnings.into_iter().map(warning).collect(),
    });
    if let Some(link) = link.and_then(|link| HeaderValue::from_str(&link).ok()) {
        response.headers_mut().insert(LINK, link);
    }
    Audited::rows(&mut response, count);
    Ok(response)
}

/// Adds the payloads of messages that have words outside of their content. Only those are read, because
/// decompressing a payload costs more than the rest of the row; button labels below a text are ignored for that
/// reason.
async fn add_payloads(
    api: &Api,
    index: &Arc<Searchable>,
    hits: &[Hit],
    highlighter: &Highlighter,
    found: &mut [FoundRow],
) -> Result<(), Problem> {
    let has_more = |row: &MessageRow| {
        let has_parts = row.embed_count > 0 || row.attachment_count > 0;
        has_parts || row.content.is_empty() || row.content.contains("<@")
    };
    let with_more: Vec<(Hit, &mut FoundRow)> = hits
        .iter()
        .copied()
        .zip(&mut *found)
        .filter(|(_, found)| has_more(&found.row))
        .collect();
    if with_more.is_empty() {
        return Ok(());
    }
    let contents = with_more.iter();
    let contents: Vec<(Hit, String)> = contents
        .map(|(hit, found)| (*hit, found.row.content.clone()))
        .collect();
    let (index, highlighter) = (Arc::clone(index), highlighter.clone());
    let outside = blocking(api, move |_| index.outside_content(&contents, &highlighter)).await?;
    let with_more = with_more.into_iter().zip(outside);
    let with_more = with_more.filter_map(|((_, found), outside)| outside.then_some(found));
    if !api.add_payloads(with_more).await? {
        // A commit came between, so everything is read again, from one moment.
        let places = found
            .iter()
            .map(|it| (it.row.channel_id, it.row.message_id));
        let whole = rows(api, places.collect(), true).await?;
        for (found, whole) in found.iter_mut().zip(whole) {
            *found = whole;
        }
    }
    Ok(())
}

/// How hits are shown.
struct Shown {
    highlighter: Option<Highlighter>,
    shows_deleted: bool,
    is_scored: bool,
    include_raw: bool,
    hidden: Hidden,
}

impl Shown {
    /// The rows in their current state, without messages that were deleted after they were indexed.
    fn of(&self, found: Vec<(FoundRow, Hit)>, clock: &Clock) -> Result<Vec<HitJson>, SearchError> {
        let shown = found
            .into_iter()
            .filter(|(found, _)| self.shows_deleted || !found.row.deleted);
        let hit = |(found, hit): (FoundRow, Hit)| {
            clock.look()?;
            let FoundRow {
                mut row,
                changed_fields,
            } = found;
            let mut highlights = Vec::new();
            if let Some(highlighter) = &self.highlighter
                && row.raw_json.is_none()
            {
                highlights.extend(highlighter.in_text(Place::Content, &row.content));
            } else if let Some(highlighter) = &self.highlighter {
                let message = FollowedMessage {
                    id: row.message_id,
                    guild_id: row.guild_id,
                    channel_id: row.channel_id,
                    author_id: row.author_id,
                    deleted: row.deleted,
                    revision: row.revision,
                    raw_json: row.raw_json.clone(),
                    changed_fields,
                };
                highlights = highlighter.in_message(&message);
            }
            if !self.include_raw {
                row.raw_json = None;
            }
            Ok(HitJson {
                message: MessageJson::new(row, self.hidden)?,
                score: self.is_scored.then_some(hit.score),
                highlights: highlights.into_iter().map(highlight).collect(),
            })
        };
        shown.map(hit).collect()
    }
}

fn highlight(highlight: Highlight) -> HighlightJson {
    HighlightJson {
        field: highlight.place.as_str(),
        html: highlight.html,
        offsets: highlight.offsets,
    }
}

fn warning(warning: Warning) -> WarningJson {
    WarningJson {
        at: [warning.at.start, warning.at.end],
        reason: warning.reason,
    }
}

async fn facets(
    api: &Api,
    sight: &Sight,
    wanted: Facets,
    counts: Counts,
) -> Result<Option<FacetsJson>, Problem> {
    if wanted == Facets::default() {
        return Ok(None);
    }
    let mut channel = None;
    if wanted.channel {
        let known = api.reader.channels().await?;
        let names: HashMap<_, _> = known
            .into_iter()
            .map(|known| (known.channel.id, known.channel.name))
            .collect();
        let counts = counts.channels.into_iter().map(|(id, count)| ChannelCount {
            channel_id: snowflake(id.as_i64()),
            name: names.get(&id).cloned(),
            count,
        });
        channel = Some(counts.collect());
    }
    let mut author = None;
    if wanted.author {
        let names = if sight.hidden.names {
            vec![None; counts.authors.len()]
        } else {
            let names = author_names(api, &counts.authors).await?;
            names.into_iter().map(Some).collect()
        };
        let authors = counts.authors.into_iter().zip(names);
        let counts = authors.map(|((id, count, _), name)| AuthorCount {
            author_id: snowflake(id.as_i64()),
            name,
            count,
        });
        author = Some(counts.collect());
    }
    let day = wanted.day.then(|| {
        let days = counts.days.into_iter();
        days.map(|(day, count)| DayCount { day, count }).collect()
    });
    Ok(Some(FacetsJson {
        channel,
        author,
        day,
    }))
}
