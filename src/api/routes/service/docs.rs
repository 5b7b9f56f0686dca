//! `GET /docs` (and `/docs/`): the API documentation in Swagger UI and the list of error codes, to which the
//! `type` of every problem points. All files are embedded in the program; the page loads nothing from elsewhere.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, LazyLock};

use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use utoipa_swagger_ui::Config;

use super::VERSION;
use crate::api::answer::asset::Asset;
use crate::api::http::extract::{InPath, NoQuery, PathParameter};
use crate::api::http::problem::{Code, Problem};

/// Swagger UI sets styles from its script, and draws icons from data: URLs.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The page at `/docs`.
static PAGE: LazyLock<Asset> = LazyLock::new(|| page_with("docs/", "openapi.json"));

/// The page at `/docs/`, a common spelling.
static PAGE_IN_FOLDER: LazyLock<Asset> = LazyLock::new(|| page_with("", "../openapi.json"));

/// The files of Swagger UI that are needed, and the script that starts it.
static FILES: LazyLock<Result<HashMap<&'static str, Asset>, String>> = LazyLock::new(|| {
    let start = Asset::new(
        include_str!("pages/start.js"),
        HeaderValue::from_static("text/javascript; charset=utf-8"),
        FILE_CACHE,
        VARY,
    );
    let mut files = HashMap::from([("start.js", start)]);
    for name in [
        "swagger-ui.css",
        "swagger-ui-bundle.js",
        "favicon-32x32.png",
    ] {
        let file = utoipa_swagger_ui::serve(name, Arc::new(Config::default()))
            .map_err(|error| error.to_string())?
            .ok_or_else(|| format!("Swagger UI has no {name}"))?;
        let content_type =
            HeaderValue::from_str(&file.content_type).map_err(|error| error.to_string())?;
        let asset = Asset::new(file.bytes.into_owned(), content_type, FILE_CACHE, VARY);
        files.insert(name, asset);
    }
    Ok(files)
});

/// A new version of guildlake may have other files under the same names.
const FILE_CACHE: &str = "public, max-age=3600";
const VARY: &str = "accept-encoding";

/// The page at `/docs`.
pub(crate) async fn page(headers: HeaderMap, _: NoQuery) -> Result<Response, Problem> {
    answer_page(&PAGE, &headers).await
}

/// The page at `/docs/`.
pub(crate) async fn page_in_folder(headers: HeaderMap, _: NoQuery) -> Result<Response, Problem> {
    answer_page(&PAGE_IN_FOLDER, &headers).await
}

async fn answer_page(page: &Asset, headers: &HeaderMap) -> Result<Response, Problem> {
    let mut response = page.answer(headers).await?;
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, POLICY);
    Ok(response)
}

/// The page with relative links to its files and to the description, because a reverse proxy may change paths.
fn page_with(files: &str, description: &str) -> Asset {
    let page = include_str!("pages/docs.html")
        .replace("{{files}}", files)
        .replace("{{description}}", description)
        .replace("{{version}}", VERSION)
        .replace("{{codes}}", &codes());
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    Asset::new(page, html, "no-cache", VARY)
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
    headers: HeaderMap,
    _: NoQuery,
) -> Result<Response, Problem> {
    let files = FILES.as_ref().map_err(Problem::internal)?;
    let file = files.get(name.as_str()).ok_or_else(not_found)?;
    file.answer(&headers).await
}
