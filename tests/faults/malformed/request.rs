//! Requests that nobody should send.

use std::fmt::Write;

use rand::RngExt;
use rand::rngs::StdRng;

use super::route::{Route, Routes};
use testkit::program::KEY;

/// What is odd about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Its query string or path.
    Query,
    /// Its headers.
    Headers,
    /// Its body, or how the body is framed.
    Body,
    /// Its head, which may be no HTTP at all.
    Head,
    /// Some of its bytes, whichever.
    Bytes,
}

/// A request as it is sent.
pub(super) struct Sent {
    pub(super) kind: Kind,
    pub(super) bytes: Vec<u8>,
}

/// A request before it is bytes.
struct Draft {
    method: String,
    target: String,
    version: &'static str,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Draft {
    fn header(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.headers.push((name.to_owned(), value.into()));
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes =
            format!("{} {} {}\r\n", self.method, self.target, self.version).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend(name.as_bytes());
            bytes.extend(b": ");
            bytes.extend(value);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"\r\n");
        bytes.extend(&self.body);
        bytes
    }
}

/// Values that no parameter, or not this one, takes.
const ODD: [&str; 34] = [
    "",
    "0",
    "-1",
    "+1",
    "1.5",
    "1e3",
    "007",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "99999999999999999999999999999999",
    "true",
    "True",
    "null",
    "%00",
    "%",
    "%zz",
    "%ff",
    "%c3%28",
    "%ed%a0%80",
    "%F0%9F%91%8D",
    "+",
    "a%26b%3Dc",
    "2025-02-30T00:00:00Z",
    "2016-12-31T23:59:60Z",
    "%2B262142-12-31T23:59:59Z",
    "0000-01-01T00:00:00%2B14:00",
    "9999-12-31T23:59:59-14:00",
    "2025-01-01",
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%27%20OR%201=1--",
    "{{7*7}}",
    "\u{1F44D}",
];

/// Pieces of the search's language, encoded.
const SOUGHT: [&str; 14] = [
    "message",
    "%22two+words%22",
    "-not",
    "a*",
    "from:ada",
    "in:general",
    "has:link",
    "before:2030",
    "after:7d",
    "is:deleted",
    "OR",
    "(",
    ")",
    "%22",
];

const METHODS: [&str; 16] = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "PATCH",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "get",
    "QUERY",
    "G\u{c9}T",
    "GET\t",
    "",
    "X-VERY-LONG-METHOD-NAME-THAT-NOBODY-HAS",
];

/// Header names with odd values.
const HEADERS: [(&str, &[&str]); 17] = [
    (
        "accept",
        &[
            "*/*",
            "text/csv",
            "application/vnd.apache.parquet",
            "application/x-ndjson;q=0.5, application/json;q=0.9",
            "application/json;q=0",
            "text/html;q=NaN",
            "application/json;q=-1",
            "a/b;q=99999999999999999999999",
            ";;;",
            "*",
            "application/*;q=\"",
            "\u{e9}",
        ],
    ),
    (
        "accept-encoding",
        &[
            "gzip",
            "br;q=1, zstd;q=0.5",
            "identity;q=0",
            "*;q=0",
            "gzip;q=x",
            "\u{0}",
        ],
    ),
    (
        "range",
        &[
            "bytes=0-0",
            "bytes=-1",
            "bytes=0-1,5-6",
            "bytes=9-1",
            "bytes=99999999999999999999-",
            "bytes=-",
            "bytes=a-b",
            "lines=1-2",
            "bytes=0-0,",
            "bytes",
        ],
    ),
    (
        "authorization",
        &[
            "Bearer",
            "Bearer  x",
            "Basic",
            "Basic ====",
            "Basic OmEta2V5",
            "Basic \u{ff}",
            "Digest username=\"a\"",
            "bearer glk_abcdefgh_x",
            "Negotiate AAAA",
        ],
    ),
    (
        "x-api-key",
        &["", "wrong", "glk_", "glk_abcdefgh_AAAA", "\u{e9}"],
    ),
    (
        "if-none-match",
        &[
            "*",
            "\"a\"",
            "W/\"a\"",
            "\"",
            "W/",
            "\"a\", \"b\", c",
            "\u{ff}",
        ],
    ),
    ("if-match", &["*", "\"a\"", "a"]),
    (
        "if-modified-since",
        &[
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "yesterday",
            "Sun, 99 Nov 9999 99:99:99 GMT",
            "0",
        ],
    ),
    (
        "if-unmodified-since",
        &["Sun, 06 Nov 1994 08:49:37 GMT", "-"],
    ),
    (
        "if-range",
        &["\"a\"", "W/\"a\"", "Sun, 06 Nov 1994 08:49:37 GMT", ","],
    ),
    (
        "x-request-id",
        &[
            "",
            "a",
            "a b",
            "\u{0}",
            "\u{1F44D}",
            "..",
            "%0d%0aset-cookie:a",
        ],
    ),
    (
        "content-type",
        &[
            "application/json",
            "text/plain",
            "application/json; charset=utf-16",
            "/",
            "multipart/form-data",
        ],
    ),
    ("expect", &["100-continue", "200-ok", ""]),
    (
        "connection",
        &["upgrade", "keep-alive, close", "x-api-key", ""],
    ),
    ("upgrade", &["websocket", "h2c", "\u{1}"]),
    ("x-forwarded-for", &["1.2.3.4", "::1, ::", "%00", "a"]),
    ("cookie", &["a=b", "=", "\u{7f}"]),
];

