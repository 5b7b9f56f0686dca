//! What must hold of requests: cursors, query strings, ranges and bodies. See [`crate::fuzzing`].

#![allow(
    clippy::unwrap_used,
    reason = "a panic is how a target says that something does not hold"
)]

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::header::{
    CONTENT_TYPE, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};
use axum::http::{HeaderMap, HeaderValue, Method};
use chrono::Utc;
use futures_util::FutureExt;
use headers::{ETag, HeaderMapExt, LastModified};
use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use utoipa::openapi::path::Parameter;

use super::access::audit::AuditQuery;
use super::access::keys::{KeyToMake, Rotation};
use super::access::links::{LinkToSign, target};
use super::changes::{self, ChangesQuery};
use super::coverage::CoverageQuery;
use super::messages::download::DownloadQuery;
use super::messages::get::MessageQuery;
use super::messages::list::PageQuery;
use super::search::cursor::{self, Cursor};
use super::search::download::DownloadParameters;
use super::search::query::{PageParameters, SearchPageQuery, SearchParameters};
use super::search::suggest::SuggestQuery;
use super::snapshots::files::{Precondition, part, precondition};
use super::{messages, reports, search};
use crate::api::answer::formats::{Format, Options};
use crate::api::http::access;
use crate::api::http::extract::JsonBody;
use crate::api::http::parameters::{Parameters, QueryParameters};
use crate::api::http::problem::Problem;
use crate::api::http::range::Wanted;
use crate::api::http::values::read_time;
use crate::derived::search::{Position, Rank};
use crate::keys::{Key, Scope};
use crate::message::MessageId;
use crate::report::Library;
use crate::store::time_zones;

/// Reads a cursor of a search or of the change feed, after a byte that chooses.
///
/// # Panics
/// If a cursor is accepted that is written in another way, or belongs to another question than its own.
pub fn cursor(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let text = std::str::from_utf8(rest);
    match (choice % 3, text) {
        (0, Ok(text)) => {
            if let Some(cursor) = changes::Cursor::parse(text) {
                assert_eq!(cursor.to_string(), text);
            }
        }
        (1, Ok(text)) => {
            if let Some(cursor) = Cursor::parse(text) {
                let now = cursor.now;
                // Found by trying all, a question of this checksum would be taken: the index is asked for nothing else.
                if let Some(position) = cursor.of("q=amber&sort=relevance") {
                    assert_eq!(
                        cursor::write("q=amber&sort=relevance", now, &position),
                        text
                    );
                }
            }
        }
        _ => written(rest),
    }
}

/// Writes a cursor with these numbers, and reads it.
fn written(bytes: &[u8]) {
    let Some((seconds, rest)) = bytes.split_first_chunk::<4>() else {
        return;
    };
    let Some((score, rest)) = rest.split_first_chunk::<4>() else {
        return;
    };
    let Some((id, statistics)) = rest.split_first_chunk::<8>() else {
        return;
    };
    // No score is negative.
    let score = f32::from_be_bytes(*score).abs();
    let position = Position {
        rank: Rank {
            score: score.to_bits(),
            id: u64::from_be_bytes(*id),
        },
        statistics: statistics.to_vec(),
    };
    let now = chrono::DateTime::from_timestamp(u32::from_be_bytes(*seconds).into(), 0).unwrap();
    let text = cursor::write("q=amber", now, &position);
    let Some(read) = Cursor::parse(&text) else {
        assert!(score.is_nan(), "{text} is not read");
        return;
    };
    assert_eq!(read.now, now);
    assert_eq!(read.clone().of("q=birch"), None);
    assert_eq!(read.of("q=amber"), Some(position));
}

/// A route and its parameters.
struct Route {
    name: String,
    declared: BTreeSet<String>,
    read: Box<dyn Fn(Parameters) -> Result<(), Problem> + Send + Sync>,
}

