//! `GET /v1/search/suggest`: completions of `from:` and `in:` while somebody types.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::find::{author_names, blocking, searchable};
use crate::api::answer::private::private_json;
use crate::api::http::accept::AcceptsJson;
use crate::api::http::extract::Query;
use crate::api::http::problem::{Problem, ProblemBody};
use crate::api::http::query::query;
use crate::api::http::refusals::Refusals;
use crate::api::http::syntax::{id, number, one_of, text_up_to};
use crate::api::http::values::{Snowflake, snowflake};
use crate::api::routes::state::Api;
use crate::derived::search::text::fold_name;
use crate::derived::search::{Typed, Written};
use crate::guild::{Channel, Reach};
use crate::message::{GuildId, UserId};
use crate::store::FoundAt;

/// The maximum length of the typed text: Discord's names have at most 100 characters.
const MAX_NAME: usize = 100;

/// The filter that is completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filter {
    From,
    In,
}

query! {
    /// The parameters of the suggestions.
    pub(crate) struct SuggestQuery {
        /// The filter to complete: `from` suggests authors, `in` suggests channels and threads.
        required filter: Filter = one_of(&[("from", Filter::From), ("in", Filter::In)]);
        /// The text typed after the colon so far.
        required text: String = text_up_to(MAX_NAME), example "ad";
        /// Only authors or channels of this guild.
        optional guild_id: GuildId = id(), example "1101234567890123457";
        /// Maximum number of suggestions.
        optional limit: usize = number(1, 25), default 10;
    }
}

/// The suggestions.
#[derive(Serialize, ToSchema)]
pub(crate) struct Suggestions {
    /// The suggestions, best first.
    data: Vec<Suggestion>,
}

/// An author, or a channel or thread.
#[derive(Serialize, ToSchema)]
pub(crate) struct Suggestion {
    /// Discord's id of the author, or of the channel or thread.
    id: Snowflake,
    /// Name of the author, channel or thread.
    #[schema(example = "ada")]
    name: String,
    /// The filter to insert into `q`. It contains the id, which is unique, or the name if the author wrote
    /// under several names, as webhooks do.
    #[schema(example = "from:1201234567890123457")]
    insert: String,
    /// Number of messages that `insert` finds; null for channels and threads.
    #[schema(required = true)]
    messages: Option<u64>,
}

/// Suggest completions
///
/// For `from`, returns the authors with a name, or a word of a name, that starts with `text`, most active
/// first. An author who wrote under several such names is returned once for each name. For `in`, returns
/// the channels and threads whose name contains `text`, with those that start with it first.
#[utoipa::path(
    get,
    path = "/v1/search/suggest",
    tag = "search",
    operation_id = "suggest",
    params(SuggestQuery),
    responses(
        (status = 200, description = "The suggestions.", body = Suggestions, headers(
            ("cache-control" = String, description = "`private, no-cache`"),
            ("vary" = String, description = "The request headers that the response depends on."),
        )),
        (status = 404, description = "The search is disabled (`SEARCH_INDEX=off`); only for `from`.", body = ProblemBody<'static>, content_type = "application/problem+json"),
        Refusals,
    ),
)]
pub(crate) async fn suggest(
    State(api): State<Arc<Api>>,
    _: AcceptsJson,
    Query(query): Query<SuggestQuery>,
) -> Result<Response, Problem> {
    let limit = query.limit();
    let data = match query.filter {
        Filter::From => authors(&api, &query, limit).await?,
        Filter::In => channels(&api, &query, limit).await?,
    };
    Ok(private_json(Suggestions { data }))
}