impl Sent {
    /// Any request.
    pub(super) fn any(routes: &Routes, dice: &mut StdRng) -> Self {
        let (kind, bytes) = match dice.random_range(0..100) {
            0..35 => (Kind::Query, query(routes, dice).bytes()),
            35..60 => (Kind::Headers, headers(routes, dice).bytes()),
            60..75 => (Kind::Body, body(routes, dice)),
            75..90 => (Kind::Head, head(routes, dice)),
            _ => (Kind::Bytes, changed(routes, dice)),
        };
        Self { kind, bytes }
    }

    /// Whether its answer has no body.
    pub(super) fn is_head(&self) -> bool {
        // Empty lines before a request are ignored.
        let start = self.bytes.iter().position(|byte| !b"\r\n".contains(byte));
        self.bytes[start.unwrap_or(0)..].starts_with(b"HEAD ")
    }

    /// Whether it is of a version that gets no long answer.
    pub(super) fn is_old(&self) -> bool {
        let line = self
            .bytes
            .split(|byte| *byte == b'\n')
            .find(|line| line.len() > 1);
        line.is_some_and(|line| line.trim_ascii_end().ends_with(b"HTTP/1.0"))
    }

    /// Whether it is a whole request, however odd.
    pub(super) fn must_be_answered(&self) -> bool {
        matches!(self.kind, Kind::Query | Kind::Headers)
    }
}