impl Route {
    fn new(
        name: impl Into<String>,
        declared: &[Parameter],
        read: impl Fn(Parameters) -> Result<(), Problem> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            declared: declared.iter().map(|it| it.name.clone()).collect(),
            read: Box::new(read),
        }
    }

    fn plain<T: QueryParameters + IntoParams + 'static>(name: &str) -> Self {
        Self::new(name, &T::into_params(|| None), |given| {
            given.read::<T>().map(drop)
        })
    }
}

static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    let mut routes = vec![
        Route::plain::<AuditQuery>("audit"),
        Route::plain::<ChangesQuery>("changes"),
        Route::plain::<CoverageQuery>("coverage"),
        Route::plain::<MessageQuery>("message"),
        Route::plain::<SuggestQuery>("suggest"),
        Route::new("messages", &PageQuery::into_params(|| None), page),
        Route::new(
            "search",
            &[
                SearchParameters::into_params(|| None),
                PageParameters::into_params(|| None),
            ]
            .concat(),
            search_page,
        ),
        Route::new("none", &[], Parameters::finish),
    ];
    for format in Format::ALL {
        let options = Options::describe(format);
        let declared = [DownloadQuery::into_params(|| None), options.clone()].concat();
        routes.push(Route::new("messages as a file", &declared, move |given| {
            messages::download::read(format, given).map(drop)
        }));
        let declared = [
            SearchParameters::into_params(|| None),
            DownloadParameters::into_params(|| None),
            options,
        ];
        routes.push(Route::new(
            "search as a file",
            &declared.concat(),
            move |given| search::download::read(format, given).map(drop),
        ));
    }
    let zones = time_zones().unwrap();
    for report in Library::new(None).list().0 {
        let declared = report.parameters.iter().map(|it| it.name.clone()).collect();
        routes.push(Route {
            name: report.name.clone(),
            declared,
            read: Box::new(move |mut given| {
                reports::get::parameters(&report, &mut given, zones)?;
                given.finish()
            }),
        });
    }
    routes
});

/// Reads a query string, after a byte that chooses the route.
///
/// # Panics
/// If a name that is given is neither read nor reported, a place of a mistake lies outside of its value, or the link to
/// the next page asks for something else.
pub fn query_string(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let Ok(query) = std::str::from_utf8(rest) else {
        return;
    };
    let route = &ROUTES[usize::from(*choice) % ROUTES.len()];
    let read = (route.read)(Parameters::parse(Some(query)));
    // Another decoder, which takes everything.
    let given: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).collect();
    let count = |name: &str| given.iter().filter(|(given, _)| given == name).count();
    match read {
        Ok(()) => {
            for (name, value) in &given {
                assert!(route.declared.contains(&**name), "{}: {name}", route.name);
                assert_eq!(count(name), 1, "{}: {name} is given twice", route.name);
                assert!(!value.is_empty(), "{}: {name} is empty", route.name);
            }
        }
        Err(problem) => {
            let errors = problem.errors();
            assert!(!errors.is_empty(), "{}: {problem:?}", route.name);
            for error in errors {
                assert!(!error.reason.is_empty(), "{error:?}");
                let value = given.iter().find(|(name, _)| *name == error.field);
                if let Some([start, end]) = error.at {
                    let (_, value) = value.expect("a place is in a value");
                    assert!(start <= end && end <= value.chars().count(), "{error:?}");
                }
            }
            let reported = |name: &str| errors.iter().any(|error| error.field == name);
            for (name, value) in &given {
                let is_wrong =
                    !route.declared.contains(&**name) || count(name) > 1 || value.is_empty();
                // A name that can't be decoded is reported as it was written.
                let is_decodable = !name.contains(['%', '\u{fffd}']);
                assert!(
                    !is_wrong || !is_decodable || reported(name),
                    "{}: {name}",
                    route.name
                );
            }
        }
    }
}

/// The query string of a link to the next page.
fn next(link: &str) -> &str {
    let query = link.strip_prefix("<?");
    let query = query.and_then(|rest| rest.strip_suffix(">; rel=\"next\""));
    let query = query.expect("a link relative to this URL");
    HeaderValue::from_str(link).expect("a link is a header");
    query
}

