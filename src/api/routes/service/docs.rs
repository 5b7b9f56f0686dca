//! `GET /docs` (and `/docs/`): the API documentation in Swagger UI and the list of error codes, to which the
//! `type` of every problem points. All files are embedded in the program; the page loads nothing from elsewhere.

use std::fmt::Write;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{Html, IntoResponse, Response};
use utoipa_swagger_ui::Config;

use super::VERSION;
use crate::api::http::extract::{InPath, NoQuery, PathParameter};
use crate::api::http::problem::{Code, Problem};

/// Swagger UI sets styles from its script, and draws icons from data: URLs.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The page at `/docs`.
pub(crate) async fn page(_: NoQuery) -> Response {
    page_with("docs/", "openapi.json")
}

/// The page at `/docs/`, a common spelling.
pub(crate) async fn page_in_folder(_: NoQuery) -> Response {
    page_with("", "../openapi.json")
}

/// The page with relative links to its files and to the description, because a reverse proxy may change paths.
fn page_with(files: &str, description: &str) -> Response {
    let page = include_str!("pages/docs.html")
        .replace("{{files}}", files)
        .replace("{{description}}", description)
        .replace("{{version}}", VERSION)
        .replace("{{codes}}", &codes());
    ([(CONTENT_SECURITY_POLICY, POLICY)], Html(page)).into_response()
}

/// The rows of the table of codes.
fn codes() -> String {
    let mut rows = String::new();
    for (_, code, status, _, meaning) in Code::ALL {
        // Writing to a string can't fail. The texts are constants of the program and need no escaping.
        let _ = writeln!(
            rows,
            r#"<tr id="{code}"><td><code>{code}</code></td><td>{}</td><td>{}</td></tr>"#,
            status.as_u16(),
            meaning.trim().replace('`', "")
        );
    }
    rows
}

/// The name of a file in the path.
pub(crate) struct DocsFile(String);

impl PathParameter for DocsFile {
    fn read(segments: Option<&str>) -> Result<Self, Problem> {
        let name = segments.ok_or_else(not_found)?;
        Ok(Self(name.to_owned()))
    }
}

fn not_found() -> Problem {
    Problem::new(Code::RouteNotFound, "No route has this path.")
}

/// A file of Swagger UI, or the script that starts it.
pub(crate) async fn file(
    InPath(DocsFile(name)): InPath<DocsFile>,
    _: NoQuery,
) -> Result<Response, Problem> {
    if name == "start.js" {
        let script = HeaderValue::from_static("text/javascript; charset=utf-8");
        return Ok(answer(script, include_str!("pages/start.js").into()));
    }
    let is_needed = matches!(
        name.as_str(),
        "swagger-ui.css" | "swagger-ui-bundle.js" | "favicon-32x32.png"
    );
    if !is_needed {
        return Err(not_found());
    }
    let file = utoipa_swagger_ui::serve(&name, Arc::new(Config::default()))
        .map_err(|error| Problem::internal(error.to_string()))?
        .ok_or_else(not_found)?;
    let content_type = HeaderValue::from_str(&file.content_type)
        .map_err(|error| Problem::internal(error.to_string()))?;
    Ok(answer(content_type, file.bytes.into_owned().into()))
}

fn answer(content_type: HeaderValue, body: Body) -> Response {
    // A new version of guildlake may have other files under the same names.
    let hour = HeaderValue::from_static("public, max-age=3600");
    let headers: [(HeaderName, HeaderValue); 2] =
        [(CONTENT_TYPE, content_type), (CACHE_CONTROL, hour)];
    (headers, body).into_response()
}
