//! What each route needs, in one table: the scopes of the key, and the class of its cost. A route that is not in it
//! needs `admin`, so that one that was forgotten is closed.

use crate::keys::Scope;

/// What a request of a route costs. Requests of one class share places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// Answers from memory or from the row store.
    Page,
    /// Queries of the database that can take a while.
    Query,
    /// Searches.
    Search,
    /// Reports.
    Report,
    /// Answers of any size.
    Download,
}

impl Class {
    /// The units of `RATE_LIMIT` that a request takes.
    pub(crate) fn cost(self) -> u32 {
        match self {
            Self::Page => 1,
            Self::Query | Self::Search => 4,
            Self::Report => 10,
            Self::Download => 30,
        }
    }

    /// The name in the description and in errors.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Query => "query",
            Self::Search => "search",
            Self::Report => "report",
            Self::Download => "download",
        }
    }
}

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Needs {
    /// All of these.
    pub(crate) scopes: &'static [Scope],
    /// Whether the answer can't be cut to what a key may see, so that the key must see everything.
    pub(crate) everything: bool,
    pub(crate) class: Class,
}

const fn needs(scopes: &'static [Scope], class: Class) -> Needs {
    Needs {
        scopes,
        everything: false,
        class,
    }
}

/// The formats of a download, as extensions.
const FORMATS: [&str; 4] = ["ndjson", "csv", "arrow", "parquet"];

/// What the route with this template needs.
pub(crate) fn of(route: &str) -> Needs {
    use Class::{Download, Page, Query, Report, Search};
    let (path, extension) = match route.rsplit_once('.') {
        Some((path, extension)) if FORMATS.contains(&extension) => (path, Some(extension)),
        _ => (route, None),
    };
    match (path, extension) {
        ("/v1/messages", Some(_)) => needs(&[Scope::Export], Download),
        ("/v1/search", Some(_)) => needs(&[Scope::Search, Scope::Export], Download),
        ("/v1/messages" | "/v1/messages.json" | "/v1/messages/{message_id}", None) => {
            needs(&[Scope::Messages], Page)
        }
        ("/v1/messages/{message_id}/versions", None) => {
            needs(&[Scope::Messages, Scope::Content], Query)
        }
        ("/v1/changes", None) => needs(&[Scope::Messages], Query),
        // Whoever reads anything must be able to tell how complete it is.
        ("/v1/coverage", None) => needs(&[], Query),
        ("/v1/search" | "/v1/search.json" | "/v1/search/suggest", None) => {
            needs(&[Scope::Search], Search)
        }
        ("/v1/reports", None) => needs(&[Scope::Reports], Page),
        ("/v1/reports/{file}", None) => needs(&[Scope::Reports], Report),
        ("/v1/links", None) => needs(&[], Page),
        (path, None) if path == "/v1/snapshots" || path.starts_with("/v1/snapshots/") => Needs {
            scopes: &[Scope::Export],
            everything: true,
            class: Page,
        },
        _ => needs(&[Scope::Admin], Query),
    }
}