fn page(given: Parameters) -> Result<(), Problem> {
    let query: PageQuery = given.read()?;
    let cursor = MessageId::try_from(1_150_000_000_000_000_000_i64).unwrap();
    let link = query.link_to(cursor);
    let next = Parameters::parse(Some(next(&link))).read::<PageQuery>();
    let next = next.expect("a link to the next page is a valid request");
    let expected = PageQuery {
        cursor: Some(cursor),
        ..query
    };
    assert_eq!(
        format!("{:?}", next.request()),
        format!("{:?}", expected.request()),
        "{link}"
    );
    Ok(())
}

fn search_page(given: Parameters) -> Result<(), Problem> {
    let query: SearchPageQuery = given.read()?;
    let position = Position {
        rank: Rank { score: 0, id: 1 },
        statistics: Vec::new(),
    };
    let cursor = cursor::write(&query.search.question, query.search.now, &position);
    let link = query.link(&cursor);
    let next = Parameters::parse(Some(next(&link))).read::<SearchPageQuery>();
    let next = next.expect("a link to the next page is a valid request");
    assert_eq!(next.search.question, query.search.question);
    assert_eq!(next.search.clause, query.search.clause);
    assert_eq!(next.search.range, query.search.range);
    assert_eq!(next.search.after, Some(position));
    assert_eq!(next.page.limit(), query.page.limit());
    Ok(())
}

/// The headers of [`ranges`], in the order of the lines.
const CONDITIONS: [axum::http::HeaderName; 7] = [
    RANGE,
    IF_RANGE,
    IF_NONE_MATCH,
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_UNMODIFIED_SINCE,
    RANGE,
];

/// The length, entity tag and time of the file of [`ranges`].
const TAG: &str = "\"0123456789abcdef\"";
const WRITTEN: Duration = Duration::from_secs(1_900_000_000);

/// Reads the headers of a request for a part of a file: eight bytes for its length, and a line for each header.
///
/// # Panics
/// If bytes are sent that the file does not have, or a part is sent although the file is another or several parts were
/// asked for.
pub fn ranges(data: &[u8]) {
    let Some((length, rest)) = data.split_first_chunk::<8>() else {
        return;
    };
    let length = u64::from_be_bytes(*length);
    let mut request = Request::new(Body::empty());
    let lines = rest.split(|byte| *byte == b'\n');
    for (name, line) in CONDITIONS.into_iter().zip(lines) {
        // The library asserts in builds with checks that a tag has no space (Cargo.toml).
        let is_tags = [IF_MATCH, IF_NONE_MATCH].contains(&name);
        let is_asserted = is_tags && line.iter().any(|byte| b" \t".contains(byte));
        if let Ok(value) = HeaderValue::from_bytes(line)
            && !(line.is_empty() || is_asserted)
        {
            request.headers_mut().append(name, value);
        }
    }
    let etag: ETag = TAG.parse().unwrap();
    let modified = SystemTime::UNIX_EPOCH + WRITTEN;
    let wanted = part(&request, &etag, modified, length);
    let headers = request.headers();
    let is_of_another = headers.get(IF_RANGE).is_some_and(|value| {
        let mut time = HeaderMap::new();
        time.typed_insert(LastModified::from(modified));
        value != TAG && !time.values().any(|time| time == value)
    });
    let lines: Vec<_> = headers.get_all(RANGE).iter().collect();
    match &wanted {
        Wanted::Whole => {}
        Wanted::Part(bytes) => {
            assert!(bytes.start() <= bytes.end() && *bytes.end() < length);
            let simple = format!("bytes={}-{}", bytes.start(), bytes.end());
            assert_eq!(again(&simple, &etag, modified, length), wanted);
        }
        Wanted::Nothing => assert!(lines[0].as_bytes().contains(&b'-')),
    }
    if wanted != Wanted::Whole {
        assert!(!is_of_another, "a part of another file");
        assert_eq!(lines.len(), 1);
        let text = lines[0].to_str().unwrap();
        let (unit, ranges) = text.split_once('=').unwrap();
        assert!(unit.trim().eq_ignore_ascii_case("bytes"));
        let asked = ranges.split(',').filter(|range| !range.trim().is_empty());
        assert_eq!(asked.count(), 1, "one of several parts");
        request.headers_mut().remove(IF_RANGE);
        *request.method_mut() = Method::HEAD;
        assert_eq!(part(&request, &etag, modified, length), Wanted::Whole);
    }
    let headers = request.headers();
    let outcome = precondition(headers, &etag, modified);
    let tells = |name| headers.contains_key(&name);
    if ![
        IF_MATCH,
        IF_NONE_MATCH,
        IF_MODIFIED_SINCE,
        IF_UNMODIFIED_SINCE,
    ]
    .into_iter()
    .any(tells)
    {
        assert_eq!(outcome, Precondition::Passed);
    }
    if outcome == Precondition::Failed {
        assert!(tells(IF_MATCH) || tells(IF_UNMODIFIED_SINCE));
    }
}