/// The authors with a name that starts with the typed text. An author who always wrote under the same name is
/// suggested by id, which is unique; otherwise each of the names is suggested. Either way `messages` is the number
/// of messages that the suggestion finds.
async fn authors(
    api: &Api,
    query: &SuggestQuery,
    limit: usize,
) -> Result<Vec<Suggestion>, Problem> {
    let index = searchable(api)?;
    let typed = Typed {
        prefix: fold_name(query.text.trim_start_matches('@')),
        reach: Reach::EVERYTHING,
        guild_id: query.guild_id,
    };
    let (searched, wanted) = (Arc::clone(&index), typed.clone());
    let authors = blocking(api, move |clock| {
        searched.authors_beginning(&wanted, &clock)
    });
    // Each author with the newest message under a name that was not processed yet, and the processed names.
    let mut left: Vec<_> = authors
        .await?
        .into_iter()
        .take(limit)
        .map(|(author, count, newest)| ((author, count, newest), Vec::new()))
        .collect();
    let mut found: Vec<Found> = Vec::new();
    for _ in 0..limit {
        if left.is_empty() {
            break;
        }
        let newest: Vec<_> = left.iter().map(|(author, _)| *author).collect();
        let names = author_names(api, &newest).await?;
        for ((_, seen), name) in left.iter_mut().zip(&names) {
            seen.push(fold_name(name));
        }
        let (index, asked, typed) = (Arc::clone(&index), left.clone(), typed.clone());
        let written = blocking(api, move |clock| {
            let asked = asked.iter();
            let written = asked.map(|((author, _, _), seen)| {
                let name = seen.last().map_or("", String::as_str);
                index.written(*author, name, seen, &typed, &clock)
            });
            written.collect::<Result<Vec<_>, _>>()
        });
        let written = written.await?;
        left = std::iter::zip(left, std::iter::zip(names, written))
            .filter_map(|((author, seen), (name, written))| {
                found.push(Found::new(author.0, author.2, name, &written));
                let ((id, count, _), newest) = (author, written.under_another?);
                Some(((id, count, newest), seen))
            })
            .collect();
    }
    // Most messages first; with equal numbers, the newest message first.
    found.sort_by_key(|found| Reverse((found.messages, found.newest.1)));
    let mut said = HashSet::new();
    let mut suggestions: Vec<_> = found.into_iter().map(Found::suggestion).collect();
    suggestions.retain(|suggestion| said.insert(suggestion.insert.clone()));
    suggestions.truncate(limit);
    Ok(suggestions)
}

/// A name of an author.
struct Found {
    author: UserId,
    newest: FoundAt,
    name: String,
    /// Whether the author wrote under no other name.
    is_only: bool,
    messages: u64,
}

impl Found {
    fn new(author: UserId, newest: FoundAt, name: String, written: &Written) -> Self {
        // A name without characters that can be searched for is no use in a filter.
        let is_only =
            written.by_author == written.by_author_under_name || fold_name(&name).is_empty();
        Self {
            author,
            newest,
            name,
            is_only,
            messages: if is_only {
                written.by_author
            } else {
                written.under_name
            },
        }
    }

    fn suggestion(self) -> Suggestion {
        let insert = if self.is_only {
            format!("from:{}", self.author)
        } else {
            let sigil = if self.name.starts_with('@') { "@" } else { "" };
            let quoted = self.name.replace('\\', "\\\\").replace('"', "\\\"");
            format!("from:\"{sigil}{quoted}\"")
        };
        Suggestion {
            id: snowflake(self.author.as_i64()),
            name: self.name,
            insert,
            messages: Some(self.messages),
        }
    }
}

async fn channels(
    api: &Api,
    query: &SuggestQuery,
    limit: usize,
) -> Result<Vec<Suggestion>, Problem> {
    let typed = fold_name(query.text.trim_start_matches('#'));
    let known = api.reader.channels().await?;
    let of_the_guild = known
        .into_iter()
        .map(|known| known.channel)
        .filter(|channel| query.guild_id.is_none_or(|guild| guild == channel.guild_id));
    let rank = |channel: &Channel| {
        let at = fold_name(&channel.name).find(&typed)?;
        // Names that start with the text first, then channels before threads, then the newest.
        Some((at > 0, channel.is_thread(), Reverse(channel.id)))
    };
    let mut ranked: Vec<_> = of_the_guild
        .filter_map(|channel| Some((rank(&channel)?, channel)))
        .collect();
    ranked.sort_unstable_by_key(|(rank, _)| *rank);
    ranked.truncate(limit);
    let suggestion = |(_, channel): (_, Channel)| Suggestion {
        id: snowflake(channel.id.as_i64()),
        insert: format!("in:{}", channel.id),
        name: channel.name,
        messages: None,
    };
    Ok(ranked.into_iter().map(suggestion).collect())
}
