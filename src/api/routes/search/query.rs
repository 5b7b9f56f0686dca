//! The parameters of a search.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::cursor::{self, Cursor};
use crate::api::http::parameters as query;
use crate::api::http::parameters::Parameters;
use crate::api::http::problem::Problem;
use crate::api::http::values::{Snowflake, Time};
use crate::derived::search::query::{Clause, Context, MAX_CHARACTERS, parse};
use crate::derived::search::{Facets, Position, Sort, asks_for_deleted, has_words};
use crate::message::{ChannelId, GuildId, IdSpan};

const MOST_ROWS: usize = 500;
const DEFAULT_ROWS: usize = 100;

/// The parameters that every form of the search has.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what is read into `SearchQuery`")]
pub(crate) struct SearchParameters {
    /// The query, in the language of Discord's own search box: words, `"phrases"`, `-not`, `OR`, `prefix*`,
    /// `from:`, `in:`, `mentions:`, `has:`, `reaction:`, `before:`, `during:`, `after:`, `pinned:`, `is:`.
    /// Default: every message that matches the other parameters.
    #[param(value_type = Option<String>, min_length = 1, max_length = 1000, example = "\"release notes\" from:ada has:link")]
    q: Option<String>,
    /// Only messages of this guild.
    #[param(value_type = Option<Snowflake>, example = "1101234567890123457")]
    guild_id: Option<GuildId>,
    /// Only messages of this channel or thread.
    #[param(value_type = Option<Snowflake>, example = "1151234567890123457")]
    channel_id: Option<ChannelId>,
    /// Only messages written at or after this time: RFC 3339 with an offset from UTC. Must not be later
    /// than `to`.
    #[param(value_type = Option<Time>, example = "2025-01-01T00:00:00Z")]
    from: Option<DateTime<Utc>>,
    /// Only messages written before this time: RFC 3339 with an offset from UTC.
    #[param(value_type = Option<Time>, example = "2025-02-01T00:00:00Z")]
    to: Option<DateTime<Utc>>,
    /// Whether to include messages that were deleted on Discord; `is:deleted` in `q` includes them too.
    #[param(value_type = Option<bool>, default = false)]
    include_deleted: Option<bool>,
    /// The order of the hits: `relevance` (best match first), `newest` or `oldest` (newest or oldest message
    /// first). Default: `relevance` if `q` contains words, otherwise `newest`.
    #[param(value_type = Option<SortName>, inline)]
    sort: Option<Sort>,
    /// The IANA time zone in which `before:`, `during:`, `after:` and the facet `day` count days.
    #[param(value_type = Option<String>, min_length = 1, default = "UTC", example = "Europe/Paris")]
    time_zone: Option<Tz>,
}

/// The additional parameters of a page.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what is read into `PageOptions`")]
pub(crate) struct PageParameters {
    /// Continue after the previous page: its `next_cursor`.
    #[param(value_type = Option<String>, min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
    /// Maximum number of messages per page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 500, default = 100)]
    limit: Option<usize>,
    /// Whether to include `raw_json`, the payload as Discord sent it.
    #[param(value_type = Option<bool>, default = false)]
    include_raw: Option<bool>,
    /// Whether to include `highlights`, the positions of the searched words in each message.
    #[param(value_type = Option<bool>, default = true)]
    highlights: Option<bool>,
    /// The facets to count, separated by commas: the number of hits per `channel`, `author` or `day`.
    #[param(style = Form, explode = false, value_type = Option<FacetList>, inline)]
    facets: Option<String>,
}

/// The values of `sort`.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "describes what `sort` reads")]
enum SortName {
    Relevance,
    Newest,
    Oldest,
}

/// The OpenAPI schema of the list of facets.
struct FacetList;

impl ToSchema for FacetList {}

impl PartialSchema for FacetList {
    fn schema() -> RefOr<Schema> {
        let name = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(["channel", "author", "day"]));
        let list = ArrayBuilder::new().items(name).unique_items(true);
        Schema::from(list.min_items(Some(1)).build()).into()
    }
}

/// A parsed search.
#[derive(Debug, Clone)]
pub(crate) struct SearchQuery {
    pub(crate) q: Option<String>,
    pub(crate) clause: Option<Clause>,
    pub(crate) guild_id: Option<GuildId>,
    pub(crate) channel_id: Option<ChannelId>,
    pub(crate) span: IdSpan,
    pub(crate) include_deleted: bool,
    pub(crate) sort: Sort,
    pub(crate) zone: Tz,
    pub(crate) after: Option<Position>,
    pub(crate) facets: Facets,
    /// The canonical query string, without the parameters that differ between the pages of a walk.
    pub(crate) question: String,
    /// The time to which relative dates refer: that of the first page.
    pub(crate) now: DateTime<Utc>,
}

/// The parsed parameters that only a page has.
#[derive(Debug, Clone)]
pub(crate) struct PageOptions {
    pub(crate) limit: usize,
    pub(crate) include_raw: bool,
    pub(crate) highlights: bool,
    facets: Option<String>,
}