fn again(range: &str, etag: &ETag, modified: SystemTime, length: u64) -> Wanted {
    let mut request = Request::new(Body::empty());
    let range = HeaderValue::from_str(range).unwrap();
    request.headers_mut().insert(RANGE, range);
    part(&request, etag, modified, length)
}

/// Reads the body of a request that makes a key, rotates one or signs a link, after a byte that chooses.
///
/// # Panics
/// If a key is made that is stored as another, or shown in a form that callers can't read; or if a link is signed to
/// what no route is.
pub fn json_body(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else {
        return;
    };
    match choice % 3 {
        0 => {
            let Some(asked) = read::<KeyToMake>(body) else {
                return;
            };
            match asked.read() {
                Ok(new) => made(new),
                Err(problem) => assert_explained(&problem),
            }
        }
        1 => {
            if let Some(asked) = read::<LinkToSign>(body) {
                linked(&asked.target);
            }
        }
        _ => drop(read::<Rotation>(body)),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    let mut request = Request::new(Body::from(body.to_vec()));
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert(CONTENT_TYPE, json);
    let read = JsonBody::<T>::from_request(request, &());
    match read.now_or_never().expect("the body is there") {
        Ok(JsonBody(read)) => Some(read),
        Err(problem) => {
            assert_explained(&problem);
            None
        }
    }
}

fn assert_explained(problem: &Problem) {
    let errors = problem.errors();
    assert!(!errors.is_empty(), "{problem:?}");
    for error in errors {
        assert!(
            !error.field.is_empty() && !error.reason.is_empty(),
            "{error:?}"
        );
    }
}

fn made(new: crate::keys::NewKey) {
    let Ok((key, token)) = new.make(Utc::now()) else {
        return;
    };
    assert!(token.expose().contains(&key.id));
    assert!((1..=64).contains(&key.name.chars().count()) && !key.scopes.is_empty());
    let stored = serde_json::to_vec(&key).unwrap();
    let again: Key = serde_json::from_slice(&stored).expect("a key that is stored is read");
    assert_eq!(again, key);
    if let Some(end) = key.expires_at {
        let shown = serde_json::to_value(crate::api::http::values::Time(end)).unwrap();
        let shown = shown.as_str().unwrap();
        assert!(read_time(shown).is_ok(), "{shown} is no time of this API");
    }
}

fn linked(text: &str) {
    let Some((route, file)) = target(text) else {
        return;
    };
    let uri: axum::http::Uri = text.parse().expect("what is signed can be followed");
    assert!(uri.path().ends_with(&file) && uri.authority().is_none());
    // A route that does not exist needs `admin`.
    assert!(
        !access::of(&route).scopes.contains(&Scope::Admin),
        "{text} leads to no route"
    );
}
