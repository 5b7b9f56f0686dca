//! The parameters of a search.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::cursor::{self, Cursor};
use crate::api::http::parameters::{Parameters, QueryParameters, Reason};
use crate::api::http::query::query;
use crate::api::http::syntax::{
    Syntax, boolean, id, list_of, number, one_of, string, syntax, time,
};
use crate::derived::search::query::{Clause, Context, MAX_CHARACTERS, parse};
use crate::derived::search::{Facets, Position, Sort, asks_for_deleted, has_words};
use crate::message::{ChannelId, GuildId, IdRange};

query! {
    /// The parameters that every form of the search has.
    pub(crate) struct SearchParameters {
        /// The query, in the language of Discord's own search box: words, `"phrases"`, `-not`, `OR`, `prefix*`,
        /// `from:`, `in:`, `mentions:`, `has:`, `reaction:`, `before:`, `during:`, `after:`, `pinned:`, `is:`.
        /// Default: every message that matches the other parameters.
        optional q: String = search_text(), example "\"release notes\" from:ada has:link";
        /// Only messages of this guild.
        optional guild_id: GuildId = id(), example "1101234567890123457";
        /// Only messages of this channel or thread.
        optional channel_id: ChannelId = id(), example "1151234567890123457";
        /// Only messages written at or after this time: RFC 3339 with an offset from UTC. Must not be later
        /// than `to`.
        optional from: DateTime<Utc> = time(), example "2025-01-01T00:00:00Z";
        /// Only messages written before this time: RFC 3339 with an offset from UTC.
        optional to: DateTime<Utc> = time(), not before from, example "2025-02-01T00:00:00Z";
        /// Whether to include messages that were deleted on Discord; `is:deleted` in `q` includes them too.
        optional include_deleted: bool = boolean(), default false;
        /// The order of the hits: `relevance` (best match first), `newest` or `oldest` (newest or oldest message
        /// first). Default: `relevance` if `q` contains words, otherwise `newest`.
        optional sort: Sort = one_of(SORTS);
        /// The IANA time zone in which `before:`, `during:`, `after:` and the facet `day` count days.
        optional time_zone: Tz = time_zone(), default Tz::UTC => "UTC", example "Europe/Paris";
    }
}

query! {
    /// The additional parameters of a page.
    pub(crate) struct PageParameters {
        /// Continue after the previous page: its `next_cursor`.
        optional cursor: Cursor = next_cursor();
        /// Maximum number of messages per page.
        optional limit: usize = number(1, 500), default 100;
        /// Whether to include `raw_json`, the payload as Discord sent it.
        optional include_raw: bool = boolean(), default false;
        /// Whether to include `highlights`, the positions of the searched words in each message.
        optional highlights: bool = boolean(), default true;
        /// The facets to count, separated by commas: the number of hits per `channel`, `author` or `day`.
        optional facets: RequestedFacets = facets();
    }
}

const SORTS: &[(&str, Sort)] = &[
    ("relevance", Sort::Relevance),
    ("newest", Sort::Newest),
    ("oldest", Sort::Oldest),
];

/// The text of a search. Its grammar is checked when the time zone is known, and its length with it.
fn search_text() -> impl Syntax<String> {
    syntax(
        |text| Ok(text.to_owned()),
        || {
            string()
                .min_length(Some(1))
                .max_length(Some(MAX_CHARACTERS))
        },
    )
}

/// An IANA time zone.
fn time_zone() -> impl Syntax<Tz> {
    let read = |text: &str| {
        let zone = text.parse::<Tz>();
        zone.map_err(|_| "must be an IANA time zone, such as Europe/Paris".into())
    };
    syntax(read, || string().min_length(Some(1)))
}

/// A `next_cursor` of this route.
fn next_cursor() -> impl Syntax<Cursor> {
    syntax(
        |text| Cursor::parse(text).ok_or(cursor::REASON.into()),
        || {
            let some = string().min_length(Some(1));
            some.pattern(Some("^[A-Za-z0-9_-]+$"))
        },
    )
}

/// Facets, and how they were requested.
pub(crate) struct RequestedFacets {
    facets: Facets,
    text: String,
}

/// A list of facets, separated by commas.
fn facets() -> impl Syntax<RequestedFacets> {
    let read = |text: &str| {
        Ok(RequestedFacets {
            facets: read_facets(text)?,
            text: text.to_owned(),
        })
    };
    syntax(read, || list_of(["channel", "author", "day"]))
}