impl SearchQuery {
    /// Reads the search. Relative dates refer to `now`, truncated to seconds as in a cursor.
    pub(crate) fn read(given: &mut Parameters, now: DateTime<Utc>) -> Self {
        let now = DateTime::from_timestamp(now.timestamp(), 0).unwrap_or(now);
        let zone = given.take("time_zone", |text| {
            let zone = text.parse::<Tz>();
            zone.map_err(|_| "must be an IANA time zone, such as Europe/Paris".into())
        });
        let zone = zone.unwrap_or(Tz::UTC);
        let q = given.take("q", |text| Ok(text.to_owned()));
        let clause = q
            .as_deref()
            .and_then(|q| match parse(q, &Context { now, zone }) {
                Ok(clause) => clause,
                Err(mistake) => {
                    let reason = format!(
                        "character {}: {}",
                        mistake.at.start.saturating_add(1),
                        mistake.reason
                    );
                    given.reject_at("q", mistake.at, reason);
                    None
                }
            });
        let guild_id = given.take("guild_id", query::id);
        let channel_id = given.take("channel_id", query::id);
        let (from, to) = given.time_range();
        let include_deleted = given.take("include_deleted", query::boolean);
        let sort = given.take("sort", |text| match text {
            "relevance" => Ok(Sort::Relevance),
            "newest" => Ok(Sort::Newest),
            "oldest" => Ok(Sort::Oldest),
            _ => Err("must be relevance, newest or oldest".into()),
        });
        let usual = match &clause {
            Some(clause) if has_words(clause) => Sort::Relevance,
            _ => Sort::Newest,
        };
        let sort = sort.unwrap_or(usual);
        let mut question = String::new();
        let mut ask = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                let value = utf8_percent_encode(&value, NON_ALPHANUMERIC);
                let and = if question.is_empty() { "" } else { "&" };
                question.push_str(&format!("{and}{name}={value}"));
            }
        };
        ask("q", q.clone());
        ask("guild_id", guild_id.map(|id: GuildId| id.to_string()));
        ask("channel_id", channel_id.map(|id: ChannelId| id.to_string()));
        ask("from", from.map(|time| time.to_rfc3339()));
        ask("to", to.map(|time| time.to_rfc3339()));
        ask(
            "include_deleted",
            include_deleted.map(|yes| yes.to_string()),
        );
        ask("sort", Some(name_of(sort).to_owned()));
        ask("time_zone", (zone != Tz::UTC).then(|| zone.to_string()));
        Self {
            q,
            clause,
            guild_id,
            channel_id,
            span: IdSpan::between(from, to),
            include_deleted: include_deleted.unwrap_or(false),
            sort,
            zone,
            after: None,
            facets: Facets::default(),
            question,
            now,
        }
    }

    /// Reads the search and the parameters of a page.
    pub(crate) fn page(query: Option<&str>) -> Result<(Self, PageOptions), Problem> {
        let mut given = Parameters::parse(query);
        let cursor = given.take("cursor", |text| {
            Cursor::parse(text).ok_or(cursor::REASON.into())
        });
        let now = cursor.as_ref().map_or_else(Utc::now, |cursor| cursor.now);
        let mut search = Self::read(&mut given, now);
        if let Some(cursor) = cursor {
            search.after = cursor.of(&search.question);
            if search.after.is_none() {
                given.reject("cursor", cursor::REASON);
            }
        }
        let limit = given.take("limit", |text| query::number(text, 1, MOST_ROWS));
        let include_raw = given.take("include_raw", query::boolean);
        let highlights = given.take("highlights", query::boolean);
        let facets = given.take("facets", |text| Ok((facets(text)?, text.to_owned())));
        given.finish()?;
        search.facets = facets.as_ref().map(|it| it.0).unwrap_or_default();
        let options = PageOptions {
            limit: limit.unwrap_or(DEFAULT_ROWS),
            include_raw: include_raw.unwrap_or(false),
            highlights: highlights.unwrap_or(true),
            facets: facets.map(|it| it.1),
        };
        Ok((search, options))
    }

    /// Whether deleted messages are returned.
    pub(crate) fn shows_deleted(&self) -> bool {
        self.include_deleted || self.clause.as_ref().is_some_and(asks_for_deleted)
    }

    /// The link to the next page of the same query, relative to this URL.
    pub(crate) fn link(&self, options: &PageOptions, cursor: &str) -> String {
        let mut link = format!("<?{}&limit={}", self.question, options.limit);
        if options.include_raw {
            link.push_str("&include_raw=true");
        }
        if !options.highlights {
            link.push_str("&highlights=false");
        }
        if let Some(facets) = &options.facets {
            link.push_str(&format!("&facets={facets}"));
        }
        link.push_str(&format!("&cursor={cursor}>; rel=\"next\""));
        link
    }
}

fn name_of(sort: Sort) -> &'static str {
    match sort {
        Sort::Relevance => "relevance",
        Sort::Newest => "newest",
        Sort::Oldest => "oldest",
    }
}

fn facets(text: &str) -> Result<Facets, Cow<'static, str>> {
    let mut facets = Facets::default();
    for name in text.split(',') {
        let facet = match name {
            "channel" => &mut facets.channel,
            "author" => &mut facets.author,
            "day" => &mut facets.day,
            _ => return Err("must be a list of channel, author and day".into()),
        };
        if std::mem::replace(facet, true) {
            return Err(format!("contains {name} twice").into());
        }
    }
    Ok(facets)
}

// The OpenAPI description of `q` contains this number as a literal.
const _: () = assert!(MAX_CHARACTERS == 1_000);