fn one_of<'a, T: ?Sized>(all: &'a [&'a T], dice: &mut StdRng) -> &'a T {
    all[dice.random_range(0..all.len())]
}

/// A value for a parameter: mostly one that it takes.
fn value(routes: &Routes, name: &str, odds: u32, dice: &mut StdRng) -> String {
    if name == "q" && dice.random_range(0..3) > 0 {
        let words = dice.random_range(1..6);
        let words: Vec<_> = (0..words).map(|_| one_of(&SOUGHT, dice)).collect();
        return words.join("+");
    }
    match routes.values.get(name) {
        Some(known) if dice.random_range(0..odds) > 0 => {
            known[dice.random_range(0..known.len())].replace(['"', ' '], "+")
        }
        _ if dice.random_range(0..5) == 0 => garbage(dice, 40),
        _ => one_of(&ODD, dice).to_owned(),
    }
}

/// Characters that a URL may have, and some that it may not.
fn garbage(dice: &mut StdRng, most: usize) -> String {
    let length = dice.random_range(1..=most);
    let each = (0..length).map(|_| char::from(dice.random_range(b'!'..=b'~')));
    each.filter(|it| !"#\"<>\\^`{|}".contains(*it)).collect()
}

/// A request for a route, as its description has it, with odds of an odd value.
fn plain(routes: &Routes, odds: u32, dice: &mut StdRng) -> (usize, Draft) {
    let at = dice.random_range(0..routes.all.len());
    let route = &routes.all[at];
    let mut target = String::new();
    for piece in route.path.split_inclusive(['{', '}']) {
        match piece.strip_suffix('}') {
            Some(name) => target.push_str(&value(routes, name, odds, dice)),
            None => target.push_str(piece.trim_end_matches('{')),
        }
    }
    let mut between = '?';
    for name in &route.parameters {
        let is_needed = name == "guild_id" || name == "channel_id";
        if dice.random_range(0..4) == 0 || is_needed && dice.random_range(0..5) > 0 {
            let value = value(routes, name, odds, dice);
            let _ = write!(target, "{between}{name}={value}");
            between = '&';
        }
    }
    let mut draft = Draft {
        method: route.method.clone(),
        target,
        version: "HTTP/1.1",
        headers: Vec::new(),
        body: Vec::new(),
    };
    draft.header("host", "localhost");
    draft.header("connection", "close");
    // Some without a key, or with a wrong one.
    match dice.random_range(0..12) {
        0 => {}
        1 => draft.header("x-api-key", "wrong"),
        2 => draft.header("authorization", format!("Bearer {KEY}")),
        _ => draft.header("x-api-key", KEY),
    }
    if route.takes_body {
        draft.body = json(route, dice).into_bytes();
        draft.header("content-type", "application/json");
        draft.header("content-length", draft.body.len().to_string());
    }
    (at, draft)
}

fn query(routes: &Routes, dice: &mut StdRng) -> Draft {
    let (_, mut draft) = plain(routes, 3, dice);
    if dice.random_range(0..3) == 0 {
        let between = if draft.target.contains('?') { '&' } else { '?' };
        draft.target.push(between);
        for _ in 0..dice.random_range(1..4) {
            match dice.random_range(0..6) {
                0 => draft.target.push_str(&garbage(dice, 60)),
                1 => draft.target.push_str("limit=5&limit=6"),
                2 => draft.target.push_str("&&&=&=="),
                3 => draft
                    .target
                    .push_str(&"x=1&".repeat(dice.random_range(1..300))),
                4 => {
                    let name = ["guild_id", "columns", "from", "cursor", "\u{e9}", "%00"];
                    let _ = write!(
                        draft.target,
                        "{}={}&",
                        one_of(&name, dice),
                        one_of(&ODD, dice)
                    );
                }
                _ => draft.target.push('%'),
            }
        }
    }
    if dice.random_range(0..8) == 0 {
        let at = draft.target.find('?').unwrap_or(draft.target.len());
        let more = [
            "/", "//", "/..", "/%2e%2e", "%00", "%2f", ";a=b", ".csv", ".exe", "%ff", "%",
        ];
        draft.target.insert_str(at, one_of(&more, dice));
    }
    // What can't stand in a request line is another kind.
    draft.target.retain(|it| it.is_ascii_graphic());
    draft
}

fn headers(routes: &Routes, dice: &mut StdRng) -> Draft {
    let (_, mut draft) = plain(routes, 10, dice);
    for _ in 0..dice.random_range(1..5) {
        let (name, values) = HEADERS[dice.random_range(0..HEADERS.len())];
        let value = match dice.random_range(0..8) {
            0 => garbage(dice, 200),
            1 => format!("{}, {}", one_of(values, dice), one_of(values, dice)),
            _ => one_of(values, dice).to_owned(),
        };
        draft.header(name, value);
    }
    match dice.random_range(0..10) {
        0 => {
            let at = dice.random_range(0..METHODS.len());
            draft.method = METHODS[at].to_owned();
        }
        1 => draft.version = "HTTP/1.0",
        2 => draft.headers.retain(|(name, _)| name != "host"),
        3 => {
            let hosts = [
                "",
                "a b",
                "[::1",
                "evil.example:99999",
                "a,b",
                "@",
                "\u{e9}",
            ];
            draft.header("host", one_of(&hosts, dice));
        }
        _ => {}
    }
    draft
}

/// A JSON body for a route, mostly one that it takes, but for those that would go on for ever.
fn json(route: &Route, dice: &mut StdRng) -> String {
    let good = match route.path.as_str() {
        // So many keys would be in the file that nothing else were measured.
        "/v1/keys" if dice.random_range(0..50) == 0 => {
            r#"{"name":"made","scopes":["reports"],"expires_at":"2100-01-01T00:00:00Z"}"#
        }
        "/v1/keys" => r#"{"name":"made","scopes":["content"],"names":false,"guilds":["1"]}"#,
        "/v1/links" => r#"{"target":"/v1/messages.csv?guild_id=1","expires_in_seconds":60}"#,
        _ => r#"{"overlap_seconds":60}"#,
    };
    let odd = [
        "",
        "{",
        "[]",
        "null",
        "1e999999",
        "\"\\ud800\"",
        "{\"name\":1}",
        "{\"name\":\"\\u0000\",\"scopes\":[]}",
        "{\"name\":\"a\",\"scopes\":[\"all\"]}",
        "{\"name\":\"a\",\"scopes\":[\"reports\"],\"guilds\":[\"0\",\"x\"]}",
        "{\"name\":\"a\",\"scopes\":[\"reports\"],\"expires_at\":\"+262142-12-31T23:59:59Z\"}",
        "{\"name\":\"a\",\"name\":\"b\",\"scopes\":[]}",
        "{\"target\":\"//evil.example/v1/messages.csv\"}",
        "{\"target\":\"/v1/reports/../../keys.json\"}",
        "{\"target\":\"/v1/messages.csv\",\"expires_in_seconds\":-1}",
        "{\"target\":\"/dl/x/y.csv\"}",
        "{\"overlap_seconds\":9223372036854775807}",
        "{\"overlap_seconds\":1.5}",
        "{} {}",
        "\u{feff}{}",
    ];
    match dice.random_range(0..10) {
        0..4 => good.to_owned(),
        4 => {
            let deep = dice.random_range(1..20_000);
            "[".repeat(deep)
        }
        5 => {
            let mut cut = good.to_owned();
            cut.truncate(dice.random_range(0..good.len()));
            cut
        }
        _ => one_of(&odd, dice).to_owned(),
    }
}

fn body(routes: &Routes, dice: &mut StdRng) -> Vec<u8> {
    let (at, mut draft) = plain(routes, 20, dice);
    let route = &routes.all[at];
    let mut json = json(route, dice).into_bytes();
    if dice.random_range(0..4) == 0 && !json.is_empty() {
        let at = dice.random_range(0..json.len());
        json[at] = dice.random();
    }
    if dice.random_range(0..3) > 0 {
        draft.method = one_of(&["POST", "PUT", "DELETE", "PATCH"], dice).to_owned();
    }
    let is_framing = |name: &str| ["content-length", "transfer-encoding"].contains(&name);
    draft.headers.retain(|(name, _)| !is_framing(name));
    if dice.random_range(0..2) == 0 {
        draft.header("content-type", "application/json");
    }
    match dice.random_range(0..8) {
        0 => {
            let length = json.len().to_string();
            let lengths = [
                "-1",
                "1e3",
                "99999999999999999999",
                "0x5",
                "65537",
                "+5",
                "5, 5",
                " ",
            ];
            let length = match dice.random_range(0..3) {
                0 => &length,
                _ => one_of(&lengths, dice),
            };
            draft.header("content-length", length);
            if dice.random_range(0..3) == 0 {
                draft.header("content-length", "3");
            }
            draft.body = json;
        }
        1 => {
            let large = dice.random_range(60_000..200_000);
            json.resize(large, b' ');
            draft.header("content-length", json.len().to_string());
            draft.body = json;
        }
        2 => {
            let codings = [
                "gzip, chunked",
                "chunked, chunked",
                "identity",
                "chunked;q=1",
                "\u{0b}chunked",
                "xchunked",
            ];
            draft.header("transfer-encoding", one_of(&codings, dice));
            draft.body = chunked(&json, dice);
        }
        3 => {
            draft.header("transfer-encoding", "chunked");
            draft.header("content-length", json.len().to_string());
            draft.body = chunked(&json, dice);
        }
        _ => {
            draft.header("transfer-encoding", "chunked");
            draft.body = chunked(&json, dice);
        }
    }
    draft.bytes()
}

/// A chunked body, often with a mistake.
fn chunked(body: &[u8], dice: &mut StdRng) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in body.chunks(dice.random_range(1..=64)).take(200) {
        let size = match dice.random_range(0..12) {
            0 => "zz".to_owned(),
            1 => "fffffffffffffffffff".to_owned(),
            2 => format!("{:x};name=\"value\"", piece.len()),
            3 => format!("{:x}", piece.len() + dice.random_range(1..5)),
            4 => String::new(),
            5 => format!("-{:x}", piece.len()),
            6 => format!(
                "{:x};{}",
                piece.len(),
                "x".repeat(dice.random_range(1..20_000))
            ),
            _ => format!("{:x}", piece.len()),
        };
        bytes.extend(size.as_bytes());
        bytes.extend(b"\r\n");
        bytes.extend(piece);
        bytes.extend(if dice.random_range(0..20) == 0 {
            &b"\n"[..]
        } else {
            b"\r\n"
        });
    }
    match dice.random_range(0..5) {
        0 => {}
        1 => bytes.extend(b"0\r\nx-api-key: trailer\r\n\r\n"),
        2 => bytes.extend(b"0\r\n\x00: \r\n\r\n"),
        _ => bytes.extend(b"0\r\n\r\n"),
    }
    bytes
}