/// A parsed search.
#[derive(Debug, Clone)]
pub(crate) struct SearchQuery {
    pub(crate) q: Option<String>,
    pub(crate) clause: Option<Clause>,
    pub(crate) guild_id: Option<GuildId>,
    pub(crate) channel_id: Option<ChannelId>,
    pub(crate) range: IdRange,
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

impl SearchQuery {
    /// Reads what every form of the search has. Relative dates refer to `now`, truncated to seconds as in a cursor.
    fn new(given: &mut Parameters, asked: SearchParameters, now: DateTime<Utc>) -> Self {
        let now = DateTime::from_timestamp(now.timestamp(), 0).unwrap_or(now);
        let zone = asked.time_zone();
        let context = Context { now, zone };
        let parsed = asked.q.as_deref().map(|q| parse(q, &context));
        let clause = parsed.and_then(|parsed| match parsed {
            Ok(clause) => clause,
            Err(mistake) => {
                let character = mistake.at.start.saturating_add(1);
                let reason = format!("character {character}: {}", mistake.reason);
                given.reject_at("q", mistake.at, reason);
                None
            }
        });
        let sort = asked.sort.unwrap_or(match &clause {
            Some(clause) if has_words(clause) => Sort::Relevance,
            _ => Sort::Newest,
        });
        Self {
            clause,
            guild_id: asked.guild_id,
            channel_id: asked.channel_id,
            range: IdRange::between(asked.from, asked.to),
            include_deleted: asked.include_deleted(),
            sort,
            zone,
            after: None,
            facets: Facets::default(),
            question: question(&asked, sort),
            now,
            q: asked.q,
        }
    }

    /// Whether deleted messages are returned.
    pub(crate) fn shows_deleted(&self) -> bool {
        self.include_deleted || self.clause.as_ref().is_some_and(asks_for_deleted)
    }
}

impl QueryParameters for SearchQuery {
    fn read(given: &mut Parameters) -> Option<Self> {
        let asked = SearchParameters::read(given)?;
        Some(Self::new(given, asked, Utc::now()))
    }
}

/// A search with the parameters of a page.
pub(crate) struct SearchPageQuery {
    pub(crate) search: SearchQuery,
    pub(crate) page: PageParameters,
}

impl QueryParameters for SearchPageQuery {
    fn read(given: &mut Parameters) -> Option<Self> {
        let asked = SearchParameters::read(given)?;
        let mut page = PageParameters::read(given)?;
        let cursor = page.cursor.take();
        let now = cursor.as_ref().map_or_else(Utc::now, |cursor| cursor.now);
        let mut search = SearchQuery::new(given, asked, now);
        search.facets = page.facets.as_ref().map(|it| it.facets).unwrap_or_default();
        if let Some(cursor) = cursor {
            search.after = cursor.of(&search.question);
            if search.after.is_none() {
                given.reject("cursor", cursor::REASON);
            }
        }
        Some(Self { search, page })
    }
}

impl SearchPageQuery {
    /// The link to the next page of the same query, relative to this URL.
    pub(crate) fn link(&self, cursor: &str) -> String {
        let Self { search, page } = self;
        let mut link = format!("<?{}&limit={}", search.question, page.limit());
        if page.include_raw() {
            link.push_str("&include_raw=true");
        }
        if !page.highlights() {
            link.push_str("&highlights=false");
        }
        if let Some(RequestedFacets { text, .. }) = &page.facets {
            link.push_str(&format!("&facets={text}"));
        }
        link.push_str(&format!("&cursor={cursor}>; rel=\"next\""));
        link
    }
}

/// The canonical query string, without the parameters that differ between the pages of a walk.
fn question(asked: &SearchParameters, sort: Sort) -> String {
    let zone = asked.time_zone();
    let sort = SORTS.iter().find(|(_, known)| *known == sort);
    let parts = [
        ("q", asked.q.clone()),
        ("guild_id", asked.guild_id.map(|id| id.to_string())),
        ("channel_id", asked.channel_id.map(|id| id.to_string())),
        ("from", asked.from.map(|time| time.to_rfc3339())),
        ("to", asked.to.map(|time| time.to_rfc3339())),
        (
            "include_deleted",
            asked.include_deleted.map(|yes| yes.to_string()),
        ),
        ("sort", sort.map(|(word, _)| (*word).to_owned())),
        ("time_zone", (zone != Tz::UTC).then(|| zone.to_string())),
    ];
    let parts = parts.into_iter().filter_map(|(name, value)| {
        let value = value?;
        let value = utf8_percent_encode(&value, NON_ALPHANUMERIC);
        Some(format!("{name}={value}"))
    });
    parts.collect::<Vec<_>>().join("&")
}

fn read_facets(text: &str) -> Result<Facets, Reason> {
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