fn head(routes: &Routes, dice: &mut StdRng) -> Vec<u8> {
    let (_, mut draft) = plain(routes, 10, dice);
    match dice.random_range(0..18) {
        0 => (0..dice.random_range(1..400))
            .map(|_| dice.random())
            .collect(),
        // The first bytes of TLS, of HTTP/2 and of SSH.
        1 => b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        2 => b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        3 => b"SSH-2.0-OpenSSH_9.0\r\n".to_vec(),
        4 => {
            let versions = [
                "HTTP/0.9",
                "HTTP/1.2",
                "HTTP/2",
                "HTTP/1.",
                "http/1.1",
                "HTTP/1.1 ",
                "",
                "HTTP/11",
            ];
            draft.version = versions[dice.random_range(0..versions.len())];
            draft.bytes()
        }
        5 => {
            draft
                .target
                .push_str(&"a".repeat(dice.random_range(8_000..100_000)));
            draft.bytes()
        }
        6 => {
            for n in 0..dice.random_range(90..400) {
                draft.header(&format!("x-{n}"), "a");
            }
            draft.bytes()
        }
        7 => {
            draft.header("x-long", "a".repeat(dice.random_range(10_000..600_000)));
            draft.bytes()
        }
        8 => {
            let names = ["", " ", "a b", "x-\u{0}", "\u{e9}", "x:", "(", "host\t"];
            draft.header(one_of(&names, dice), "a");
            draft.bytes()
        }
        9 => {
            let values = [
                &b"a\x00b"[..],
                b"\x7f",
                b"\r",
                b"a\r\n folded",
                b"\xff\xfe",
                b"\n",
                b"a\x0bb",
            ];
            draft.header("x-odd", one_of(&values, dice));
            draft.bytes()
        }
        10 => {
            let text = String::from_utf8_lossy(&draft.bytes()).replace("\r\n", "\n");
            text.into_bytes()
        }
        11 => {
            let targets = [
                "*",
                "http://evil.example/v1/messages",
                "evil.example:443",
                "//",
                "?",
                "#",
                "v1",
                "/v1/\u{e9}",
                "/ v1",
                "/v1/messages HTTP/1.1 x",
                "\u{0}",
                "http://",
                "http://[::1",
                "/\\..\\",
            ];
            draft.target = one_of(&targets, dice).to_owned();
            draft.bytes()
        }
        12 => {
            draft.method = METHODS[dice.random_range(0..METHODS.len())].to_owned();
            draft.bytes()
        }
        13 => {
            let mut bytes = b"\r\n".repeat(dice.random_range(1..50));
            bytes.extend(draft.bytes());
            bytes
        }
        14 => {
            let mut bytes = draft.bytes();
            bytes.truncate(dice.random_range(0..bytes.len()));
            bytes
        }
        // Several at once.
        15 => {
            draft.headers.retain(|(name, _)| name != "connection");
            draft.method = "GET".to_owned();
            let mut bytes = draft.bytes();
            bytes.extend(query(routes, dice).bytes());
            bytes
        }
        16 => {
            draft.method = "A".repeat(dice.random_range(1..5_000));
            draft.bytes()
        }
        _ => Vec::new(),
    }
}

/// A request with some of its bytes changed.
fn changed(routes: &Routes, dice: &mut StdRng) -> Vec<u8> {
    let mut bytes = match dice.random_range(0..3) {
        0 => headers(routes, dice).bytes(),
        1 => body(routes, dice),
        _ => plain(routes, 20, dice).1.bytes(),
    };
    for _ in 0..dice.random_range(1..6) {
        if bytes.is_empty() {
            break;
        }
        let at = dice.random_range(0..bytes.len());
        match dice.random_range(0..5) {
            0 => bytes[at] = dice.random(),
            1 => bytes[at] ^= 1 << dice.random_range(0..8),
            2 => bytes.insert(at, dice.random()),
            3 => drop(bytes.remove(at)),
            _ => {
                let end = bytes.len().min(at + dice.random_range(1..30));
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}
